package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"drover/internal/storage"
)

const (
	checkWorkers = 8
	// maxNamed bounds how many lost files are named; all are counted.
	maxNamed = 20
)

// LedgerCheck says what became of the acknowledged changes of a ledger.
type LedgerCheck struct {
	Changes int64 // acknowledged, in the ledger
	Checked int64 // files read back, or looked for where they were deleted
	Lost    int64 // files that are not as acknowledged
	Unknown int64 // files given up by the writer, not checked
	// Named describes the first lost ones.
	Named []string
}

// CheckLedger follows the ledger to its end, or to the last change acknowledged
// at or before the time until (ms since 1970; 0 for all), and reads every file
// back from below root: each must be there with all its bytes, and what was
// deleted or renamed must be gone. It holds one line for each file in memory. A
// read that fails for another reason than the file's absence is an error, never
// a lost file.
func CheckLedger(ctx context.Context, store storage.Reader, root, ledgerPath string, until int64) (LedgerCheck, error) {
	var check LedgerCheck
	want := map[string]*Entry{} // nil: gone
	for e, err := range Entries(ledgerPath) {
		if err != nil {
			return check, err
		}
		if until > 0 && e.Time > until {
			break
		}
		check.Changes++
		check.Unknown += follow(want, e)
	}
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(checkWorkers)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		g.Go(func() error {
			why, err := want[name].lost(gctx, store, path.Join(root, name))
			mu.Lock()
			defer mu.Unlock()
			check.Checked++
			if why == "" || err != nil {
				return err
			}
			check.Lost++
			if len(check.Named) < maxNamed {
				check.Named = append(check.Named, name+": "+why)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return check, fmt.Errorf("check ledger against %s: %w", root, err)
	}
	slices.Sort(check.Named)
	return check, nil
}

// follow changes what is wanted as the entry says. It returns 1 for a file that
// is given up.
func follow(want map[string]*Entry, e Entry) int64 {
	switch e.Kind {
	case Create, Append:
		want[e.Path] = &e
	case Rename:
		want[e.To], want[e.Path] = want[e.Path], nil
	case Delete:
		want[e.Path] = nil
	case lost:
		delete(want, e.Path)
		delete(want, e.To)
		return 1
	}
	return 0
}

// lost says in words why the file is not as acknowledged; "" when it is. A nil
// entry wants none.
func (e *Entry) lost(ctx context.Context, store storage.Reader, name string) (string, error) {
	r, err := store.Open(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && e == nil:
		return "", nil
	case errors.Is(err, fs.ErrNotExist):
		return "absent", nil
	case err != nil:
		return "", err
	}
	defer r.Close() //nolint:errcheck // only read
	if e == nil {
		return "is there, though it was renamed or deleted", nil
	}
	digest, n, err := DigestReader(r)
	if err != nil {
		return "", err
	}
	if digest != e.Digest {
		return fmt.Sprintf("has %d bytes with digest %s, acknowledged were %d with %s", n, digest, e.Size, e.Digest), nil
	}
	return "", nil
}
