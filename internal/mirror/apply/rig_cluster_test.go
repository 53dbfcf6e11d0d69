//go:build cluster

package apply_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/plan/plantest"
	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
)

// rig is a directory of one test's own in the HDFS of a site, with the data
// calls the tests need.
type rig struct {
	t       *testing.T
	nn      *namenode.Client
	dn      *datanode.Client
	dir     string
	sandbox *sandbox.Sandbox
}

// open makes the rig. Directories in which snapshots are allowed must be given
// to allow, which sees to their end.
func open(t *testing.T, site string) *rig {
	t.Helper()
	box := sandboxtest.Shared(t)
	s, err := box.Site(site)
	if err != nil {
		t.Fatal(err)
	}
	nn, err := namenode.Open(namenode.Config{Addresses: []string{s.NameNode}, User: "hbase"})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, nn: nn, dn: datanode.New(datanode.Config{Name: nn.Name()}), sandbox: box}
	r.dir = fmt.Sprintf("/mirror-test/%s-%d", strings.ToLower(t.Name()[4:]), time.Now().UnixNano())
	r.must(nn.Mkdirs(t.Context(), r.dir, 0o755, true))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if _, err := nn.Delete(ctx, r.dir, true); err != nil {
			t.Error(err)
		}
		if err := nn.Close(); err != nil {
			t.Error(err)
		}
		if err := r.dn.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// allow makes a directory below the rig's snapshottable and returns its path.
func (r *rig) allow(name string) string {
	r.t.Helper()
	dir := r.dir + "/" + name
	r.must(r.nn.Mkdirs(r.t.Context(), dir, 0o755, true))
	r.must(r.nn.AllowSnapshot(r.t.Context(), dir))
	r.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.t.Context()), time.Minute)
		defer cancel()
		all, err := r.nn.Snapshots(ctx, dir)
		if err != nil {
			r.t.Error(err)
		}
		for _, s := range all {
			if err := r.nn.DeleteSnapshot(ctx, dir, s.Name); err != nil {
				r.t.Error(err)
			}
		}
		if err := r.nn.DisallowSnapshot(ctx, dir); err != nil {
			r.t.Error(err)
		}
	})
	return dir
}

func (r *rig) snapshot(dir, name string) {
	r.t.Helper()
	_, err := r.nn.CreateSnapshot(r.t.Context(), dir, name)
	r.must(err)
}

// mutate does to the real tree below the rig what plantest did to its own.
func (r *rig) mutate(f *plantest.FS, m plantest.Mutation) error {
	ctx, path := r.t.Context(), r.dir+"/"+m.Path
	switch m.Op {
	case "mkdir":
		return r.nn.Mkdirs(ctx, path, 0o755, false)
	case "create":
		return r.create(path, m.Size)
	case "chmod":
		return r.nn.SetPermission(ctx, path, m.Mode)
	case "rename":
		return r.nn.Rename(ctx, path, r.dir+"/"+m.To, false)
	case "delete":
		_, err := r.nn.Delete(ctx, path, true)
		return err
	case "resize":
		if size := f.Find(m.Path).Size; m.Size > size {
			return r.grow(path, m.Size-size)
		}
		return r.truncate(path, m.Size)
	}
	return fmt.Errorf("unknown mutation %v", m)
}

func (r *rig) create(path string, size int64) error {
	if _, err := r.nn.Create(r.t.Context(), path, namenode.CreateOptions{Mode: 0o644, Overwrite: true}); err != nil {
		return err
	}
	return r.write(path, size)
}

// grow appends in a block of its own.
func (r *rig) grow(path string, n int64) error {
	if _, _, err := r.nn.Append(r.t.Context(), path, true); err != nil {
		return err
	}
	s, err := r.nn.Blocks(r.t.Context(), path)
	if err != nil || len(s.Blocks) == 0 {
		return r.writeAfter(path, n, nil, err)
	}
	last := s.Blocks[len(s.Blocks)-1]
	return r.writeAfter(path, n, last.Proto(last.Length), nil)
}

func (r *rig) write(path string, n int64) error {
	if n == 0 {
		return r.complete(path, nil)
	}
	return r.writeAfter(path, n, nil, nil)
}

// writeAfter ends an open file with n bytes in a block after previous.
func (r *rig) writeAfter(path string, n int64, previous []byte, err error) error {
	if err != nil {
		return err
	}
	b, err := r.nn.AddBlock(r.t.Context(), path, previous, namenode.AddBlockOptions{})
	if err != nil {
		return err
	}
	to := datanode.Block{ID: b.Proto(0), Token: b.Token}
	for i, node := range b.Nodes {
		to.Nodes = append(to.Nodes, datanode.Node{Raw: node.Proto, Addr: node.Addr(false)})
		to.StorageIDs = append(to.StorageIDs, b.StorageIDs[i])
	}
	w, err := r.dn.NewWriter(r.t.Context(), to, datanode.WriteOptions{Bytes: n})
	if err != nil {
		return err
	}
	if _, err := w.Write(make([]byte, n)); err != nil {
		w.Abort()
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return r.complete(path, b.Proto(n))
}

func (r *rig) complete(path string, last []byte) error {
	return r.until("complete "+path, func() (bool, error) {
		return r.nn.Complete(r.t.Context(), path, last, 0)
	})
}

func (r *rig) truncate(path string, n int64) error {
	done, err := r.nn.Truncate(r.t.Context(), path, n)
	if err != nil || done {
		return err
	}
	return r.until("truncate "+path, func() (bool, error) { return r.nn.IsClosed(r.t.Context(), path) })
}

// until asks until the answer is yes.
func (r *rig) until(what string, ask func() (bool, error)) error {
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if yes, err := ask(); yes || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return fmt.Errorf("%s: not done in 30 s", what)
		}
	}
}

// tree reads a directory as plantest keeps one, with the NameNode's inode
// numbers, and tells the kinds the model knows.
func (r *rig) tree(dir string) *plantest.Node {
	r.t.Helper()
	s, err := r.nn.Stat(r.t.Context(), dir)
	r.must(err)
	n := &plantest.Node{ID: s.FileID, Dir: s.IsDir(), Mode: s.Mode, Size: s.Size}
	r.fill(dir, n)
	return n
}

func (r *rig) fill(dir string, n *plantest.Node) {
	r.t.Helper()
	n.Kids = map[string]*plantest.Node{}
	r.must(r.nn.List(r.t.Context(), dir, func(page []namenode.Status) error {
		for _, s := range page {
			kid := &plantest.Node{ID: s.FileID, Dir: s.IsDir(), Mode: s.Mode, Size: s.Size}
			n.Kids[s.Name] = kid
			if kid.Dir {
				r.fill(dir+"/"+s.Name, kid)
			}
		}
		return nil
	}))
}
