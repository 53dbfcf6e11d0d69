//go:build cluster

package freeze_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/user"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drover/internal/config"
	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/freeze"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage"
	"drover/internal/storage/open"
)

// site is a directory with a file and a snapshot on a real HDFS.
type site struct {
	*namenode.Client
	t    *testing.T
	ctx  context.Context
	root string
	user string
	addr string
}

func newSite(t *testing.T) site {
	t.Helper()
	s, err := sandboxtest.Shared(t).Site("a")
	if err != nil {
		t.Fatal(err)
	}
	return siteAt(t, s.NameNode)
}

func siteAt(t *testing.T, nameNode string) site {
	t.Helper()
	me, err := user.Current() // who runs the NameNode is its superuser
	if err != nil {
		t.Fatal(err)
	}
	d := site{t: t, ctx: t.Context(), root: fmt.Sprintf("/mirror-test/freeze-%d", time.Now().UnixNano()), user: me.Username, addr: nameNode}
	d.Client = d.as(me.Username)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, name := range []string{"before", "frozen"} {
			_ = d.DeleteSnapshot(ctx, d.root, name) // a failed test may not have taken it
		}
		if _, err := d.Delete(ctx, d.root, true); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	d.must(d.Mkdirs(d.ctx, d.root+"/d", 0o755, true))
	d.must(d.AllowSnapshot(d.ctx, d.root))
	d.must(d.write("/d/file"))
	d.snapshot("before")
	return d
}

// as is a client of the same NameNode that somebody else uses.
func (d site) as(user string) *namenode.Client {
	d.t.Helper()
	nn, err := namenode.Open(namenode.Config{Addresses: []string{d.addr}, User: user})
	d.must(err)
	d.t.Cleanup(func() { nn.Close() }) //nolint:errcheck // nothing is under way
	return nn
}

func (d site) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d site) snapshot(name string) {
	d.t.Helper()
	_, err := d.CreateSnapshot(d.ctx, d.root, name)
	d.must(err)
}

func (d site) write(rel string) error {
	store, root, err := open.Root("hdfs://"+d.addr+d.root, config.HDFS{NameNodes: []string{d.addr}, User: d.user})
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // nothing is under way
	w, err := store.Create(d.ctx, root+rel, storage.CreateOptions{Replication: 1})
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, "some bytes"); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Commit()
}

// TestAQuotaStopsWhatAddsAndNothingElse holds the package's words against a
// real NameNode, and that a frozen tree can still be snapshotted.
func TestAQuotaStopsWhatAddsAndNothingElse(t *testing.T) {
	d := newSite(t)
	open, err := d.Create(d.ctx, d.root+"/d/open", namenode.CreateOptions{Mode: 0o644, Replication: 1, BlockSize: 1 << 20})
	d.must(err)
	found, err := freeze.Look(d.ctx, d.Client, d.root, freeze.Quota)
	d.must(err)
	d.must(found.Freeze(d.ctx, d.Client, d.root, freeze.Quota, d.user))
	d.snapshot("frozen")
	_, created := d.Create(d.ctx, d.root+"/d/new", namenode.CreateOptions{Mode: 0o644, Replication: 1, BlockSize: 1 << 20})
	_, _, appended := d.Append(d.ctx, d.root+"/d/file", true)
	_, added := d.AddBlock(d.ctx, d.root+"/d/open", nil, namenode.AddBlockOptions{FileID: open.FileID})
	for what, err := range map[string]error{
		"mkdir": d.Mkdirs(d.ctx, d.root+"/new", 0o755, false), "create": created, "append": appended, "a block of an open file": added,
	} {
		if !errors.Is(err, namenode.ErrQuota) {
			t.Errorf("%s: %v, want it refused by the quota", what, err)
		}
	}
	_, err = d.Complete(d.ctx, d.root+"/d/open", nil, open.FileID)
	d.must(err)
	d.must(d.SetPermission(d.ctx, d.root+"/d/file", 0o600))
	d.must(found.Thaw(d.ctx, d.Client, d.root, freeze.Quota))
	d.must(d.write("/d/new"))
	sum, err := d.ContentSummary(d.ctx, d.root)
	d.must(err)
	if sum.Quota != -1 || sum.SpaceQuota != -1 {
		t.Errorf("quotas %d and %d are left, there were none", sum.Quota, sum.SpaceQuota)
	}
}

