// Package export copies an HBase snapshot, metadata and files, from one
// cluster's root directory to another's without MapReduce, so that the target
// can restore it. It does what HBase's ExportSnapshot does, and leaves the same
// files, with other guarantees:
//
//   - The metadata goes first and straight into the snapshot's final directory,
//     in one step: from then on the target's cleaner spares every file the
//     snapshot names, across restarts of its master. Until all files are there
//     HBase refuses to restore it.
//   - Every file is written under its final name. What an earlier attempt left
//     is adopted if its length and checksum are the source's, else rewritten.
//   - A file counts as copied when the checksum the target's DataNodes computed
//     equals that of the bytes read from the source.
//   - Only an answer "not there" is taken for absence. Every other error of a
//     copy is tried again with new connections until the attempts are used up.
//
// The package knows nothing of Temporal. Plan, PublishMetadata, CopyRange and
// VerifyTarget are steps an activity may repeat at any time; Run composes them.
package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"time"

	"drover/internal/fault"
	"drover/internal/hbase/snapshot"
	"drover/internal/storage"
)

// Defaults of Job.
const (
	DefaultParallel = 4
	DefaultAttempts = 40
)

// Job says what to copy, where from and where to.
type Job struct {
	Source storage.Reader
	Target storage.Store
	// SourceRoot and TargetRoot are the paths of hbase.rootdir within the
	// stores, "/hbase".
	SourceRoot, TargetRoot string
	// Snapshot is the name, the same on both sides.
	Snapshot string
	// Parallel is the number of files copied at the same time;
	// DefaultParallel when zero.
	Parallel int
	// BytesPerSecond bounds the rate of all copies together; 0 is no bound.
	BytesPerSecond int64
	// Attempts bounds the tries for one file, with growing waits of at most
	// five seconds in between; DefaultAttempts, about three minutes, when
	// zero.
	Attempts int
	// Progress, when set, is told how far the job is: after each file and
	// several times a second during long ones, by one goroutine at a time. It
	// must not block.
	Progress func(Progress)
	// Plan is the result of Plan for this job, to spare the steps from reading
	// the snapshot again. Steps read it themselves when it is nil.
	Plan *Manifest
}

// Manifest is the list of files a job copies, in an order that is the same
// whenever and wherever the same snapshot is read: batches are ranges of it. It
// is what a job's memory grows with, by some 200 bytes a file; the sizes of the
// files do not matter.
type Manifest struct {
	Files []snapshot.File
	Bytes int64 // of all files of known length
	// Digest is a SHA-256, in hex, over the files' paths and lengths.
	Digest string
	// References counts the entries of the snapshot that stand for half a
	// file: what a split or a merge leaves until the next compaction.
	References int
}

// Progress is a moment of a job.
type Progress struct {
	Files, FilesTotal int64
	Bytes, BytesTotal int64 // of finished files and of those under way
	Adopted           int64 // of Files, those found complete at the target
	Retries           int64
	Pass              int // 1 is the first
}

// Result is what a job did. Of a file that was copied in a second pass the
// second copy counts too.
type Result struct {
	Files, Bytes int64 // in the snapshot
	Copied       int64 // files written
	CopiedBytes  int64
	Adopted      int64 // files found complete
	Retries      int64 // attempts after the first
	Passes       int
	// Digest is a SHA-256, in hex, over path, length and checksum of every
	// file in the plan's order. It is empty where a step saw only some.
	Digest string
}

// FileResult is the outcome for one file of a range.
type FileResult struct {
	Index   int // in the plan
	File    snapshot.File
	Sum     storage.Checksum
	Adopted bool
	Retries int
}

// maxPasses bounds how often Run starts over because files it had copied are
// gone again. Something deletes them if that does not converge.
const maxPasses = 5

