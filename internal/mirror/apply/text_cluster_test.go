//go:build cluster

package apply_test

import (
	"slices"
	"strings"
	"testing"

	"drover/internal/mirror/diff"
	"drover/internal/mirror/plan"
	"drover/internal/sandbox"
)

// TestTheTextOfTheToolSaysTheSame compares what `hdfs snapshotDiff` prints with
// the calls' answer.
func TestTheTextOfTheToolSaysTheSame(t *testing.T) {
	r := open(t, "a")
	w := newWalk(r, 7)
	w.mutate(40)
	r.snapshot(w.root, "s1")
	w.mutate(25)
	site, err := r.sandbox.Site("a")
	r.must(err)
	// Without -fs the tool asks fs.defaultFS, whatever the path says. "." is the
	// current tree: the way back; the document's example is the other direction.
	out, err := r.sandbox.RunJava(t.Context(), "a", sandbox.JavaOptions{}, "org.apache.hadoop.hdfs.tools.snapshot.SnapshotDiff",
		"-fs", "hdfs://"+site.NameNode, w.root, ".", "s1")
	r.must(err)
	got, err := plan.Parse(strings.NewReader(string(out.Stdout)))
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out.Stdout, out.Stderr)
	}
	want, err := diff.OneShot(t.Context(), r.nn, w.root, "", "s1")
	r.must(err)
	if got.From != want.From || got.To != want.To || got.Backward != want.Backward || !slices.Equal(got.Changes, want.Changes) {
		t.Errorf("the text reads as\n%+v, the call says\n%+v", got, want)
	}
	if !got.Whole || got.Dir != w.root {
		t.Errorf("the text is of %s, whole: %v; want %s and its end", got.Dir, got.Whole, w.root)
	}
	if len(got.Changes) < 5 {
		t.Errorf("only %d changes", len(got.Changes))
	}
}
