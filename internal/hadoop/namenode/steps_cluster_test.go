//go:build cluster

package namenode_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"drover/internal/hadoop/namenode"
)

func attributes(c cluster) {
	c.empty(c.file)
	c.ok(c.SetPermission(c.ctx, c.file, 0o1751))
	c.ok(c.SetOwner(c.ctx, c.file, "ada", ""))
	c.ok(c.SetOwner(c.ctx, c.file, "", "staff"))
	c.ok(c.SetTimes(c.ctx, c.file, 1234567890123, -1))
	c.ok(c.SetTimes(c.ctx, c.file, -1, 1234567890456))
	c.ok(c.SetReplication(c.ctx, c.file, 2))
	c.is(c.SetReplication(c.ctx, c.dir, 2), namenode.ErrNotFile)
	policies, err := c.StoragePolicies(c.ctx)
	c.ok(err)
	if !slices.Contains(policies, namenode.StoragePolicy{ID: 7, Name: "HOT"}) {
		c.t.Errorf("policies %v", policies)
	}
	c.ok(c.SetStoragePolicy(c.ctx, c.file, "HOT"))
	s := c.stat(c.file)
	c.same([]any{s.Mode, s.Owner, s.Group, s.ModTime, s.AccessTime, s.Replication, s.StoragePolicy},
		[]any{uint16(0o1751), "ada", "staff", int64(1234567890123), int64(1234567890456), 2, byte(7)})
	c.ok(c.SetStoragePolicy(c.ctx, c.file, ""))
	c.same(c.stat(c.file).StoragePolicy, byte(0))
}

func acl(c cluster) {
	want := []namenode.ACLEntry{
		{Type: namenode.ACLUser, Perm: 7},
		{Type: namenode.ACLUser, Name: "ben", Perm: 6},
		{Type: namenode.ACLGroup, Perm: 5},
		{Type: namenode.ACLGroup, Name: "audit", Perm: 4},
		{Type: namenode.ACLMask, Perm: 6},
		{Type: namenode.ACLOther, Perm: 1},
		{Default: true, Type: namenode.ACLUser, Perm: 7},
		{Default: true, Type: namenode.ACLGroup, Perm: 0},
		{Default: true, Type: namenode.ACLOther, Perm: 0},
	}
	dir := c.dir + "/acl"
	c.ok(c.Mkdirs(c.ctx, dir, 0o750, false))
	c.ok(c.SetACL(c.ctx, dir, want))
	c.same(c.stat(dir).HasACL, true)
	got, err := c.ACL(c.ctx, dir)
	c.ok(err)
	full := got.Full()
	order := func(a, b namenode.ACLEntry) int { return cmpACL(a, b) }
	slices.SortFunc(full, order)
	slices.SortFunc(want, order)
	c.same(full, want)
	c.same([]any{got.Owner, got.Mode}, []any{c.user, uint16(0o761)})
	c.ok(c.RemoveACL(c.ctx, dir))
	got, err = c.ACL(c.ctx, dir)
	c.ok(err)
	c.same(len(got.Entries), 0)
	c.same(got.Full(), []namenode.ACLEntry{
		{Type: namenode.ACLUser, Perm: 7},
		{Type: namenode.ACLGroup, Perm: 5},
		{Type: namenode.ACLOther, Perm: 1},
	})
}

func cmpACL(a, b namenode.ACLEntry) int {
	text := func(e namenode.ACLEntry) string { return fmt.Sprint(e.Default, e.Type, e.Name) }
	return slices.Compare([]byte(text(a)), []byte(text(b)))
}

func xattrs(c cluster) {
	want := []namenode.XAttr{{Name: "trusted.b"}, {Name: "user.a", Value: []byte{0, 1, 0xff}}}
	for _, x := range want {
		c.ok(c.SetXAttr(c.ctx, c.file, x))
		c.ok(c.SetXAttr(c.ctx, c.file, x))
	}
	got, err := c.XAttrs(c.ctx, c.file)
	c.ok(err)
	c.same(len(got), 2)
	for i := range want {
		c.same([]any{got[i].Name, string(got[i].Value)}, []any{want[i].Name, string(want[i].Value)})
	}
	c.ok(c.RemoveXAttr(c.ctx, c.file, "user.a"))
	got, err = c.XAttrs(c.ctx, c.file)
	c.ok(err)
	c.same(len(got), 1)
	if err := c.SetXAttr(c.ctx, c.file, namenode.XAttr{Name: "a"}); err == nil {
		c.t.Error("a name without a namespace was taken")
	}
}

