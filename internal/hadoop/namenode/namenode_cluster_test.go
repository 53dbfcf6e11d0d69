//go:build cluster

package namenode_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os/user"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drover/internal/hadoop/namenode"
	"drover/internal/sandbox/sandboxtest"
)

// cluster is a client of a real NameNode and a directory of the test's own,
// with one file in it that is one block long, and one that is empty.
type cluster struct {
	*namenode.Client
	user      string
	addr      string // of the NameNode
	t         testing.TB
	ctx       context.Context
	dir, file string
}

func onCluster(t testing.TB) cluster {
	t.Helper()
	site, err := sandboxtest.Shared(t).Site("a")
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(site.NameNode)
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current() // who runs the NameNode is its superuser
	if err != nil {
		t.Fatal(err)
	}
	// Nobody listens on the first: what every call does after a failover.
	nowhere := net.JoinHostPort(host, "1")
	c, err := namenode.Open(namenode.Config{Addresses: []string{nowhere, net.JoinHostPort(host, port)}, User: me.Username})
	if err != nil {
		t.Fatal(err)
	}
	dir := "/namenode-test-" + rand.Text()
	ctx := t.Context()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		_, err := c.Delete(ctx, dir, true)
		if err := errors.Join(err, c.Close()); err != nil {
			t.Error(err)
		}
	})
	if err := c.Mkdirs(ctx, dir, 0o755, true); err != nil {
		t.Fatal(err)
	}
	return cluster{Client: c, user: me.Username, addr: site.NameNode, t: t, ctx: ctx, dir: dir, file: dir + "/file"}
}

// ok fails the test at an error.
func (c cluster) ok(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// is fails the test unless err is want.
func (c cluster) is(err, want error) {
	c.t.Helper()
	if !errors.Is(err, want) {
		c.t.Fatalf("got %v, want %v", err, want)
	}
}

// same fails the test unless got is want.
func (c cluster) same(got, want any) {
	c.t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		c.t.Fatalf("not what was wanted (-want +got):\n%s", d)
	}
}

// stat returns the status of a path.
func (c cluster) stat(path string) namenode.Status {
	c.t.Helper()
	s, err := c.Stat(c.ctx, path)
	c.ok(err)
	return s
}

// empty makes an empty file.
func (c cluster) empty(path string) {
	c.t.Helper()
	_, err := c.Create(c.ctx, path, namenode.CreateOptions{Mode: 0o640})
	c.ok(err)
	done, err := c.Complete(c.ctx, path, nil, 0)
	c.ok(err)
	c.same(done, true)
}

func TestEveryCall(t *testing.T) {
	c := onCluster(t)
	for _, step := range []struct {
		name string
		run  func(cluster)
	}{
		{"create, stat, complete", create},
		{"blocks of a file under way", blocks},
		{"who has it open", openFiles},
		{"list", list},
		{"rename and delete", renameAndDelete},
		{"attributes", attributes},
		{"acl", acl},
		{"xattrs", xattrs},
		{"snapshots", snapshots},
		{"diff", diff},
		{"quota and content summary", quota},
		{"truncate, append, concat", appends},
		{"facts about the cluster", facts},
		{"what is not there or not allowed", refusals},
	} {
		if !t.Run(step.name, func(t *testing.T) { c.t = t; step.run(c) }) {
			return
		}
	}
}

func create(c cluster) {
	made, err := c.Create(c.ctx, c.dir+"/new/file", namenode.CreateOptions{
		Mode: 0o640, CreateParent: true, Replication: 1, BlockSize: 1 << 20, StoragePolicy: "COLD",
	})
	c.ok(err)
	got := c.stat(c.dir + "/new/file")
	c.same(got.FileID, made.FileID)
	c.same(got, namenode.Status{
		Type: namenode.File, Mode: 0o640, Owner: c.user, Group: got.Group, ModTime: got.ModTime, AccessTime: got.AccessTime,
		Replication: 1, BlockSize: 1 << 20, FileID: made.FileID, Children: got.Children, StoragePolicy: 2,
	})
	_, err = c.Create(c.ctx, c.dir+"/new/file", namenode.CreateOptions{})
	c.is(err, namenode.ErrBeingWritten)
	done, err := c.Complete(c.ctx, c.dir+"/new/file", nil, made.FileID)
	c.ok(err)
	c.same(done, true)
	_, err = c.Create(c.ctx, c.dir+"/new/file", namenode.CreateOptions{})
	c.is(err, fs.ErrExist)
	_, err = c.Create(c.ctx, c.dir+"/none/file", namenode.CreateOptions{})
	c.is(err, fs.ErrNotExist)
	_, err = c.Create(c.ctx, c.dir+"/new/file", namenode.CreateOptions{Overwrite: true, Replicate: true})
	c.ok(err)
	dir := c.stat(c.dir + "/new")
	c.same([]any{dir.IsDir(), dir.Children, dir.Mode}, []any{true, 1, uint16(0o755)})
}

