//go:build cluster

package activities_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"drover/activities"
	"drover/internal/mirror/tree"
	work "drover/internal/workload/tree"
)

// worker is a process that copies a part of a baseline.
type worker struct {
	*exec.Cmd
	out, said bytes.Buffer
}

// works starts a worker with a state directory of its own.
func (m *mirror) works(state string, part activities.MirrorCopyInput) *worker {
	m.t.Helper()
	o := m.order
	o.StateDir, o.Part = state, &part
	text, err := json.Marshal(o)
	m.must(err)
	self, err := os.Executable()
	m.must(err)
	w := &worker{Cmd: exec.CommandContext(m.t.Context(), self)}
	w.Env = append(os.Environ(), childEnv+"="+string(text))
	w.Stdout, w.Stderr = &w.out, &w.said
	m.must(w.Start())
	return w
}

// copied is what a worker did that ended well.
func (w *worker) copied(t *testing.T) activities.MirrorCopied {
	t.Helper()
	var out activities.MirrorCopied
	if err := w.Wait(); err != nil {
		t.Fatalf("worker: %v\n%s", err, w.said.String())
	}
	if err := json.Unmarshal(w.out.Bytes(), &out); err != nil {
		t.Fatalf("worker said %q: %v", w.out.String(), err)
	}
	return out
}

// TestTwoWorkersShareABaseline: each copies batches of one baseline from its own
// manifests at the same time; one is killed, and the other's next batch is its.
func TestTwoWorkersShareABaseline(t *testing.T) {
	t.Parallel()
	m, _ := sandboxMirror(t)
	nodes := []work.Node{{Path: "", Dir: true}}
	const files, size = 24, 512 << 10
	for n := range files {
		nodes = append(nodes, work.Node{Path: fmt.Sprintf("f%02d", n), Content: work.Piece{Seed: uint64(n), Bytes: size}})
	}
	m.write(work.All(nodes))
	m.must(m.source.NameNode.AllowSnapshot(t.Context(), m.source.Root))
	_, err := m.source.NameNode.CreateSnapshot(t.Context(), m.source.Root, snapshot(0))
	m.must(err)
	// Batches as small as the tree, at both workers.
	states := []string{t.TempDir(), t.TempDir()}
	source, _ := m.trees()
	for _, dir := range append(states, m.order.StateDir) {
		dir = filepath.Join(dir, "mirror", m.at.RunKey, snapshot(0))
		index, err := tree.WriteShards(t.Context(), source.At(snapshot(0)), dir, tree.ShardOptions{ListOptions: tree.ListOptions{Attributes: true}, Files: files / 4})
		m.must(err)
		if index.Shards.Count != 4 {
			t.Fatalf("%d shards, want 4", index.Shards.Count)
		}
	}
	list, err := m.acts.ListMirrorBaseline(t.Context(), activities.MirrorSnapshotInput{MirrorAt: m.at, Snapshot: snapshot(0)})
	m.must(err)
	part := activities.MirrorCopyInput{MirrorAt: m.at, Snapshot: snapshot(0), Digest: list.Digest, Parallel: 1, BytesPerSecond: 2 * mib}
	_, err = m.acts.MakeMirrorDirectories(t.Context(), part)
	m.must(err)

	first, second := part, part
	first.Last, second.First, second.Last = 2, 2, 4
	one, other := m.works(states[0], first), m.works(states[1], second)
	f := &faulty{mirror: m}
	running := make(chan outcome)
	f.when(running, "the other has copied a file", func() bool {
		for n := files / 2; n < files; n++ {
			st, err := m.target.NameNode.Stat(t.Context(), fmt.Sprintf("%s/f%02d", m.target.Root, n))
			if err == nil && st.Size == size {
				return true
			}
		}
		return false
	})
	m.must(other.Process.Kill())
	other.Wait() //nolint:errcheck // it was killed
	if got := one.copied(t); got.Copied != files/2 || got.Files != files/2 {
		t.Errorf("the one worker: %+v, want its %d files copied", got, files/2)
	}
	second.BytesPerSecond = 0
	got := m.works(states[0], second).copied(t)
	t.Logf("what the killed one left: %+v", got)
	if got.Files != files/2 || got.Adopted == 0 || got.Adopted+got.Copied+got.Appended != files/2 {
		t.Errorf("what the killed one left: %+v, want %d files, some found complete", got, files/2)
	}
	_, err = m.acts.FinishMirrorDirectories(t.Context(), part)
	m.must(err)
	m.equal(snapshot(0))
}
