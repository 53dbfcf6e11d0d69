//go:build cluster

package activities_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/filesum"
	"drover/internal/sandbox"
	work "drover/internal/workload/tree"
)

// hadoop is one JVM with Hadoop's own code, which answers questions.
type hadoop struct {
	t       *testing.T
	cmd     *exec.Cmd
	ask     io.WriteCloser
	answers *bufio.Reader
	said    bytes.Buffer // on stderr
	took    time.Duration
	asked   int
}

// startHadoop compiles and starts testdata/AskHadoop.java. It ends with the test.
func startHadoop(t *testing.T, box *sandbox.Sandbox) *hadoop {
	t.Helper()
	source, err := filepath.Abs("testdata/AskHadoop.java")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	h := &hadoop{t: t}
	if h.cmd, err = box.JavaCommand(ctx, "b", sandbox.JavaOptions{}, source); err != nil {
		t.Fatal(err)
	}
	var outErr, inErr error
	h.ask, inErr = h.cmd.StdinPipe()
	out, outErr := h.cmd.StdoutPipe()
	h.cmd.Stderr = &h.said
	if err := errors.Join(inErr, outErr, h.cmd.Start()); err != nil {
		t.Fatal(err)
	}
	h.answers = bufio.NewReaderSize(out, 1<<20)
	t.Cleanup(func() {
		err := h.ask.Close() // which ends it
		ending := time.AfterFunc(time.Minute, cancel)
		defer ending.Stop()
		if err := errors.Join(err, h.cmd.Wait()); err != nil {
			t.Errorf("AskHadoop: %v\n%s", err, h.said.String())
		}
		cancel()
	})
	return h
}

// answer asks one question.
func (h *hadoop) answer(question ...string) []string {
	h.t.Helper()
	began := time.Now()
	defer func() { h.asked, h.took = h.asked+1, h.took+time.Since(began) }()
	var words []string
	for _, w := range question {
		words = append(words, base64.StdEncoding.EncodeToString([]byte(w)))
	}
	if _, err := io.WriteString(h.ask, strings.Join(words, " ")+"\n"); err != nil {
		h.t.Fatalf("ask Hadoop %q: %v\n%s", question[0], err, h.said.String())
	}
	var log strings.Builder
	for {
		line, err := h.answers.ReadString('\n')
		if err != nil {
			h.t.Fatalf("ask Hadoop %q: %v\n%s%s", question[0], err, log.String(), h.said.String())
		}
		text, answered := strings.CutPrefix(line, "answer ")
		failure, failed := strings.CutPrefix(line, "failure ")
		switch {
		case answered:
			return h.words(text)
		case failed:
			h.t.Fatalf("Hadoop's %v failed: %s\n%s", question[:min(len(question), 8)], h.words(failure), log.String())
		}
		log.WriteString(line)
	}
}

func (h *hadoop) words(line string) []string {
	h.t.Helper()
	var out []string
	for word := range strings.FieldsSeq(line) {
		text, err := base64.StdEncoding.DecodeString(word)
		if err != nil {
			h.t.Fatal(err)
		}
		out = append(out, string(text))
	}
	return out
}

// hadoopAgrees asks Hadoop's own code whether a snapshot that both sides have
// stands for equal trees: FileChecksum of every file, distcp with and without
// -diff.
func (m *mirror) hadoopAgrees(h *hadoop, snapshot string) {
	m.t.Helper()
	files := m.checksumsAgree(h)
	source, target := m.uri("a")+m.source.Root, m.uri("b")+m.target.Root
	// What distcp compares it would also put right: names, content, attributes.
	// Extended ones it sets whether they are equal or not (DistCpUtils.preserve).
	m.nothingToDo(h, snapshot, strconv.Itoa(files), "-update", "-delete", "-prbugpa", source+"/.snapshot/"+snapshot, target)
	next := snapshot + "-next"
	_, err := m.source.NameNode.CreateSnapshot(m.t.Context(), m.source.Root, next)
	m.must(err)
	m.nothingToDo(h, snapshot, "", "-update", "-diff", snapshot, next, source, target)
	m.must(m.source.NameNode.DeleteSnapshot(m.t.Context(), m.source.Root, next))
}

func (m *mirror) uri(site string) string { return "hdfs://" + m.order.NameNodes[site][0] }

// nothingToDo runs distcp, which must succeed, skip so many files, copy nothing
// and leave the target as its snapshot is.
func (m *mirror) nothingToDo(h *hadoop, snapshot, skipped string, args ...string) {
	m.t.Helper()
	counters := map[string]string{}
	for _, c := range h.answer(append([]string{"distcp"}, args...)...) {
		name, value, _ := strings.Cut(c, "=")
		counters[name] = value
	}
	for _, name := range []string{"Bytes Copied", "Files Copied", "Bytes Failed", "Files Failed"} {
		if n := counters[name]; n != "" && n != "0" {
			m.t.Errorf("distcp %v: %s=%s, want none: %v", args, name, n, counters)
		}
	}
	if counters["Files Skipped"] != skipped {
		m.t.Errorf("distcp %v skipped %q files, want %q: %v", args, counters["Files Skipped"], skipped, counters)
	}
	m.untouched(snapshot)
}

// checksumsAgree compares Hadoop's checksum of every file, on both sides, with
// ours, and returns how many files a side has.
func (m *mirror) checksumsAgree(h *hadoop) int {
	m.t.Helper()
	sums := map[string][]string{}
	for site, side := range map[string]work.Target{"a": m.source, "b": m.target} {
		dn := datanode.New(datanode.Config{Name: side.NameNode.Name()})
		own := filesum.New(side.NameNode, dn, false)
		question := []string{"checksum", m.uri(site)}
		for _, n := range m.model.Nodes() {
			if n.Dir {
				continue
			}
			name := path.Join(side.Root, n.Path)
			sum, _, err := own.MD5(m.t.Context(), name)
			m.must(err)
			question = append(question, name)
			sums[site] = append(sums[site], sum.Algorithm()+" "+sum.Hex())
		}
		m.must(dn.Close())
		theirs := h.answer(question...)
		for i, sum := range sums[site] {
			if i >= len(theirs) || theirs[i] != sum {
				m.t.Errorf("%s at %s: Hadoop says %q, we say %q", question[i+2], site, theirs[min(i, len(theirs)):], sum)
			}
		}
	}
	if !slices.Equal(sums["a"], sums["b"]) {
		m.t.Error("the checksums of the two sides differ")
	}
	return len(sums["a"])
}

// String says what asking cost.
func (h *hadoop) String() string {
	return fmt.Sprintf("%d questions in %v", h.asked, h.took.Round(time.Millisecond))
}
