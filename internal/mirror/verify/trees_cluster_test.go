//go:build cluster

package verify_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/tree"
	"drover/internal/mirror/verify"
	"drover/internal/report"
	"drover/internal/storage/storagetest"
)

const mib = 1 << 20

// grow writes the same tree on either site: names a NameNode sorts in its own
// way, a directory of several pages is not among them (see the page test).
func grow(t *testing.T, tr tree.Tree) {
	t.Helper()
	for name, size := range map[string]int{
		"same": 10, "content": 5000, "size": 7, "mode": 1, "owner": 1, "acl": 1, "xattr": 1, "replication": 1,
		"time": 1, "a b/%20": 3, "é/ü": 2, "zz/日本": 4, "empty": 0, "gone/x": 1, "gone/y": 1, "policy": 1,
	} {
		write(t, tr, name, storagetest.Bytes(size), mib)
	}
	write(t, tr, "blocks", storagetest.Bytes(2*mib+7), mib)
	must(t, tr.NN.Mkdirs(t.Context(), tr.Path("empty dir"), 0o755, false))
	must(t, tr.NN.Mkdirs(t.Context(), tr.Path("sticky"), 0o1777, false))
}

func TestEveryDifferenceBetweenTwoHDFSIsNamed(t *testing.T) {
	a, b := hdfsTree(t, "a", "verify"), hdfsTree(t, "b", "verify")
	grow(t, a)
	grow(t, b)
	all := verify.Options{Metadata: true}
	equal, err := verify.Trees(t.Context(), a, b, all)
	must(t, err)
	want := verify.Proof{Empty: 1, Checksum: 16}
	if equal.Verdict != report.Match || equal.Files != 17 || equal.Dirs != 7 || !cmp.Equal(equal.Proof, want) {
		t.Fatalf("equal trees: %+v, want a match proved by checksums", equal)
	}

	changed := storagetest.Bytes(5000)
	changed[4321] ^= 0x40
	write(t, b, "content", changed, mib) // same size and time
	write(t, b, "size", storagetest.Bytes(8), mib)
	write(t, b, "blocks", storagetest.Bytes(2*mib+7), 2*mib) // same bytes, other blocks
	write(t, b, "extra", nil, mib)
	ctx, nn := t.Context(), b.NN
	_, err = nn.Delete(ctx, b.Path("gone"), true)
	must(t, err)
	must(t, nn.SetPermission(ctx, b.Path("mode"), 0o600))
	must(t, nn.SetPermission(ctx, b.Path("sticky"), 0o777))
	must(t, nn.SetOwner(ctx, b.Path("owner"), "olga", "staff"))
	acl := namenode.ACL{Mode: 0o644, Entries: []namenode.ACLEntry{{Type: namenode.ACLUser, Name: "eve", Perm: 5}, {Type: namenode.ACLGroup, Perm: 4}}}
	must(t, nn.SetACL(ctx, b.Path("acl"), acl.Full()))
	must(t, nn.SetPermission(ctx, b.Path("acl"), 0o644))
	must(t, nn.SetXAttr(ctx, b.Path("xattr"), namenode.XAttr{Name: "user.k", Value: []byte("v")}))
	must(t, nn.SetReplication(ctx, b.Path("replication"), 2))
	must(t, nn.SetTimes(ctx, b.Path("time"), 1_700_000_000_124, -1))
	must(t, nn.SetStoragePolicy(ctx, b.Path("policy"), "COLD"))

	got, err := verify.Trees(ctx, a, b, all)
	must(t, err)
	owner, err := a.NN.Stat(ctx, a.Path("owner"))
	must(t, err)
	wantAll := []verify.Difference{
		{Path: "acl", Kind: verify.ACL, Target: "group::r--,user:eve:r-x"},
		{Path: "blocks", Kind: verify.BlockSize, Source: "1048576", Target: "2097152"},
		{Path: "content", Kind: verify.Content, Target: "other bytes from offset 4321"},
		{Path: "extra", Kind: verify.Extra, Target: "file"},
		{Path: "gone", Kind: verify.Missing, Source: "directory"},
		{Path: "mode", Kind: verify.Mode, Source: "0644", Target: "0600"},
		{Path: "owner", Kind: verify.Group, Source: owner.Group, Target: "staff"},
		{Path: "owner", Kind: verify.Owner, Source: owner.Owner, Target: "olga"},
		{Path: "policy", Kind: verify.Policy, Source: "inherited", Target: "COLD"},
		{Path: "replication", Kind: verify.Replication, Source: "1", Target: "2"},
		{Path: "size", Kind: verify.Size, Source: "7", Target: "8"},
		{Path: "sticky", Kind: verify.Mode, Source: "1777", Target: "0777"},
		{Path: "time", Kind: verify.ModTime, Source: "2023-11-14T22:13:20.123Z", Target: "2023-11-14T22:13:20.124Z"},
		{Path: "xattr", Kind: verify.XAttr, Target: `user.k="v"`},
	}
	if diff := cmp.Diff(wantAll, got.Differences); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	if got.Proof.Composite != 1 || got.Proof.Read != 0 || len(got.Gaps) != 0 {
		t.Errorf("proof %+v, gaps %v, want the file of other blocks proved by its composite CRC", got.Proof, got.Gaps)
	}
	plain, err := verify.Trees(ctx, a, b, verify.Options{})
	must(t, err)
	if plain.Differing != 4 {
		t.Errorf("without metadata %d differ: %v, want content, extra, gone, size", plain.Differing, plain.Differences)
	}
}

