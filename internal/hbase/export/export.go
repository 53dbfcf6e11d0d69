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
// Of the list of files a window is in memory at a time, so that a job takes the
// same memory for a snapshot of any size.
//
// The package knows nothing of Temporal. Plan, PublishMetadata, CopyRange and
// Complete are steps an activity may repeat at any time; Run composes them.
package export

import (
	"context"
	"errors"
	"fmt"

	"drover/internal/fault"
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
	// Plan is the result of Plan or PlanRange for this job, to spare the steps
	// from reading the snapshot again. Steps read it themselves when it is nil,
	// and what it does not hold.
	Plan *Manifest
}

// Progress is a moment of a job. The totals are of the files it has come to see
// so far, many at a time.
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
	Files, Bytes int64 // in the snapshot, or in the range that was to be copied
	Copied       int64 // files written
	CopiedBytes  int64
	Adopted      int64 // files found complete
	Retries      int64 // attempts after the first
	Passes       int   // in which there was something to copy
}

// maxPasses bounds how often a job starts over because files that were copied
// are gone again. Something deletes them if that does not converge.
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
	if _, err := publishMetadata(ctx, job); err != nil {
		return Result{}, err
	}
	res, err := CopyRange(ctx, job, 0, plan.Count)
	if err != nil {
		return res, err
	}
	rest, err := Complete(ctx, job)
	res.add(rest)
	return res, err
}

// Complete looks whether the target has the metadata, byte for byte, and every
// file at its full length, and brings what is missing, until a pass over all
// finds nothing to do. Checksums are compared only of what it copies: those of
// the others were when they were copied or adopted, and HBase never changes a
// file once it is written.
func Complete(ctx context.Context, job Job) (Result, error) {
	plan, err := job.plan(ctx)
	if err != nil {
		return Result{}, err
	}
	job.Plan = plan
	res := Result{Files: int64(plan.Count), Bytes: plan.Bytes}
	for pass := 2; pass <= maxPasses; pass++ {
		fresh, err := publishMetadata(ctx, job)
		if err != nil {
			return res, err
		}
		part, err := copyMissing(ctx, job, pass)
		res.add(part)
		if err != nil || (part.Passes == 0 && !fresh) {
			return res, err
		}
	}
	return res, fault.As(fault.Conflict, fmt.Errorf("export snapshot %s: what was copied keeps disappearing from %s at the target, in %d passes: most likely somebody deletes the snapshot there; stop that and run again", job.Snapshot, job.TargetRoot, maxPasses))
}

func (r *Result) add(o Result) {
	r.Copied += o.Copied
	r.CopiedBytes += o.CopiedBytes
	r.Adopted += o.Adopted
	r.Retries += o.Retries
	r.Passes += o.Passes
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
