package ledger

import (
	"context"
	"io"

	"drover/internal/mirror/tree"
	"drover/internal/storage"
)

// Source is a state of the source's tree that does not change: a snapshot. Its
// paths are those of package tree.
type Source interface {
	// Root names the tree in errors.
	Root() string
	// Stat returns the entry at a path, attributes included.
	Stat(ctx context.Context, path string) (tree.Entry, error)
	// Scan calls each with every entry, in any order, attributes left out.
	Scan(ctx context.Context, each func(tree.Entry) error) error
	// List calls each with the entry at a path and all below it, but for what
	// is at or below the paths to skip, in the order of ComparePaths.
	List(ctx context.Context, under string, skip []string, each func(tree.Entry) error) error
	// Open reads a file under the promises of storage.Reader.
	Open(ctx context.Context, path string) (io.ReadCloser, error)
	// Checksum is the one the source keeps; no data is read.
	Checksum(ctx context.Context, path string) (storage.Checksum, error)
}

// snapshot is a Source in HDFS.
type snapshot struct{ tree tree.Tree }

// Snapshot returns the tree as one of its snapshots keeps it. The tree needs its
// Store.
func Snapshot(t tree.Tree, name string) Source { return snapshot{t.At(name)} }

func (s snapshot) Root() string { return s.tree.Root }

func (s snapshot) Stat(ctx context.Context, path string) (tree.Entry, error) {
	e, err := tree.Stat(ctx, s.tree, path)
	if err != nil || e.Kind == tree.Symlink {
		return e, err
	}
	return e, tree.Attributes(ctx, s.tree, &e)
}

func (s snapshot) Scan(ctx context.Context, each func(tree.Entry) error) error {
	_, err := tree.List(ctx, s.tree, tree.ListOptions{}, each)
	return err
}

func (s snapshot) List(ctx context.Context, under string, skip []string, each func(tree.Entry) error) error {
	opt := tree.ListOptions{Skip: skip, Attributes: true}
	if under != "" {
		opt.Under = []string{under}
	}
	_, err := tree.List(ctx, s.tree, opt, each)
	return err
}

func (s snapshot) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	return s.tree.Store.Open(ctx, s.tree.Path(path))
}

func (s snapshot) Checksum(ctx context.Context, path string) (storage.Checksum, error) {
	return s.tree.Store.Checksum(ctx, s.tree.Path(path))
}

// supported refuses a tree that holds what cannot be brought.
func supported(ctx context.Context, src Source) error {
	u := &tree.Unsupported{Root: src.Root()}
	err := src.Scan(ctx, func(e tree.Entry) error {
		u.Add(e.Path, e)
		return nil
	})
	if err != nil {
		return err
	}
	return u.Err()
}
