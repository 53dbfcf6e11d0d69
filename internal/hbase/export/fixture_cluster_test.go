//go:build cluster

package export_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/url"
	"path"
	"strings"
	"testing"

	"drover/internal/hbase"
	"drover/internal/hbase/compare"
	"drover/internal/hbase/export"
	"drover/internal/hbase/rows"
	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage"
	"drover/internal/storage/hdfs"
	"drover/internal/workload"
)

// world is two clusters with their file systems, and names of this test's own.
type world struct {
	t        *testing.T
	sandbox  *sandbox.Sandbox
	a, b     *hbase.Cluster
	rows     *rows.Client // of a
	from, to *hdfs.Store
	suffix   string
	// disposable says that the sandbox goes with the test: nothing is removed,
	// which clusters that were just killed would take long for.
	disposable bool
}

func newWorld(t *testing.T, s *sandbox.Sandbox) *world {
	w := &world{t: t, sandbox: s, suffix: strings.ToLower(rand.Text()[:8])}
	w.a, w.from = w.open("a")
	w.b, w.to = w.open("b")
	var err error
	if w.rows, err = rows.Open(w.a.Config()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.rows.Close)
	return w
}

func (w *world) open(name string) (*hbase.Cluster, *hdfs.Store) {
	site, err := w.sandbox.Site(name)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := hbase.Open(hbase.Config{Quorum: site.Quorum, ZNodeParent: site.ZNodeParent, RootDir: site.RootDir})
	if err != nil {
		w.t.Fatal(err)
	}
	store, err := hdfs.Open(hdfs.Config{NameNodes: []string{site.NameNode}, User: "hbase"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			w.t.Error(err)
		}
		if err := store.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return c, store
}

// root is the path of hbase.rootdir.
func root(c *hbase.Cluster) string {
	u, err := url.Parse(c.Config().RootDir)
	if err != nil {
		return c.Config().RootDir
	}
	return u.Path
}

// later runs after the test, also after one that failed or timed out.
func (w *world) later(what string, do func(context.Context) error) {
	if !w.disposable {
		sandboxtest.Afterwards(w.t, what, do)
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) nonce() hbase.Nonce { return hbase.NonceFor(rand.Text()) }

func (w *world) name(kind string) hbase.TableName {
	return hbase.TableName{Namespace: "default", Qualifier: "d_" + kind + "_" + w.suffix}
}

// seed makes a table on a.
func (w *world) seed(kind string, spec workload.Spec) hbase.TableName {
	spec.Table = w.name(kind)
	w.later("drop "+spec.Table.String(), func(ctx context.Context) error { return w.a.DropTable(ctx, spec.Table, w.nonce()) })
	_, err := workload.Seed(w.t.Context(), w.a, w.rows, spec)
	w.must(err)
	return spec.Table
}

// snapshot takes a snapshot on a and removes it, here and where it was exported
// to, after the test.
func (w *world) snapshot(table hbase.TableName) string {
	name := "s_" + table.Qualifier
	w.later("delete exported snapshot "+name, func(ctx context.Context) error { return w.b.DeleteSnapshot(ctx, name) })
	w.later("delete snapshot "+name, func(ctx context.Context) error { return w.a.DeleteSnapshot(ctx, name) })
	w.must(w.a.Snapshot(w.t.Context(), hbase.SnapshotSpec{Name: name, Table: table, Nonce: w.nonce()}))
	return name
}

// clone makes a table on a from a snapshot.
func (w *world) clone(snapshot, kind string) hbase.TableName {
	into := w.name(kind)
	w.later("drop "+into.String(), func(ctx context.Context) error { return w.a.DropTable(ctx, into, w.nonce()) })
	w.must(w.a.RestoreSnapshot(w.t.Context(), snapshot, into, w.nonce()))
	return into
}

func (w *world) job(snapshot string) export.Job {
	return export.Job{Source: w.from, SourceRoot: root(w.a), Target: w.to, TargetRoot: root(w.b), Snapshot: snapshot}
}

// restored restores the exported snapshot on b and fails unless the table then
// equals the given one of a, cell by cell.
func (w *world) restored(snapshot string, table hbase.TableName) {
	w.t.Helper()
	into := w.name("restored_" + table.Qualifier)
	w.later("drop "+into.String(), func(ctx context.Context) error { return w.b.DropTable(ctx, into, w.nonce()) })
	w.must(w.b.RestoreSnapshot(w.t.Context(), snapshot, into, w.nonce()))
	res, err := compare.Tables(w.t.Context(), compare.Side{Cluster: w.a, Table: table}, compare.Side{Cluster: w.b, Table: into}, compare.Options{})
	w.must(err)
	if res.Verdict != compare.Match || res.Rows == 0 {
		w.t.Errorf("restored table %s: %s over %d rows: %v", into, res.Verdict, res.Rows, res.Differences)
	}
}

// entry is what two trees are compared by.
type entry struct {
	Size int64
	Sum  string
}

// tree lists every file under dir with length and checksum, by relative path.
func (w *world) tree(store storage.Reader, dir string) map[string]entry {
	w.t.Helper()
	out := map[string]entry{}
	var walk func(d string)
	walk = func(d string) {
		objects, err := store.List(w.t.Context(), d)
		w.must(err)
		for _, o := range objects {
			if o.IsDir {
				walk(o.Path)
				continue
			}
			sum, err := store.Checksum(w.t.Context(), o.Path)
			w.must(err)
			out[strings.TrimPrefix(o.Path, dir)] = entry{o.Size, sum.Sum}
		}
	}
	walk(path.Clean(dir))
	return out
}

func (w *world) get(name string) []byte {
	w.t.Helper()
	r, err := w.to.Open(w.t.Context(), name)
	w.must(err)
	defer r.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(r)
	w.must(err)
	return b
}

func (w *world) put(name string, b []byte) error {
	f, err := w.to.Create(w.t.Context(), name, storage.CreateOptions{})
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		return errors.Join(err, f.Abort())
	}
	return f.Commit()
}
