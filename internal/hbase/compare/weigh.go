package compare

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"drover/internal/hbase/snapshot"
	"drover/internal/storage"
)

// statParallel bounds questions for the lengths of new files.
const statParallel = 16

// weigh fills in how long the files are: those of the base as the snapshot has
// it, new ones as the file system says. One that is in none of its places, for it
// moves to the next, counts nothing: lengths decide by which road a region is
// proved, not what is found.
func (s *deltaSide) weigh(ctx context.Context, base *snapshot.Manifest) error {
	known := map[snapshot.File]int64{}
	for _, r := range base.Regions {
		for _, f := range r.Stores {
			known[unsized(f.File)] = f.File.Size
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(statParallel)
	for i := range s.delta.Regions {
		d := &s.delta.Regions[i]
		for j := range d.Region.Stores {
			f := &d.Region.Stores[j].File
			if size, ok := known[unsized(*f)]; ok {
				f.Size = size
				continue
			}
			if d.Decided() {
				g.Go(func() (err error) {
					f.Size, err = s.length(ctx, *f)
					return err
				})
			}
		}
	}
	return g.Wait()
}

func (s *deltaSide) length(ctx context.Context, f snapshot.File) (int64, error) {
	for _, p := range f.Candidates(s.root) {
		o, err := s.store.Stat(ctx, p)
		if errors.Is(err, storage.ErrNotExist) {
			continue
		}
		return o.Size, err
	}
	return 0, nil
}

func unsized(f snapshot.File) snapshot.File {
	f.Size = 0
	return f
}
