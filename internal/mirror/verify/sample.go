package verify

import (
	"context"
	"maps"
	"math/rand/v2"
	"path"
	"slices"

	"golang.org/x/sync/errgroup"

	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/tree"
)

// maxDepth bounds one walk down; no path of HDFS has more parts
// (dfs.namenode.fs-limits and MAX_PATH_DEPTH, 1000).
const maxDepth = 1000

// walksAtOnce bounds how many walks are under way.
const walksAtOnce = 8

// samples draws at most n files of a tree by walks from the root to a file, each
// at a random page of every directory. It costs a few calls a file however large
// the tree is. Files in small or shallow directories are drawn more often than
// others, and the files of one page together.
func samples(ctx context.Context, t tree.Tree, n int, seed uint64) ([]string, error) {
	drawn := map[string]bool{}
	// Some walks end in an empty directory or at a file drawn before.
	for turn := 0; turn < 4 && len(drawn) < n; turn++ {
		found := make([]string, n-len(drawn))
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(walksAtOnce)
		for i := range found {
			// A walk's dice are its own: what it draws depends on no other.
			dice := rand.New(rand.NewPCG(seed, uint64(turn*n+i)))
			group.Go(func() (err error) {
				found[i], err = walkDown(ctx, t, dice)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		for _, p := range found {
			if p != "" {
				drawn[p] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(drawn)), nil
}

// walkDown returns a file's path, or "" when it ended in an empty directory.
func walkDown(ctx context.Context, t tree.Tree, r *rand.Rand) (string, error) {
	rel := ""
	for range maxDepth {
		page, err := randomPage(ctx, t.NN, t.Path(rel), r)
		if err != nil || len(page) == 0 {
			return "", err
		}
		chosen := page[r.IntN(len(page))]
		rel = path.Join(rel, chosen.Name)
		if !chosen.IsDir() {
			return rel, nil
		}
	}
	return "", nil
}

// randomPage lists a directory from its first name or from a random one. The
// name is only a place to begin: it needs not be there.
func randomPage(ctx context.Context, nn lister, dir string, r *rand.Rand) ([]namenode.Status, error) {
	first, remaining, err := nn.ListPage(ctx, dir, nil, false)
	if err != nil || remaining == 0 {
		return first, err
	}
	after := []byte{letter(r), letter(r)}
	page, _, err := nn.ListPage(ctx, dir, after, false)
	if err != nil || len(page) > 0 {
		return page, err
	}
	return first, nil
}

func letter(r *rand.Rand) byte { return byte(' ' + r.IntN('~'-' ')) }
