//go:build cluster

package distcp_test

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"drover/internal/command"
	"drover/internal/distcp"
	"drover/internal/hadoop/namenode"
	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage"
	"drover/internal/storage/hdfs"
)

// side is a directory of this test alone on one of the clusters.
type side struct {
	t     *testing.T
	nn    *namenode.Client
	store *hdfs.Store
	uri   string // of the NameNode
	root  string
}

// rig is a source tree on cluster a, the place of its mirror on cluster b, and
// distcp beside b: only a's NameNode knows the source's snapshots.
type rig struct {
	src, dst side
	copy     distcp.Copy
	engine   distcp.Engine
	jobs     string // the engine's job directory
	hdfs     string // the command beside b
}

func newRig(t *testing.T) rig {
	t.Helper()
	s := sandboxtest.Shared(t)
	root := fmt.Sprintf("/mirror-test/distcp-%d", time.Now().UnixNano())
	src, dst := newSide(t, s, "a", root), newSide(t, s, "b", root)
	dst.must(dst.nn.Mkdirs(t.Context(), root, 0o755, true))
	src.must(src.nn.Mkdirs(t.Context(), root+"/data", 0o755, true))
	hdfsCommand, err := s.Launcher("b", "hdfs")
	src.must(err)
	jobs := filepath.Join(t.TempDir(), "jobs")
	return rig{
		src: src, dst: dst, hdfs: hdfsCommand, jobs: jobs, engine: engineAt(t, jobs, filepath.Dir(hdfsCommand)),
		copy: distcp.Copy{Source: src.uri + root + "/data", Target: dst.uri + root + "/mirror", Maps: 2},
	}
}

func engineAt(t *testing.T, jobs, bin string) distcp.Engine {
	t.Helper()
	host, err := command.Local(jobs)
	if err != nil {
		t.Fatal(err)
	}
	return distcp.Engine{Host: host, Bin: bin}
}

func newSide(t *testing.T, s *sandbox.Sandbox, name, root string) side {
	t.Helper()
	at, err := s.Site(name)
	if err != nil {
		t.Fatal(err)
	}
	who, err := user.Current() // the superuser: who runs the daemons
	if err != nil {
		t.Fatal(err)
	}
	nn, err := namenode.Open(namenode.Config{Addresses: []string{at.NameNode}, User: who.Username})
	if err != nil {
		t.Fatal(err)
	}
	store, err := hdfs.Open(hdfs.Config{NameNodes: []string{at.NameNode}, User: who.Username})
	if err != nil {
		t.Fatal(err)
	}
	sandboxtest.Afterwards(t, root+" on "+name, func(ctx context.Context) error {
		err := errors.Join(unsnapshot(ctx, nn, root), nn.SetQuota(ctx, root, namenode.ClearQuota, namenode.ClearQuota))
		_, gone := nn.Delete(ctx, root, true)
		return errors.Join(err, gone, nn.Close(), store.Close())
	})
	return side{t: t, nn: nn, store: store, uri: "hdfs://" + at.NameNode, root: root}
}

// unsnapshot makes every directory below root an ordinary one again.
func unsnapshot(ctx context.Context, nn *namenode.Client, root string) error {
	for _, dir := range []string{root + "/data", root + "/mirror"} {
		snapshots, err := nn.Snapshots(ctx, dir)
		if err != nil {
			continue // not there, or allows none
		}
		for _, snapshot := range snapshots {
			err = errors.Join(err, nn.DeleteSnapshot(ctx, dir, snapshot.Name))
		}
		if err := errors.Join(err, nn.DisallowSnapshot(ctx, dir)); err != nil {
			return err
		}
	}
	return nil
}

func (s side) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s side) put(rel, content string) {
	s.t.Helper()
	w, err := s.store.Create(s.t.Context(), s.root+"/"+rel, storage.CreateOptions{})
	s.must(err)
	_, err = w.Write([]byte(content))
	s.must(err)
	s.must(w.Commit())
}

func (s side) snapshot(dir, name string) {
	s.t.Helper()
	s.must(s.nn.AllowSnapshot(s.t.Context(), s.root+"/"+dir))
	_, err := s.nn.CreateSnapshot(s.t.Context(), s.root+"/"+dir, name)
	s.must(err)
}

// tree lists paths with the checksums of files, so that equal lists are equal
// trees.
func (s side) tree(dir string) []string {
	s.t.Helper()
	var lines []string
	var walk func(rel string)
	walk = func(rel string) {
		s.must(s.nn.List(s.t.Context(), s.root+"/"+dir+rel, func(entries []namenode.Status) error {
			for _, e := range entries {
				if e.Type == namenode.Dir {
					lines = append(lines, rel+"/"+e.Name+"/")
					walk(rel + "/" + e.Name)
					continue
				}
				sum, err := s.store.Checksum(s.t.Context(), s.root+"/"+dir+rel+"/"+e.Name)
				s.must(err)
				lines = append(lines, fmt.Sprintf("%s/%s %d %v", rel, e.Name, e.Size, sum))
			}
			return nil
		}))
	}
	walk("")
	return lines
}

// wantEqual wants the mirror to be the source's snapshot.
func (r rig) wantEqual(snapshot string) {
	r.src.t.Helper()
	want, got := r.src.tree("data/.snapshot/"+snapshot), r.dst.tree("mirror")
	if !slices.Equal(got, want) {
		r.src.t.Errorf("the mirror is not %s:\ngot  %s\nwant %s", snapshot, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// wantFailure wants a run to fail for the reason with that id.
func (r rig) wantFailure(t *testing.T, name string, argv []string, id string, touched bool) {
	t.Helper()
	r.cancelAfter(t, name)
	_, err := r.engine.Run(t.Context(), name, argv, quiet)
	var f *distcp.Failure
	if !errors.As(err, &f) || f.ID != id || f.TargetTouched != touched {
		t.Errorf("%s: got %v, want %s, target touched: %v", name, err, id, touched)
		return
	}
	t.Logf("%s: %v", name, err)
}

func (r rig) run(t *testing.T, name string, argv []string) distcp.Result {
	t.Helper()
	r.cancelAfter(t, name)
	began := time.Now()
	got, err := r.engine.Run(t.Context(), name, argv, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %v, %+v", name, time.Since(began), got)
	return got
}

// cancelAfter ends a run that the test gave up waiting for.
func (r rig) cancelAfter(t *testing.T, name string) {
	t.Helper()
	t.Cleanup(func() {
		if err := r.engine.Cancel(context.WithoutCancel(t.Context()), name); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
}
