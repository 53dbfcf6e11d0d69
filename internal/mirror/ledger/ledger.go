package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"drover/internal/fault"
	"drover/internal/manifest"
	"drover/internal/mirror/tree"
	"drover/internal/storage"
)

// Ledger is where the records of one mirror are kept: a directory of its own, in
// any store. Its methods belong to one goroutine, and a directory to one mirror.
type Ledger struct {
	Store storage.Store
	// Dir is absolute, holds nothing else, and does not lie in the mirrored tree.
	Dir string
	// Scratch is a directory of this machine for copies of what is in Dir. All
	// of it may be lost at any time.
	Scratch string
}

// Directories in a ledger's own.
const (
	generationsDir = "generations"
	shardsDir      = "shards"
	roundsDir      = "rounds"
)

// kept is how many generations stay: the newest, and the one before for people
// who want to know what a round changed.
const kept = 2

// Generation is a state of the target.
type Generation struct {
	// Number counts from 1; 0 is the generation of a ledger that has none.
	Number int64 `json:"number"`
	// Snapshot is the snapshot of the source that the target is equal to.
	Snapshot string      `json:"snapshot"`
	Totals   tree.Totals `json:"totals"`
	// Shards hold the records, in their order.
	Shards []Shard `json:"shards"`
}

// Shard is a list of records that is never changed. Its name is of its content.
type Shard struct {
	List  manifest.Summary `json:"list"`
	First string           `json:"first"` // path of its first record
}

func (s Shard) name() string { return s.List.SHA256 + ".manifest" }

// sealed is a file of the ledger with the digest of what it says: a file that
// ends early, in a store that shows files while they are written, says nothing.
type sealed struct {
	Content json.RawMessage `json:"content"`
	SHA256  string          `json:"sha256"`
}

func (l *Ledger) path(names ...string) string { return path.Join(l.Dir, path.Join(names...)) }

// Current returns the newest generation, or the zero Generation where there is
// none. One whose file is not whole was never committed.
func (l *Ledger) Current(ctx context.Context) (Generation, error) {
	numbers, err := l.generations(ctx)
	if err != nil {
		return Generation{}, err
	}
	for _, name := range slices.Backward(numbers) {
		var g Generation
		whole, err := l.readSealed(ctx, l.path(generationsDir, name), &g)
		if err != nil {
			return Generation{}, err
		}
		if whole {
			return g, nil
		}
	}
	return Generation{}, nil
}

// generations lists the names of the generations' files, oldest first.
func (l *Ledger) generations(ctx context.Context) ([]string, error) {
	objects, err := l.Store.List(ctx, l.path(generationsDir))
	if errors.Is(err, storage.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	var names []string
	for _, o := range objects {
		if name := path.Base(o.Path); !o.IsDir && strings.HasSuffix(name, ".json") {
			names = append(names, name)
		}
	}
	return names, nil
}

// commit makes g the newest generation, and clears away what no generation that
// is kept needs any more.
func (l *Ledger) commit(ctx context.Context, g Generation) error {
	if err := l.writeSealed(ctx, l.path(generationsDir, fmt.Sprintf("%010d.json", g.Number)), g); err != nil {
		return err
	}
	return l.tidy(ctx)
}

// tidy removes old generations, shards that none of the others names, and the
// parts of rounds. What is not there any more is no error: it may be repeated.
func (l *Ledger) tidy(ctx context.Context) error {
	names, err := l.generations(ctx)
	if err != nil {
		return err
	}
	needed := map[string]bool{}
	for i, name := range names {
		at := l.path(generationsDir, name)
		if i < len(names)-kept {
			if err := l.Store.Remove(ctx, at); err != nil {
				return err
			}
			continue
		}
		var g Generation
		if _, err := l.readSealed(ctx, at, &g); err != nil {
			return err
		}
		for _, s := range g.Shards {
			needed[s.name()] = true
		}
	}
	objects, err := l.Store.List(ctx, l.path(shardsDir))
	if err != nil && !errors.Is(err, storage.ErrNotExist) {
		return err
	}
	for _, o := range objects {
		if !needed[path.Base(o.Path)] {
			if err := l.Store.Remove(ctx, o.Path); err != nil {
				return err
			}
		}
	}
	if err := l.tidyScratch(needed); err != nil {
		return err
	}
	return l.Store.RemoveAll(ctx, l.path(roundsDir))
}

// Drop removes the ledger.
func (l *Ledger) Drop(ctx context.Context) error {
	return errors.Join(l.Store.RemoveAll(ctx, l.Dir), l.tidyScratch(nil))
}

func (l *Ledger) writeSealed(ctx context.Context, name string, content any) error {
	text, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	sum := sha256.Sum256(text)
	text, err = json.Marshal(sealed{Content: text, SHA256: hex.EncodeToString(sum[:])})
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	w, err := l.Store.Create(ctx, name, storage.CreateOptions{})
	if err != nil {
		return err
	}
	if _, err := w.Write(append(text, '\n')); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Commit()
}

// readSealed reads what writeSealed wrote; whole is false when there is no such
// file, or only a part of one.
func (l *Ledger) readSealed(ctx context.Context, name string, content any) (whole bool, err error) {
	r, err := l.Store.Open(ctx, name)
	if errors.Is(err, storage.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	text, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return false, fmt.Errorf("read %s: %w", name, err)
	}
	var s sealed
	if json.Unmarshal(text, &s) != nil {
		return false, nil
	}
	if sum := sha256.Sum256(s.Content); hex.EncodeToString(sum[:]) != s.SHA256 {
		return false, nil
	}
	if err := json.Unmarshal(s.Content, content); err != nil {
		return false, fault.As(fault.Unsupported, fmt.Errorf("read %s: %w: it was written by another version", name, err))
	}
	return true, nil
}