// A directory of more entries than one answer holds, names that are not ASCII
// among them, on a snapshot and on the live tree.
func TestADirectoryOfSeveralPagesIsComparedWhole(t *testing.T) {
	a := hdfsTree(t, "a", "pages")
	const many = 1100 // dfs.ls.limit is 1000
	for i := range many {
		name := fmt.Sprintf("d%04d", i)
		if i%3 == 0 {
			name = fmt.Sprintf("ä%04d", i)
		}
		must(t, a.NN.Mkdirs(t.Context(), a.Path(name), 0o755, false))
	}
	must(t, a.NN.AllowSnapshot(t.Context(), a.Root))
	snapshot(t, a, "s1")
	must(t, a.NN.Mkdirs(t.Context(), a.Path("new"), 0o755, false))
	got, err := verify.Trees(t.Context(), a.At("s1"), a, verify.Options{})
	must(t, err)
	want := []verify.Difference{{Path: "new", Kind: verify.Extra, Target: "directory"}}
	if got.Dirs != many+1 || !cmp.Equal(got.Differences, want) {
		t.Errorf("%d directories, differences %v, want %d and %v", got.Dirs, got.Differences, many+1, want)
	}
}

func TestDriftIsFoundAlsoWhereTheDifferenceIsSilent(t *testing.T) {
	a, b := hdfsTree(t, "a", "drift"), hdfsTree(t, "b", "drift")
	for _, tr := range []tree.Tree{a, b} {
		write(t, tr, "d/f", storagetest.Bytes(1000), mib)
		write(t, tr, "d/g", storagetest.Bytes(2000), mib)
		must(t, tr.NN.AllowSnapshot(t.Context(), tr.Root))
		snapshot(t, tr, "s1")
	}
	source := a.At("s1")
	look := func(opt verify.DriftOptions) verify.Drift {
		t.Helper()
		d, err := verify.FindDrift(t.Context(), b, "s1", opt)
		must(t, err)
		return d
	}
	if d := look(verify.DriftOptions{Source: &source}); d.Verdict != report.Match || d.Samples != 2 {
		t.Fatalf("an untouched target: %+v, want a match of 2 samples", d)
	}
	// Times alone: the NameNode's difference says nothing.
	must(t, b.NN.SetTimes(t.Context(), b.Path("d/f"), 5, -1))
	if d := look(verify.DriftOptions{}); d.Verdict != report.Differ || d.Changes != 0 || len(d.Sampled) != 1 || d.Sampled[0].Kind != verify.ModTime {
		t.Errorf("another time: %+v, want it found by a sample alone", d)
	}
	write(t, b, "new", nil, mib)
	if d := look(verify.DriftOptions{Samples: -1}); d.Verdict != report.Differ || d.Changes == 0 {
		t.Errorf("a new file: %+v, want it in the changes", d)
	}
	// A snapshot of the right name that is not the one that was made.
	must(t, b.NN.DeleteSnapshot(t.Context(), b.Root, "s1"))
	write(t, b, "d/g", storagetest.Bytes(2001)[1:], mib)
	snapshot(t, b, "s1")
	if d := look(verify.DriftOptions{}); d.Changes != 0 {
		t.Errorf("a snapshot just made: %+v, want no changes", d)
	}
	if d := look(verify.DriftOptions{Source: &source}); d.Verdict != report.Differ || len(d.Sampled) != 0 || len(d.Strayed) == 0 {
		t.Errorf("another snapshot of the same name: %+v, want it found by the source's bytes", d)
	}
	if d := look(verify.DriftOptions{RootID: 1}); d.Replaced == "" || d.Verdict != report.Differ {
		t.Errorf("another root: %+v, want it called replaced", d)
	}
}

// TestASnapshotMadeAnewIsDrift by its number alone: its name, its bytes and the
// directory are the ones recorded.
func TestASnapshotMadeAnewIsDrift(t *testing.T) {
	b := hdfsTree(t, "b", "anew")
	write(t, b, "f", storagetest.Bytes(1000), mib)
	must(t, b.NN.AllowSnapshot(t.Context(), b.Root))
	recorded := func() verify.DriftOptions {
		t.Helper()
		snapshot(t, b, "s1")
		root, err := b.NN.Stat(t.Context(), b.Root)
		must(t, err)
		all, err := b.NN.Snapshots(t.Context(), b.Root)
		must(t, err)
		return verify.DriftOptions{RootID: root.FileID, SnapshotID: all[0].ID}
	}
	snapshot(t, b, "s0") // the first has number 0, which stands for an unknown one
	must(t, b.NN.DeleteSnapshot(t.Context(), b.Root, "s0"))
	first := recorded()
	look := func(o verify.DriftOptions) verify.Drift {
		t.Helper()
		d, err := verify.FindDrift(t.Context(), b, "s1", o)
		must(t, err)
		return d
	}
	if d := look(first); d.Verdict != report.Match {
		t.Errorf("the snapshot that was recorded: %+v, want a match", d)
	}
	must(t, b.NN.DeleteSnapshot(t.Context(), b.Root, "s1"))
	second := recorded()
	if d := look(first); d.Verdict != report.Differ || !strings.Contains(d.Replaced, "it was deleted and made again") {
		t.Errorf("a snapshot made again: %+v, want it called so", d)
	}
	if d := look(second); d.Verdict != report.Match {
		t.Errorf("by the new number: %+v, want a match", d)
	}
}