// TestPermissionsAreNotTrustedUnseen: the sandbox's NameNodes do not check them.
func TestPermissionsAreNotTrustedUnseen(t *testing.T) {
	d := newSite(t)
	found, err := freeze.Look(d.ctx, d.Client, d.root, freeze.Permissions)
	d.must(err)
	d.must(found.Freeze(d.ctx, d.Client, d.root, freeze.Permissions, d.user))
	stranger := d.as("stranger")
	st, err := d.Stat(d.ctx, d.root)
	d.must(err)
	if checked, err := freeze.Checked(d.ctx, stranger, st, d.root); err != nil || checked {
		t.Errorf("checked %v, %v, want that it is not", checked, err)
	}
	if err := freeze.ProveClosed(d.ctx, stranger, d.root); fault.KindOf(err) != fault.Unsupported {
		t.Errorf("got %v, want the freeze refused as unsupported", err)
	}
	d.must(found.Thaw(d.ctx, d.Client, d.root, freeze.Permissions))
	st, err = d.Stat(d.ctx, d.root)
	d.must(err)
	if st.Mode != found.Mode || st.Owner != found.Owner {
		t.Errorf("thawed: mode %o of %s, want %o of %s", st.Mode, st.Owner, found.Mode, found.Owner)
	}
}

// TestPermissionsKeepEverybodyOffButTheSuperuser has a NameNode that checks them,
// a tree whose owner writes to it, and somebody whom an ACL lets write.
func TestPermissionsKeepEverybodyOffButTheSuperuser(t *testing.T) {
	d := siteAt(t, sandboxtest.OwnHDFS(t, nil).Addresses()[0])
	d.must(d.SetOwner(d.ctx, d.root, "ada", "writers"))
	d.must(d.SetPermission(d.ctx, d.root, 0o755))
	acl := []namenode.ACLEntry{{Type: namenode.ACLUser, Name: "bob", Perm: 7}, {Type: namenode.ACLGroup, Perm: 5}}
	d.must(d.SetACL(d.ctx, d.root, namenode.ACL{Mode: 0o775, Entries: acl}.Full()))
	writes := func(who string) map[string]error {
		nn := d.as(who)
		_, created := nn.Create(d.ctx, d.root+"/of-"+who, namenode.CreateOptions{Mode: 0o644, Overwrite: true, Replication: 1, BlockSize: 1 << 20})
		_, deleted := nn.Delete(d.ctx, d.root+"/absent-"+who, false)
		return map[string]error{
			"create": created, "mkdir": nn.Mkdirs(d.ctx, d.root+"/dir-of-"+who, 0o755, false),
			"delete": deleted,
		}
	}
	allowed := func(when string) {
		t.Helper()
		for _, who := range []string{"ada", "bob"} {
			for what, err := range writes(who) {
				if err != nil {
					t.Errorf("%s, %s by %s: %v", when, what, who, err)
				}
			}
		}
	}
	allowed("before")
	found, err := freeze.Look(d.ctx, d.Client, d.root, freeze.Permissions)
	d.must(err)
	stranger, st := d.as("stranger"), namenode.Status{Mode: found.Mode}
	if checked, err := freeze.Checked(d.ctx, stranger, st, d.root); err != nil || !checked {
		t.Errorf("checked %v, %v, want that it is", checked, err)
	}
	d.must(found.Freeze(d.ctx, d.Client, d.root, freeze.Permissions, d.user))
	d.must(freeze.ProveClosed(d.ctx, stranger, d.root))
	for _, who := range []string{"ada", "bob", "stranger"} {
		for what, err := range writes(who) {
			if !errors.Is(err, fs.ErrPermission) {
				t.Errorf("frozen, %s by %s: %v, want it denied", what, who, err)
			}
		}
		if err := d.as(who).SetPermission(d.ctx, d.root, 0o777); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("frozen, chmod of the root by %s: %v, want it denied", who, err)
		}
	}
	d.snapshot("frozen")
	d.must(found.Thaw(d.ctx, d.Client, d.root, freeze.Permissions))
	again, err := freeze.Look(d.ctx, d.Client, d.root, freeze.Permissions)
	d.must(err)
	if diff := cmp.Diff(found, again); diff != "" {
		t.Errorf("thawed (-found +now):\n%s", diff)
	}
	allowed("thawed")
}
