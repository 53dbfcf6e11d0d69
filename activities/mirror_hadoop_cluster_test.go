//go:build cluster

package activities_test

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/filesum"
	"drover/internal/sandbox"
	work "drover/internal/workload/tree"
)

// hadoopAgrees asks Hadoop's own tools whether a snapshot that both sides have
// stands for equal trees: FileChecksum of every file, distcp with and without
// -diff.
func (m *mirror) hadoopAgrees(box *sandbox.Sandbox, snapshot string) {
	m.t.Helper()
	files := m.checksumsAgree(box)
	source, target := m.uri("a", m.source.Root), m.uri("b", m.target.Root)
	// What distcp compares it would also put right: names, content, attributes.
	// Extended ones it sets whether they are equal or not (DistCpUtils.preserve).
	m.nothingToDo(box, snapshot, strconv.Itoa(files), "-update", "-delete", "-prbugpa", source+"/.snapshot/"+snapshot, target)
	next := snapshot + "-next"
	_, err := m.source.NameNode.CreateSnapshot(m.t.Context(), m.source.Root, next)
	m.must(err)
	m.nothingToDo(box, snapshot, "", "-update", "-diff", snapshot, next, source, target)
	m.must(m.source.NameNode.DeleteSnapshot(m.t.Context(), m.source.Root, next))
}

func (m *mirror) uri(site, path string) string { return "hdfs://" + m.order.NameNodes[site][0] + path }

// nothingToDo runs distcp, which must succeed, skip so many files, copy nothing
// and leave the target as its snapshot is.
func (m *mirror) nothingToDo(box *sandbox.Sandbox, snapshot, skipped string, args ...string) {
	m.t.Helper()
	res, err := box.RunJava(m.t.Context(), "b", sandbox.JavaOptions{}, "org.apache.hadoop.tools.DistCp", args...)
	m.must(err)
	said := string(res.Stdout) + string(res.Stderr)
	if res.ExitCode != 0 {
		m.t.Fatalf("distcp %v ended with %d:\n%s", args, res.ExitCode, said)
	}
	counters := map[string]string{}
	for line := range strings.Lines(said) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), "="); found {
			counters[name] = value
		}
	}
	for _, name := range []string{"Bytes Copied", "Files Copied", "Bytes Failed", "Files Failed"} {
		if n := counters[name]; n != "" && n != "0" {
			m.t.Errorf("distcp %v: %s=%s, want none:\n%s", args, name, n, said)
		}
	}
	if counters["Files Skipped"] != skipped {
		m.t.Errorf("distcp %v skipped %q files, want %q:\n%s", args, counters["Files Skipped"], skipped, said)
	}
	m.t.Logf("distcp %s: %s files and %s bytes skipped in %v", strings.Join(args[:2], " "), counters["Files Skipped"], counters["Bytes Skipped"], res.Wall)
	m.untouched(snapshot)
}

// checksumsAgree compares what `hdfs dfs -checksum` prints of every file, on
// both sides, with ours, and returns how many files a side has.
func (m *mirror) checksumsAgree(box *sandbox.Sandbox) int {
	m.t.Helper()
	var args, ours []string
	for _, side := range []struct {
		site string
		work.Target
	}{{"a", m.source}, {"b", m.target}} {
		dn := datanode.New(datanode.Config{Name: side.NameNode.Name()})
		sums := filesum.New(side.NameNode, dn, false)
		for _, n := range m.model.Nodes() {
			if n.Dir {
				continue
			}
			name := path.Join(side.Root, n.Path)
			sum, _, err := sums.MD5(m.t.Context(), name)
			m.must(err)
			args = append(args, escaped(m.uri(side.site, name)))
			ours = append(ours, sum.Algorithm()+"\t"+sum.Hex())
		}
		m.must(dn.Close())
	}
	res, err := box.RunJava(m.t.Context(), "a", sandbox.JavaOptions{}, "org.apache.hadoop.fs.FsShell", append([]string{"-checksum"}, args...)...)
	m.must(err)
	var lines []string
	for line := range strings.Lines(string(res.Stdout)) {
		if strings.HasPrefix(line, "hdfs://") { // log4j talks on the same stream
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	if res.ExitCode != 0 || len(lines) != len(args) {
		m.t.Fatalf("hdfs dfs -checksum of %d files ended with %d and %d lines:\n%s", len(args), res.ExitCode, len(lines), res.Stderr)
	}
	for i, line := range lines {
		if !strings.HasSuffix(line, "\t"+ours[i]) {
			m.t.Errorf("%s: Hadoop says %q, we say %q", args[i], line, ours[i])
		}
	}
	m.t.Logf("FileChecksum of %d files in %v", len(lines), res.Wall)
	half := len(ours) / 2
	if fmt.Sprint(ours[:half]) != fmt.Sprint(ours[half:]) {
		m.t.Error("the checksums of the two sides differ")
	}
	return half
}

// escaped is a path that Hadoop's shell takes as it is.
func escaped(name string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`, "{", `\{`, "}", `\}`).Replace(name)
}
