package tree

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"drover/internal/manifest"
)

// Where a shard is cut: each is the work of one batch.
const (
	ShardFiles = 10_000
	ShardBytes = 64 << 30
)

const (
	indexFile  = "index.json"
	dirsFile   = "dirs.manifest"
	shardsFile = "shards.manifest"
)

// ShardOptions say what to list and where to cut.
type ShardOptions struct {
	ListOptions
	// Files and Bytes bound a shard; ShardFiles and ShardBytes when zero. A
	// single file may be larger.
	Files int64
	Bytes int64
}

// Index says what WriteShards wrote. Its size does not depend on the tree's.
type Index struct {
	Root   string           `json:"root"`
	Totals Totals           `json:"totals"`
	Dirs   manifest.Summary `json:"dirs"`
	Shards manifest.Summary `json:"shards"`
}

// Shard describes one list of files.
type Shard struct {
	Name  string           `json:"name"`
	List  manifest.Summary `json:"list"`
	Files int64            `json:"files"`
	Bytes int64            `json:"bytes"`
	First string           `json:"first"` // path of the first file
	Last  string           `json:"last"`
}

// WriteShards lists the tree into the local directory dir: one manifest of all
// directories, parents first, and manifests of files in the tree's order. An
// index that is there already for the same root is returned as it is; a listing
// that was cut off is made again, and of an unchanging tree (a snapshot) comes
// out the same. The index is written last: what it names is complete.
//
// A tree that holds what cannot be mirrored gives an *Unsupported and no index.
func WriteShards(ctx context.Context, t Tree, dir string, opt ShardOptions) (Index, error) {
	index, err := ReadIndex(dir)
	if err == nil && index.Root == t.Root {
		return index, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Index{}, err
	}
	return writeShards(t, dir, opt, func(each func(Entry) error) (Totals, error) {
		return List(ctx, t, opt.ListOptions, each)
	})
}

// writeShards writes what list lists.
func writeShards(t Tree, dir string, opt ShardOptions, list func(each func(Entry) error) (Totals, error)) (index Index, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Index{}, fmt.Errorf("list %s: %w", t.Root, err)
	}
	w := &sharder{dir: dir, opt: opt}
	defer w.discard() //nolint:errcheck // what is complete is committed by then
	if w.opt.Files <= 0 {
		w.opt.Files = ShardFiles
	}
	if w.opt.Bytes <= 0 {
		w.opt.Bytes = ShardBytes
	}
	if w.dirs, err = manifest.Create(filepath.Join(dir, dirsFile)); err != nil {
		return Index{}, err
	}
	if w.list, err = manifest.Create(filepath.Join(dir, shardsFile)); err != nil {
		return Index{}, err
	}
	refused := &Unsupported{Root: t.Root}
	index.Root = t.Root
	index.Totals, err = list(func(e Entry) error {
		refused.Add(t.Path(e.Path), e)
		return w.add(e)
	})
	if err == nil {
		err = refused.Err()
	}
	if err != nil {
		return Index{}, err
	}
	return index, w.commit(&index)
}

// ReadIndex returns the index in dir. The error wraps fs.ErrNotExist when there
// is none.
func ReadIndex(dir string) (Index, error) {
	name := filepath.Join(dir, indexFile)
	text, err := os.ReadFile(name)
	if err != nil {
		return Index{}, fmt.Errorf("read index of a listing: %w", err)
	}
	var index Index
	if err := json.Unmarshal(text, &index); err != nil {
		return Index{}, fmt.Errorf("read index %s: %w; remove it and list again", name, err)
	}
	return index, nil
}

// Shards calls each with the description of every shard, in order.
func Shards(dir string, each func(i int64, s Shard) error) error {
	return ranged(filepath.Join(dir, shardsFile), each)
}

// Dirs calls each with every directory, parents first.
func Dirs(dir string, each func(i int64, e Entry) error) error {
	return ranged(filepath.Join(dir, dirsFile), each)
}

// DirCount returns the number of directories listed.
func DirCount(dir string) (int64, error) {
	r, err := manifest.Open(filepath.Join(dir, dirsFile))
	if err != nil {
		return 0, err
	}
	defer r.Close() //nolint:errcheck // only read
	return r.Summary().Count, nil
}

// DirRange calls each with the directories first to last-1.
func DirRange(dir string, first, last int64, each func(i int64, e Entry) error) error {
	r, err := manifest.Open(filepath.Join(dir, dirsFile))
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read
	return manifest.Range(r, first, last, each)
}

// Files calls each with every file of the shard, in the tree's order.
func Files(dir string, s Shard, each func(i int64, e Entry) error) error {
	return ranged(filepath.Join(dir, s.Name), each)
}

// ShardAt returns the description of shard i.
func ShardAt(dir string, i int64) (Shard, error) {
	r, err := manifest.Open(filepath.Join(dir, shardsFile))
	if err != nil {
		return Shard{}, err
	}
	defer r.Close() //nolint:errcheck // only read
	var s Shard
	err = manifest.Range(r, i, i+1, func(_ int64, item Shard) error { s = item; return nil })
	return s, err
}

func ranged[T any](name string, each func(i int64, item T) error) error {
	r, err := manifest.Open(name)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read
	return manifest.Range(r, 0, r.Summary().Count, each)
}

// sharder writes the manifests of a listing.
type sharder struct {
	dir        string
	opt        ShardOptions
	dirs, list *manifest.Writer
	files      *manifest.Writer // nil between shards
	shard      Shard
	count      int64
}

func (w *sharder) add(e Entry) error {
	if e.IsDir() {
		return w.dirs.Append(e)
	}
	if w.files != nil && (w.shard.Files >= w.opt.Files || w.shard.Bytes+e.Size > w.opt.Bytes) {
		if err := w.cut(); err != nil {
			return err
		}
	}
	if w.files == nil {
		w.shard = Shard{Name: fmt.Sprintf("files-%06d.manifest", w.count), First: e.Path}
		var err error
		if w.files, err = manifest.Create(filepath.Join(w.dir, w.shard.Name)); err != nil {
			return err
		}
		w.count++
	}
	w.shard.Files++
	w.shard.Bytes += e.Size
	w.shard.Last = e.Path
	return w.files.Append(e)
}

// cut ends the shard under way.
func (w *sharder) cut() (err error) {
	if w.files == nil {
		return nil
	}
	if w.shard.List, err = w.files.Commit(); err != nil {
		return err
	}
	w.files = nil
	return w.list.Append(w.shard)
}

func (w *sharder) commit(index *Index) (err error) {
	if err := w.cut(); err != nil {
		return err
	}
	if index.Dirs, err = w.dirs.Commit(); err != nil {
		return err
	}
	if index.Shards, err = w.list.Commit(); err != nil {
		return err
	}
	text, err := json.Marshal(index)
	if err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	name := filepath.Join(w.dir, indexFile)
	if err := os.WriteFile(name+".new", append(text, '\n'), 0o644); err != nil { //nolint:gosec // holds no secret
		return fmt.Errorf("write index: %w", err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	return nil
}

// discard removes what was not committed.
func (w *sharder) discard() error {
	var errs error
	for _, m := range []*manifest.Writer{w.files, w.dirs, w.list} {
		if m != nil {
			errs = errors.Join(errs, m.Discard())
		}
	}
	return errs
}
