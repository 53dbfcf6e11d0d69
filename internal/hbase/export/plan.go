package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"drover/internal/fault"
	"drover/internal/hbase/snapshot"
	"drover/internal/storage"
)

// window is how many files of the list are in memory at a time: some 200 bytes
// each. A snapshot of more is read once more for each of the other windows.
const window = 1 << 15

// Manifest describes the list of files a job copies, in an order that is the
// same whenever and wherever the same snapshot is read: batches are ranges of
// it. It holds a part of the list.
type Manifest struct {
	Count int   // of files
	Bytes int64 // of all files of known length
	// Digest is a SHA-256, in hex, over the files' paths and lengths.
	Digest string
	// Files are those of the list from number First on.
	First int
	Files []snapshot.File

	list *snapshot.Files
}

// Plan reads the snapshot and lists its files. The result holds the first of
// them.
func Plan(ctx context.Context, job Job) (*Manifest, error) { return PlanRange(ctx, job, 0, window) }

// PlanRange is Plan for those who want the files [first, last). Of many the
// result holds the first, the steps read the others when it is their turn.
func PlanRange(ctx context.Context, job Job, first, last int) (*Manifest, error) {
	if err := job.check(); err != nil {
		return nil, err
	}
	list, err := snapshot.ListFiles(ctx, job.Source, job.SourceRoot, job.Snapshot)
	if err != nil {
		return nil, unplanned(job, err)
	}
	return planRange(ctx, job, list, first, last)
}

func planRange(ctx context.Context, job Job, list *snapshot.Files, first, last int) (*Manifest, error) {
	p := &Manifest{First: first, list: list}
	last = min(last, first+window)
	sum := sha256.New()
	var line []byte
	m, err := list.Each(ctx, func(f snapshot.File) {
		if first <= p.Count && p.Count < last {
			p.Files = append(p.Files, f)
		}
		p.Count++
		p.Bytes += max(f.Size, 0)
		line = strconv.AppendInt(append(f.AppendPath(line[:0]), '\t'), f.Size, 10)
		line = append(line, '\n')
		sum.Write(line) //nolint:errcheck // a hash never fails
	})
	if err == nil {
		err = notExpired(m)
	}
	if err != nil {
		return nil, unplanned(job, err)
	}
	p.Digest = hex.EncodeToString(sum.Sum(nil))
	return p, nil
}

// unplanned is the failure of whatever reads the list of files: reading it
// again does not bring back a snapshot that somebody deleted.
func unplanned(job Job, err error) error {
	switch {
	case errors.Is(err, snapshot.ErrCorrupt):
		err = fault.As(fault.Mismatch, err)
	case errors.Is(err, storage.ErrNotExist), errors.Is(err, snapshot.ErrUnfinished):
		err = gone(job, err)
	}
	return fmt.Errorf("plan export: %w", err)
}

// Matches fails with fault.Mismatch unless the list is the one of that digest.
func (m *Manifest) Matches(digest string) error {
	if m.Digest == digest {
		return nil
	}
	return fault.As(fault.Mismatch, fmt.Errorf("it lists other files than when it was planned (digest %s, planned %s): it was replaced; abort this run", m.Digest, digest))
}

// notExpired refuses a snapshot that HBase would refuse to restore. Its life is
// counted on the source's clock.
func notExpired(m *snapshot.Manifest) error {
	ttl := m.Description.GetTtl() // seconds; not positive for ever
	made := time.UnixMilli(m.Description.GetCreationTime())
	if ttl <= 0 || time.Since(made) < time.Duration(ttl)*time.Second {
		return nil
	}
	return fault.As(fault.Conflict, fmt.Errorf("snapshot %s, made %s to live %d s, has expired; take a new one", m.Name, made.UTC().Format(time.RFC3339), ttl))
}

func (job Job) plan(ctx context.Context) (*Manifest, error) {
	if err := job.check(); err != nil {
		return nil, err
	}
	if job.Plan != nil {
		return job.Plan, nil
	}
	return Plan(ctx, job)
}

// parts calls do with the plan's files [first, last), in order, a window of them
// at a time. It must not change them.
func (job Job) parts(ctx context.Context, first, last int, do func([]snapshot.File) error) error {
	for first < last {
		files, err := job.part(ctx, first, min(last, first+window))
		if err != nil {
			return err
		}
		if err := do(files); err != nil {
			return err
		}
		first += len(files)
	}
	return nil
}

// part reads the snapshot again, which must be the same still, unless the plan
// holds the files.
func (job Job) part(ctx context.Context, first, last int) ([]snapshot.File, error) {
	held := job.Plan
	if first < held.First || last > held.First+len(held.Files) {
		again, err := retry(ctx, job, "read the list of files again", func() (*Manifest, error) {
			return planRange(ctx, job, held.list, first, last)
		})
		if err != nil {
			return nil, fmt.Errorf("export snapshot %s: %w", job.Snapshot, err)
		}
		if err := again.Matches(held.Digest); err != nil {
			return nil, fmt.Errorf("export snapshot %s: %w", job.Snapshot, err)
		}
		held = again
	}
	return held.Files[first-held.First : last-held.First], nil
}
