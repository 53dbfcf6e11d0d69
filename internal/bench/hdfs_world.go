package bench

import (
	"context"
	"errors"
	"fmt"
	osuser "os/user"
	"slices"
	"strconv"

	"drover/internal/hadoop/namenode"
	"drover/internal/sandbox"
	"drover/internal/workload/tree"
)

// Sizes of the HDFS benches' data.
type Sizes struct {
	SmallFiles, SmallBytes int
	LargeFiles             int
	LargeBytes             int64
	Million                int // files of the large tree
}

// FullSizes are those the goals speak of.
func FullSizes() Sizes {
	return Sizes{SmallFiles: 10_000, SmallBytes: 4096, LargeFiles: 8, LargeBytes: 128 << 20, Million: 1_000_000}
}

// TrialSizes are a hundredth: they show that everything runs, and nothing else.
func TrialSizes() Sizes {
	return Sizes{SmallFiles: 200, SmallBytes: 4096, LargeFiles: 2, LargeBytes: 4 << 20, Million: 2_000}
}

const (
	filesPerDir = 100
	blockSize   = 128 << 20 // what the peer gives its copies
	firstSnap   = "s0"      // of every tree; diff rounds take s1, s2, …
	hdfsRoot    = "/drover-bench"
)

// HDFSWorld is a sandbox whose two HDFS have nothing else to do.
type HDFSWorld struct {
	Sandbox *sandbox.Sandbox
	Sizes   Sizes
	Log     func(line string)

	user             string
	classes          string // directory of what the peer needs besides its jars
	source, target   tree.Target
	fromAddr, toAddr string
	daemons          []daemon
	closers          []func() error
}

// SetupHDFS brings the sandbox in dir up, with daemons that use their optimising
// compiler, and ends HBase's in it. Close releases the connections and leaves
// the sandbox up.
func SetupHDFS(ctx context.Context, dir string, sizes Sizes, log func(string)) (*HDFSWorld, error) {
	s, err := sandbox.Up(ctx, sandbox.Options{Dir: dir, FullJIT: true, Log: log})
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	w := &HDFSWorld{Sandbox: s, Sizes: sizes, Log: log}
	for _, name := range sandbox.DaemonNames() {
		if !isHDFS(name) {
			if err := s.Kill(ctx, name); err != nil {
				return nil, fmt.Errorf("bench: %w", err)
			}
		}
	}
	me, err := osuser.Current() // who runs a NameNode is its superuser
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	w.user = me.Username
	if w.source, w.fromAddr, err = w.open("a"); err == nil {
		w.target, w.toAddr, err = w.open("b")
	}
	if err == nil {
		err = w.compilePeer(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// Close closes the connections.
func (w *HDFSWorld) Close() error {
	var errs error
	for _, end := range w.closers {
		errs = errors.Join(errs, end())
	}
	return errs
}

// Down ends the sandbox.
func (w *HDFSWorld) Down(ctx context.Context) error { return w.Sandbox.Down(ctx) }

func (w *HDFSWorld) open(site string) (tree.Target, string, error) {
	at, err := w.Sandbox.Site(site)
	if err != nil {
		return tree.Target{}, "", err
	}
	t, end, err := tree.Open(at.NameNode, w.user, hdfsRoot)
	if err != nil {
		return tree.Target{}, "", err
	}
	w.closers = append(w.closers, end)
	found, err := daemonsOf(at)
	w.daemons = append(w.daemons, found...)
	return t, at.NameNode, err
}

// small and large describe the trees all benches copy; million is small with
// empty files behind it.
func (w *HDFSWorld) small(files int) tree.Uniform {
	return tree.Uniform{
		Seed: 1, Dirs: max(1, files/filesPerDir), Files: files,
		Size: int64(w.Sizes.SmallBytes), Filled: w.Sizes.SmallFiles, BlockSize: blockSize,
	}
}

func (w *HDFSWorld) large() tree.Uniform {
	return tree.Uniform{Seed: 2, Dirs: 1, Files: w.Sizes.LargeFiles, Size: w.Sizes.LargeBytes, BlockSize: blockSize}
}

// load makes a tree with its first snapshot at dir, unless it is there and has
// that snapshot alone.
func (w *HDFSWorld) load(ctx context.Context, t tree.Target, dir string, what tree.Uniform) error {
	t.Root = dir
	snaps, err := snapshotsOf(ctx, t.NameNode, dir)
	if err == nil && slices.Equal(snaps, []string{firstSnap}) {
		return nil
	}
	if err := w.remove(ctx, t, dir); err != nil {
		return err
	}
	w.Log("writing " + strconv.Itoa(what.Files) + " files to " + dir)
	parallel := 16
	if what.Files > 100_000 {
		parallel = 64 // empty files: the NameNode alone works
	}
	if _, err := tree.Write(ctx, t, what.Nodes(), parallel); err != nil {
		return err
	}
	if err := t.NameNode.AllowSnapshot(ctx, dir); err != nil {
		return err
	}
	_, err = t.NameNode.CreateSnapshot(ctx, dir, firstSnap)
	return err
}

// remove deletes a tree with its snapshots and its blocks.
func (w *HDFSWorld) remove(ctx context.Context, t tree.Target, dir string) error {
	snaps, err := snapshotsOf(ctx, t.NameNode, dir)
	if err != nil {
		return err
	}
	for _, name := range snaps {
		if err := t.NameNode.DeleteSnapshot(ctx, dir, name); err != nil {
			return err
		}
	}
	if snaps != nil {
		if err := t.NameNode.DisallowSnapshot(ctx, dir); err != nil {
			return err
		}
	}
	if _, err := t.NameNode.Delete(ctx, dir, true); err != nil {
		return err
	}
	return awaitDeleted(ctx, w.daemons)
}

// snapshotsOf names the snapshots of a directory, oldest first; nil when it is
// absent or not snapshottable.
func snapshotsOf(ctx context.Context, nn *namenode.Client, dir string) ([]string, error) {
	dirs, err := nn.SnapshottableDirs(ctx)
	if err != nil || !slices.ContainsFunc(dirs, func(d namenode.SnapshottableDir) bool { return d.Path == dir }) {
		return nil, err
	}
	list, err := nn.Snapshots(ctx, dir)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b namenode.Snapshot) int { return int(a.ID) - int(b.ID) })
	names := []string{}
	for _, s := range list {
		names = append(names, s.Name)
	}
	return names, nil
}

// same wants as many files and bytes at both places.
func (w *HDFSWorld) same(ctx context.Context, from, to string) error {
	a, err := w.source.NameNode.ContentSummary(ctx, from)
	if err != nil {
		return err
	}
	b, err := w.target.NameNode.ContentSummary(ctx, to)
	if err != nil {
		return err
	}
	if a.Files != b.Files || a.Dirs != b.Dirs || a.Length != b.Length {
		return fmt.Errorf("%s has %d files, %d directories, %d bytes; its copy %s has %d, %d, %d",
			from, a.Files, a.Dirs, a.Length, to, b.Files, b.Dirs, b.Length)
	}
	return nil
}
