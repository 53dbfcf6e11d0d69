//go:build cluster

package activities_test

import (
	"testing"

	"drover/activities"
	"drover/internal/workload/tree"
)

// TestRestoreBringsBackWhatNoDiffShows: somebody wrote to the target and changed
// the times of a file besides, which a snapshot diff does not report.
func TestRestoreBringsBackWhatNoDiffShows(t *testing.T) {
	m, _ := sandboxMirror(t)
	m.write(tree.All(firstTree()))
	m.begin()
	nn, ctx := m.target.NameNode, t.Context()
	m.must(nn.SetTimes(ctx, m.target.Root+"/attributes", 1_700_000_000_000, -1))
	m.must(nn.Mkdirs(ctx, m.target.Root+"/not from the source", 0o755, false))
	_, err := m.acts.RestoreMirrorTarget(ctx, activities.MirrorSnapshotInput{MirrorAt: m.at, Snapshot: snapshot(0)})
	m.must(err)
	m.equal(snapshot(0))
	m.untouched(snapshot(0))
}