// snapshots leaves the snapshots s1 and s3 behind.
func snapshots(c cluster) {
	dir := c.dir + "/snap"
	defer func() {
		if c.t.Failed() {
			c.unsnapshot(dir)
		}
	}()
	c.ok(c.Mkdirs(c.ctx, dir+"/d", 0o755, true))
	for _, f := range []string{"/changed", "/gone", "/moved", "/d/inner"} {
		c.empty(dir + f)
	}
	_, err := c.CreateSnapshot(c.ctx, dir, "s1")
	c.is(err, namenode.ErrSnapshot)
	c.ok(c.AllowSnapshot(c.ctx, dir))
	where, err := c.CreateSnapshot(c.ctx, dir, "s1")
	c.ok(err)
	c.same(where, dir+"/.snapshot/s1")
	_, err = c.CreateSnapshot(c.ctx, dir, "s1")
	c.is(err, namenode.ErrSnapshot)
	c.ok(c.SetPermission(c.ctx, dir+"/changed", 0o600))
	_, err = c.Delete(c.ctx, dir+"/gone", false)
	c.ok(err)
	c.ok(c.Rename(c.ctx, dir+"/moved", dir+"/d/here", false))
	c.empty(dir + "/new")
	_, err = c.CreateSnapshot(c.ctx, dir, "s2")
	c.ok(err)
	c.ok(c.RenameSnapshot(c.ctx, dir, "s2", "s3"))
	got, err := c.Snapshots(c.ctx, dir)
	c.ok(err)
	c.same([]any{len(got), got[0].Name, got[1].Name, got[1].ID > got[0].ID, got[0].ModTime > 0}, []any{2, "s1", "s3", true, true})
	dirs, err := c.SnapshottableDirs(c.ctx)
	c.ok(err)
	at := slices.IndexFunc(dirs, func(d namenode.SnapshottableDir) bool { return d.Path == dir })
	if at < 0 || dirs[at].Snapshots != 2 || dirs[at].Quota < 2 {
		c.t.Errorf("snapshottable directories %+v", dirs)
	}
	c.same(c.stat(dir).Snapshottable, true)
	c.is(c.DisallowSnapshot(c.ctx, dir), namenode.ErrSnapshot)
	_, err = c.Delete(c.ctx, dir, true)
	if err == nil {
		c.t.Error("a directory with snapshots was deleted")
	}
}

// unsnapshot takes away what would keep a directory from being deleted.
func (c cluster) unsnapshot(dir string) {
	ctx := context.WithoutCancel(c.ctx)
	left, err := c.Snapshots(ctx, dir)
	for _, s := range left {
		err = errors.Join(err, c.DeleteSnapshot(ctx, dir, s.Name))
	}
	if err := errors.Join(err, c.DisallowSnapshot(ctx, dir)); err != nil {
		c.t.Error(err)
	}
}

// diff takes the snapshots away again.
func diff(c cluster) {
	dir := c.dir + "/snap"
	defer func() {
		if c.t.Failed() {
			c.unsnapshot(dir)
		}
	}()
	got, err := c.SnapshotDiff(c.ctx, dir, "s1", "s3")
	c.ok(err)
	slices.SortFunc(got, func(a, b namenode.DiffEntry) int { return slices.Compare([]byte(a.Path), []byte(b.Path)) })
	c.same(got, []namenode.DiffEntry{
		{Kind: 'M', Path: ""},
		{Kind: 'M', Path: "changed"},
		{Kind: 'M', Path: "d"},
		{Kind: '-', Path: "gone"},
		{Kind: 'R', Path: "moved", Target: "d/here"},
		{Kind: '+', Path: "new"},
	})
	present, err := c.SnapshotDiff(c.ctx, dir, "s3", "")
	c.ok(err)
	c.same(len(present), 0)
	var page namenode.DiffPage
	c.ok(c.SnapshotDiffListing(c.ctx, dir, "s1", "s3", func(p namenode.DiffPage) error {
		page.FromEarlier = p.FromEarlier
		page.Modified = append(page.Modified, p.Modified...)
		page.Created = append(page.Created, p.Created...)
		page.Deleted = append(page.Deleted, p.Deleted...)
		return nil
	}))
	names := func(entries []namenode.DiffListingEntry) (out []string) {
		for _, e := range entries {
			out = append(out, fmt.Sprint(e.Path, " ", e.Reference, " ", e.HasTarget, " ", e.Target))
		}
		slices.Sort(out)
		return out
	}
	c.same(page.FromEarlier, true)
	c.same(names(page.Modified), []string{" true false ", "changed false false ", "d true false "})
	c.same(names(page.Created), []string{"d/here true false ", "new false false "})
	c.same(names(page.Deleted), []string{"gone false false ", "moved true true d/here"})
	_, err = c.SnapshotDiff(c.ctx, dir, "s1", "none")
	c.is(err, namenode.ErrSnapshot)
	for _, s := range []string{"s1", "s3"} {
		c.ok(c.DeleteSnapshot(c.ctx, dir, s))
	}
	c.is(c.DeleteSnapshot(c.ctx, dir, "s1"), namenode.ErrSnapshot)
	c.ok(c.DisallowSnapshot(c.ctx, dir))
}