func blocks(c cluster) {
	made, err := c.Create(c.ctx, c.file, namenode.CreateOptions{Mode: 0o644, BlockSize: 1 << 20})
	c.ok(err)
	defer c.KeepLease(c.ctx)()
	first, err := c.AddBlock(c.ctx, c.file, nil, namenode.AddBlockOptions{FileID: made.FileID})
	c.ok(err)
	if first.ID == 0 || first.Generation == 0 || first.Pool == "" || len(first.Token) == 0 || len(first.StorageIDs) != 1 {
		c.t.Errorf("block %+v", first)
	}
	if d := first.Nodes[0]; d.Addr(true) != d.Host+":"+fmt.Sprint(d.Port) || d.UUID == "" || d.IP == "" {
		c.t.Errorf("datanode %+v", d)
	}
	l, err := c.Blocks(c.ctx, c.file)
	c.ok(err)
	c.same([]any{l.Open, l.LastComplete, l.Encrypted, l.ErasureCoded, l.Size}, []any{true, false, false, false, int64(0)})
	renewed, err := c.UpdateBlockForPipeline(c.ctx, first)
	c.ok(err)
	c.same([]any{renewed.ID, renewed.Generation > first.Generation}, []any{first.ID, true})
	c.ok(c.UpdatePipeline(c.ctx, first, renewed, first.Nodes, first.StorageIDs))
	c.ok(c.Fsync(c.ctx, c.file, 5, made.FileID))
	c.same(c.stat(c.file).Size, int64(5))
	c.ok(c.RenewLease(c.ctx))
	c.ok(c.AbandonBlock(c.ctx, c.file, renewed, made.FileID))
	closed, err := c.IsClosed(c.ctx, c.file)
	c.ok(err)
	c.same(closed, false)
	_, err = c.Delete(c.ctx, c.file, false)
	c.ok(err)
	_, err = c.Complete(c.ctx, c.file, nil, 0)
	c.is(err, fs.ErrNotExist)
}

func openFiles(c cluster) {
	made, err := c.Create(c.ctx, c.dir+"/open", namenode.CreateOptions{Mode: 0o600})
	c.ok(err)
	open, err := c.OpenFiles(c.ctx, c.dir+"/open")
	c.ok(err)
	c.same(len(open), 1)
	c.same([]any{open[0].Path, open[0].Client, open[0].FileID}, []any{c.dir + "/open", c.Name(), made.FileID})
	recovered, err := c.RecoverLease(c.ctx, c.dir+"/open")
	c.ok(err)
	c.same(recovered, true)
	_, err = c.AddBlock(c.ctx, c.dir+"/open", nil, namenode.AddBlockOptions{FileID: made.FileID})
	c.is(err, namenode.ErrLeaseLost)
}

func list(c cluster) {
	names := []string{"ä", "\U0001f40e", "\U0001f40e2", "a b", "d%20", "x=y"}
	c.same(slices.IsSortedFunc(names, namenode.CompareNames), true)
	for _, n := range names {
		c.ok(c.Mkdirs(c.ctx, c.dir+"/odd/"+n, 0o711, true))
	}
	var got []string
	c.ok(c.List(c.ctx, c.dir+"/odd", func(page []namenode.Status) error {
		for _, s := range page {
			got = append(got, s.Name)
		}
		return nil
	}))
	c.same(got, names)
	page, remaining, err := c.ListPage(c.ctx, c.dir+"/odd", []byte("d%20"), true)
	c.ok(err)
	c.same([]any{len(page), page[0].Name, remaining}, []any{1, "x=y", 0})
	c.is(c.List(c.ctx, c.dir+"/none", nil), fs.ErrNotExist)
	c.is(c.List(c.ctx, c.dir+"/open", nil), namenode.ErrNotDir)
}

func renameAndDelete(c cluster) {
	c.empty(c.dir + "/r1")
	c.empty(c.dir + "/r2")
	c.is(c.Rename(c.ctx, c.dir+"/r1", c.dir+"/r2", false), fs.ErrExist)
	c.ok(c.Rename(c.ctx, c.dir+"/r1", c.dir+"/r2", true))
	c.is(c.Rename(c.ctx, c.dir+"/r1", c.dir+"/r2", true), fs.ErrNotExist)
	_, err := c.Delete(c.ctx, c.dir+"/odd", false)
	c.is(err, namenode.ErrNotEmpty)
	for _, want := range []bool{true, false} {
		was, err := c.Delete(c.ctx, c.dir+"/odd", true)
		c.ok(err)
		c.same(was, want)
	}
	c.is(c.CreateSymlink(c.ctx, c.dir+"/r2", c.dir+"/link", false), errors.ErrUnsupported)
	_, err = c.LinkTarget(c.ctx, c.dir+"/r2")
	if err == nil {
		c.t.Error("a file has a link target")
	}
	link, err := c.StatLink(c.ctx, c.dir+"/r2")
	c.ok(err)
	c.same(link, c.stat(c.dir+"/r2"))
	c.is(c.Mkdirs(c.ctx, c.dir+"/r2/x", 0o755, true), namenode.ErrNotDir)
}