// Run copies the snapshot and proves it complete: metadata, then all files,
// then passes that copy what is missing until one finds nothing to do.
// Repeating it after any end is safe and cheap.
func Run(ctx context.Context, job Job) (Result, error) {
	plan, err := job.plan(ctx)
	if err != nil {
		return Result{}, err
	}
	job.Plan = plan
	res := Result{Files: int64(len(plan.Files)), Bytes: plan.Bytes}
	sums := make([]string, len(plan.Files))
	todo := indexes(0, len(plan.Files))
	for pass := 1; pass <= maxPasses; pass++ {
		fresh, err := publishMetadata(ctx, job)
		if err != nil {
			return res, err
		}
		if pass > 1 {
			if todo, err = missing(ctx, job); err != nil {
				return res, err
			}
			if len(todo) == 0 && !fresh {
				res.Digest = digest(plan.Files, sums)
				return res, nil
			}
		}
		res.Passes = pass
		part, err := copyFiles(ctx, job, todo, pass, func(f FileResult) { sums[f.Index] = f.Sum.Sum })
		res.add(part)
		if err != nil {
			return res, err
		}
	}
	return res, fault.As(fault.Conflict, fmt.Errorf("export snapshot %s: what was copied keeps disappearing from %s at the target, in %d passes, the last time %d of %d files: most likely somebody deletes the snapshot there; stop that and run again", job.Snapshot, job.TargetRoot, maxPasses, len(todo), len(plan.Files)))
}

func (r *Result) add(o Result) {
	r.Copied += o.Copied
	r.CopiedBytes += o.CopiedBytes
	r.Adopted += o.Adopted
	r.Retries += o.Retries
}

// Plan reads the snapshot and lists its files.
func Plan(ctx context.Context, job Job) (*Manifest, error) {
	if err := job.check(); err != nil {
		return nil, err
	}
	p := new(Manifest)
	m, err := snapshot.Walk(ctx, job.Source, job.SourceRoot, job.Snapshot, func(r snapshot.Region) {
		for _, s := range r.Stores {
			p.Files = append(p.Files, s.File)
			if s.Reference != nil {
				p.References++
			}
		}
	})
	if err != nil {
		if errors.Is(err, snapshot.ErrCorrupt) {
			err = fault.As(fault.Mismatch, err)
		}
		return nil, fmt.Errorf("plan export: %w", err)
	}
	if err := notExpired(m); err != nil {
		return nil, err
	}
	p.Files = slices.Clip(snapshot.Unique(p.Files))
	for _, f := range p.Files {
		p.Bytes += max(f.Size, 0)
	}
	p.Digest = digest(p.Files, nil)
	return p, nil
}

// notExpired refuses a snapshot that HBase would refuse to restore. Its life is
// counted on the source's clock.
func notExpired(m *snapshot.Manifest) error {
	ttl := m.Description.GetTtl() // seconds; not positive for ever
	made := time.UnixMilli(m.Description.GetCreationTime())
	if ttl <= 0 || time.Since(made) < time.Duration(ttl)*time.Second {
		return nil
	}
	return fault.As(fault.Conflict, fmt.Errorf("plan export: snapshot %s, made %s to live %d s, has expired; take a new one", m.Name, made.UTC().Format(time.RFC3339), ttl))
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

func (job Job) check() error {
	switch {
	case job.Source == nil || job.Target == nil:
		return fault.As(fault.InvalidInput, errors.New("export: source and target store are required"))
	case job.SourceRoot == "" || job.TargetRoot == "":
		return fault.As(fault.InvalidInput, errors.New("export: root directories of source and target are required"))
	case job.Snapshot == "":
		return fault.As(fault.InvalidInput, errors.New("export: name of the snapshot is required"))
	case job.Parallel < 0 || job.BytesPerSecond < 0 || job.Attempts < 0:
		return fault.As(fault.InvalidInput, errors.New("export: parallel, bytes per second and attempts must not be negative"))
	}
	return nil
}

// digest hashes one line a file: path, length and, where given, checksum.
func digest(files []snapshot.File, sums []string) string {
	h := sha256.New()
	var line []byte
	for i, f := range files {
		line = append(line[:0], f.Path()...)
		line = append(line, '\t')
		line = strconv.AppendInt(line, f.Size, 10)
		if sums != nil {
			line = append(line, '\t')
			line = append(line, sums[i]...)
		}
		writeLine(h, append(line, '\n'))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func writeLine(h hash.Hash, line []byte) { h.Write(line) } //nolint:errcheck // a hash never fails

func indexes(first, last int) []int {
	out := make([]int, last-first)
	for i := range out {
		out[i] = first + i
	}
	return out
}