func quota(c cluster) {
	dir := c.dir + "/quota"
	c.ok(c.Mkdirs(c.ctx, dir, 0o755, false))
	c.ok(c.SetQuota(c.ctx, dir, 2, namenode.KeepQuota))
	c.empty(dir + "/one")
	_, err := c.Create(c.ctx, dir+"/two", namenode.CreateOptions{})
	c.is(err, namenode.ErrQuota)
	s, err := c.ContentSummary(c.ctx, dir)
	c.ok(err)
	c.same(s, namenode.ContentSummary{Files: 1, Dirs: 1, Quota: 2, SpaceQuota: -1})
	c.ok(c.SetQuota(c.ctx, dir, namenode.ClearQuota, namenode.ClearQuota))
	c.empty(dir + "/two")
}

func appends(c cluster) {
	for _, f := range []string{"/c1", "/c2"} {
		c.empty(c.dir + f)
	}
	last, s, err := c.Append(c.ctx, c.dir+"/c1", true)
	c.ok(err)
	if last != nil || s.FileID != c.stat(c.dir+"/c1").FileID {
		c.t.Errorf("append to an empty file: %+v, %+v", last, s)
	}
	_, _, err = c.Append(c.ctx, c.dir+"/c1", true)
	c.is(err, namenode.ErrBeingWritten)
	_, err = c.Complete(c.ctx, c.dir+"/c1", nil, s.FileID)
	c.ok(err)
	done, err := c.Truncate(c.ctx, c.dir+"/c1", 0)
	c.ok(err)
	c.same(done, true)
	if err := c.Concat(c.ctx, c.dir+"/c1", []string{c.dir + "/c2"}); err == nil {
		c.t.Error("concat of empty files, which the namenode refuses, succeeded")
	}
}

func facts(c cluster) {
	d, err := c.ServerDefaults(c.ctx)
	c.ok(err)
	c.same(d, namenode.ServerDefaults{
		BlockSize: d.BlockSize, BytesPerChecksum: 512, PacketSize: 65536, Replication: 1, Checksum: namenode.ChecksumCRC32C,
	})
	fs, err := c.FsStats(c.ctx)
	c.ok(err)
	if fs.Capacity <= 0 || fs.Remaining <= 0 || d.BlockSize <= 0 {
		c.t.Errorf("%+v, %+v", fs, d)
	}
	may, err := c.MayWrite(c.ctx, c.dir)
	c.ok(err)
	c.same(may, true)
	safe, err := c.SafeMode(c.ctx)
	c.ok(err)
	zone, err := c.EncryptionZone(c.ctx, c.dir)
	c.ok(err)
	policy, err := c.ErasureCodingPolicy(c.ctx, c.dir)
	c.ok(err)
	c.same([]any{safe, zone, policy}, []any{false, "", ""})
}

func refusals(c cluster) {
	_, err := c.Stat(c.ctx, c.dir+"/none")
	c.is(err, fs.ErrNotExist)
	_, err = c.Blocks(c.ctx, c.dir+"/none")
	c.is(err, fs.ErrNotExist)
	c.is(c.SetPermission(c.ctx, c.dir+"/none", 0o644), fs.ErrNotExist)
	_, err = c.ACL(c.ctx, c.dir+"/none")
	c.is(err, fs.ErrNotExist)
	_, err = c.Truncate(c.ctx, c.dir+"/none", 0)
	c.is(err, fs.ErrNotExist)
}
