package retention

import (
	"context"
	"path"
	"strings"
	"time"

	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/diff"
	"drover/internal/mirror/plan"
	"drover/internal/mirror/tree"
)

// Holding is what only one snapshot keeps: deleting it frees this much, times
// the replicas.
type Holding struct {
	Name  string `json:"name"`
	Files int64  `json:"files"`
	Bytes int64  `json:"bytes"` // of lengths, one replica
}

// Held returns what each snapshot of a tree alone holds, the oldest first as
// given. It costs what changed between neighbours, not what the tree holds.
//
// A file counts with the bytes by which it is longer in the snapshot than in
// both its neighbours, the present state being the last one's; where it is
// absent its length is 0. HDFS changes a file by appending and truncating only,
// so this is exact but for three things: a file that was truncated and then grew
// counts too little; space is kept by whole blocks where a file was truncated;
// and a file that left the tree by a rename and still exists elsewhere counts
// although deleting the snapshot frees nothing of it.
func Held(ctx context.Context, t tree.Tree, oldestFirst []string) ([]Holding, error) {
	out := make([]Holding, 0, len(oldestFirst))
	var before *step // nil: nothing came before the first
	for i, name := range oldestFirst {
		next := ""
		if i+1 < len(oldestFirst) {
			next = oldestFirst[i+1]
		}
		after, err := stepBetween(ctx, t, name, next)
		if err != nil {
			return nil, err
		}
		h := Holding{Name: name}
		for id, f := range after.lost {
			if n := f.size - max(f.later, before.earlier(id, f.size)); n > 0 {
				h.Files++
				h.Bytes += n
			}
		}
		out = append(out, h)
		before = after
	}
	return out, nil
}

// step is what happened to files from one snapshot to the next, by file id.
type step struct {
	lost map[uint64]lost  // gone or changed
	came map[uint64]int64 // new, or changed: their length before, 0 for new
}

type lost struct{ size, later int64 }

// earlier is how long a file was before the step that led to where it has the
// given size.
func (s *step) earlier(id uint64, size int64) int64 {
	if s == nil {
		return 0
	}
	if n, ok := s.came[id]; ok {
		return n
	}
	return size
}

func stepBetween(ctx context.Context, t tree.Tree, from, to string) (*step, error) {
	d, err := diff.Between(ctx, t.NN, t.Root, from, to)
	if err != nil {
		return nil, err
	}
	s := &step{lost: map[uint64]lost{}, came: map[uint64]int64{}}
	older, newer := t.At(from), t.At(to)
	moved := map[string]string{}
	for _, c := range d.Changes {
		if c.Kind == plan.Renamed {
			moved[c.Path] = c.Target
		}
	}
	for _, c := range d.Changes {
		switch c.Kind {
		case plan.Deleted:
			err = files(ctx, older, c.Path, func(e tree.Entry) { s.lost[e.FileID] = lost{size: e.Size} })
		case plan.Created:
			at := path.Join(follow(moved, tree.Parent(c.Path)), path.Base(c.Path))
			err = files(ctx, newer, at, func(e tree.Entry) { s.came[e.FileID] = 0 })
		case plan.Modified:
			err = s.modified(ctx, older, newer, c.Path, follow(moved, c.Path))
		case plan.Renamed: // the file is in both
		}
		if err != nil {
			return nil, err
		}
	}
	s.settle()
	return s, nil
}

// settle takes out the files that were moved out of a deleted directory: HDFS
// reports them as deleted and created.
func (s *step) settle() {
	for id := range s.lost {
		if _, again := s.came[id]; again && s.lost[id].later == 0 && s.came[id] == 0 {
			delete(s.lost, id)
			delete(s.came, id)
		}
	}
}

func (s *step) modified(ctx context.Context, older, newer tree.Tree, was, is string) error {
	a, err := tree.Stat(ctx, older, was)
	if err != nil || a.Kind != tree.File {
		return err
	}
	b, err := tree.Stat(ctx, newer, is)
	if err != nil {
		return err
	}
	if a.Size != b.Size {
		s.lost[a.FileID] = lost{size: a.Size, later: b.Size}
		s.came[a.FileID] = a.Size
	}
	return nil
}

// files calls each with every file at or below a path.
func files(ctx context.Context, t tree.Tree, rel string, each func(tree.Entry)) error {
	_, err := tree.List(ctx, t, tree.ListOptions{Under: []string{rel}}, func(e tree.Entry) error {
		if e.Kind == tree.File {
			each(e)
		}
		return nil
	})
	return err
}

// follow returns where a path is after the renames.
func follow(moved map[string]string, rel string) string {
	for dir := rel; dir != ""; dir = tree.Parent(dir) {
		if to, ok := moved[dir]; ok {
			return to + strings.TrimPrefix(rel, dir)
		}
	}
	return rel
}

// From returns a NameNode's snapshots as Choose takes them.
func From(all []namenode.Snapshot) []Snapshot {
	out := make([]Snapshot, 0, len(all))
	for _, s := range all {
		if !s.Deleted {
			out = append(out, Snapshot{Name: s.Name, ID: s.ID, Created: time.UnixMilli(s.ModTime)})
		}
	}
	return out
}
