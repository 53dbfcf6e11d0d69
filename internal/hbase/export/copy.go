package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"drover/internal/fault"
	"drover/internal/hbase/snapshot"
	"drover/internal/storage"
)

const (
	// bufferSize is what one copy reads at a time: a packet of HDFS, so that
	// the data goes from socket to socket in the pieces it came in.
	bufferSize = 64 << 10
	firstWait  = 200 * time.Millisecond
	longWait   = 5 * time.Second
	// looks bounds how often the list of places is searched for a file before
	// it counts as gone: it moves from one to the next while we look.
	looks = 5
)

// CopyRange copies the files [first, last) of the plan. The metadata must have
// been published.
func CopyRange(ctx context.Context, job Job, first, last int) (Result, error) {
	plan, err := job.plan(ctx)
	if err != nil {
		return Result{}, err
	}
	if first < 0 || first > last || last > plan.Count {
		return Result{}, fault.As(fault.InvalidInput, fmt.Errorf("export snapshot %s: range [%d, %d) is not within its %d files", job.Snapshot, first, last, plan.Count))
	}
	job.Plan = plan
	c := newCopier(job, 1)
	err = job.parts(ctx, first, last, func(files []snapshot.File) error {
		c.res.Files += int64(len(files))
		for _, f := range files {
			c.res.Bytes += max(f.Size, 0)
		}
		return c.copy(ctx, files)
	})
	return c.res, err
}

// copyMissing copies those of all files that the target lacks.
func copyMissing(ctx context.Context, job Job, pass int) (Result, error) {
	c := newCopier(job, pass)
	err := job.parts(ctx, 0, job.Plan.Count, func(files []snapshot.File) error {
		todo, err := missing(ctx, job, files)
		if err != nil {
			return err
		}
		return c.copy(ctx, todo)
	})
	return c.res, err
}

// copier copies files of one job, in one pass over them.
type copier struct {
	job     Job
	limit   *limiter
	buffers sync.Pool

	mu       sync.Mutex // guards the rest and the callback
	res      Result
	progress Progress
	told     time.Time
}

func newCopier(job Job, pass int) *copier {
	c := &copier{job: job, limit: newLimiter(job.BytesPerSecond), progress: Progress{Pass: pass}}
	c.buffers.New = func() any { b := make([]byte, bufferSize); return &b }
	return c
}

// copy copies files, the largest first, so that no long one is left running
// alone at the end.
func (c *copier) copy(ctx context.Context, files []snapshot.File) error {
	if len(files) == 0 {
		return ctx.Err()
	}
	c.res.Passes = 1
	c.progress.FilesTotal += int64(len(files))
	for _, f := range files {
		c.progress.BytesTotal += max(f.Size, 0)
	}
	bySize := func(a, b snapshot.File) int { return cmp.Compare(b.Size, a.Size) }
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(c.job.Parallel, DefaultParallel))
	for _, f := range slices.SortedStableFunc(slices.Values(files), bySize) {
		if gctx.Err() != nil {
			break
		}
		group.Go(func() error { return c.file(gctx, f) })
	}
	err := group.Wait()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("export snapshot %s: %w", c.job.Snapshot, err)
	}
	return nil
}

// file brings one file to the target, trying until it is there and proved.
func (c *copier) file(ctx context.Context, f snapshot.File) error {
	tries := 0
	mismatched := false
	adopted, err := retry(ctx, c.job, "copy "+f.Path(), func() (bool, error) {
		tries++
		adopted, err := c.once(ctx, f, tries == 1)
		if fault.KindOf(err) == fault.Mismatch && !mismatched {
			// Once may be a checksum asked of a DataNode that just left; the
			// file is written anew and must then prove equal.
			mismatched = true
			err = fault.As(fault.Unknown, err)
		}
		return adopted, err
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.res.Retries += int64(tries - 1)
	c.progress.Retries = c.res.Retries
	if err != nil {
		return err
	}
	c.progress.Files++
	if adopted {
		c.res.Adopted++
		c.progress.Adopted++
		c.progress.Bytes += max(f.Size, 0)
	} else {
		c.res.Copied++
		c.res.CopiedBytes += max(f.Size, 0)
	}
	c.tell(true)
	return nil
}

// tell reports progress, now or if the last report is a while ago; the caller
// holds mu.
func (c *copier) tell(now bool) {
	if c.job.Progress == nil || (!now && time.Since(c.told) < 200*time.Millisecond) {
		return
	}
	c.told = time.Now()
	c.job.Progress(c.progress)
}

// moved accounts for n bytes of a file under way; a negative n takes back what
// a failed attempt had counted.
func (c *copier) moved(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress.Bytes += n
	c.tell(false)
}

// once is one attempt at one file. The first may take the short way, store to
// store; whatever went wrong there, the others read and write the bytes.
func (c *copier) once(ctx context.Context, f snapshot.File, first bool) (adopted bool, err error) {
	src, err := locate(ctx, c.job, f)
	if err != nil {
		return false, err
	}
	if f.Size >= 0 && src.Size != f.Size {
		return false, fault.As(fault.Mismatch, fmt.Errorf("the source has %d bytes at %s where the snapshot recorded %d", src.Size, src.Path, f.Size))
	}
	dst := f.ArchivePath(c.job.TargetRoot)
	if adopted, err = adopt(ctx, c.job, src, dst); err != nil || adopted {
		return adopted, err
	}
	if first {
		if done, err := c.relay(ctx, src, dst); done || err != nil {
			return false, err
		}
	}
	return false, c.transfer(ctx, src, dst)
}

// locate finds where the file is at the source. It moves from the data
// directory to the archive when a compaction or a dropped table leaves it to
// the snapshots, possibly between two looks.
func locate(ctx context.Context, job Job, f snapshot.File) (storage.Object, error) {
	for range looks {
		for _, p := range f.Candidates(job.SourceRoot) {
			o, err := job.Source.Stat(ctx, p)
			if err == nil {
				return o, nil
			}
			if !errors.Is(err, storage.ErrNotExist) {
				return storage.Object{}, err
			}
		}
	}
	return storage.Object{}, fmt.Errorf("the source has the file in neither data, archive, .tmp nor mobdir under %s: %w", job.SourceRoot, errVanished)
}

// errVanished is permanent: the snapshot was deleted and a cleaner ran.
var errVanished = fault.As(fault.Conflict, errors.New("a file the snapshot needs is gone; was the snapshot deleted? take a new one"))

// adopt reports whether the file is at the target already, equal to the
// source's in length and checksum; else it has to be written.
func adopt(ctx context.Context, job Job, src storage.Object, dst string) (bool, error) {
	there, err := job.Target.Stat(ctx, dst)
	if errors.Is(err, storage.ErrNotExist) {
		return false, nil
	}
	if err != nil || there.Size != src.Size {
		return false, err
	}
	want, err := job.Source.Checksum(ctx, src.Path)
	if err != nil {
		return false, err
	}
	got, err := job.Target.Checksum(ctx, dst)
	return err == nil && got.Equal(want), err
}

// relay has the target take the file over, if it can, and proves that both
// stores compute the same checksum of it.
func (c *copier) relay(ctx context.Context, src storage.Object, dst string) (done bool, err error) {
	to, ok := c.job.Target.(storage.Relayer)
	if !ok {
		return false, nil
	}
	var n int64
	defer func() {
		if err != nil {
			c.moved(-n)
		}
	}()
	done, err = to.Relay(ctx, c.job.Source, src, dst, func(more int) error {
		if err := c.limit.wait(ctx, more); err != nil {
			return err
		}
		n += int64(more)
		c.moved(int64(more))
		return nil
	})
	if err != nil || !done {
		return false, err
	}
	// When the file moved to the archive meanwhile this fails, and the next
	// attempt finds it there and adopts what was just written.
	want, err := c.job.Source.Checksum(ctx, src.Path)
	if err != nil {
		return false, err
	}
	return true, c.proved(ctx, dst, n, src, want)
}

// transfer writes the file and proves that the target holds the bytes read.
// What the source's DataNodes sent was checked against their CRCs on the way.
func (c *copier) transfer(ctx context.Context, src storage.Object, dst string) (err error) {
	r, err := c.job.Source.Open(ctx, src.Path)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read
	w, err := c.job.Target.Create(ctx, dst, storage.CreateOptions{BlockSize: src.BlockSize})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Abort())
		}
	}()
	sum := storage.NewSummer(src.BlockSize)
	n, err := c.pump(ctx, w, r, sum)
	if err != nil {
		c.moved(-n)
		return err
	}
	if err := w.Commit(); err != nil {
		c.moved(-n)
		return err
	}
	if err := c.proved(ctx, dst, n, src, sum.Checksum()); err != nil {
		c.moved(-n)
		return err
	}
	return nil
}

// pump moves the bytes and returns their number, also with an error.
func (c *copier) pump(ctx context.Context, w io.Writer, r io.Reader, sum *storage.Summer) (int64, error) {
	bp := c.buffers.Get().(*[]byte)
	defer c.buffers.Put(bp)
	buf := *bp
	var total int64
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if err := c.limit.wait(ctx, n); err != nil {
				return total, err
			}
			sum.Write(buf[:n]) //nolint:errcheck // never fails
			if _, err := w.Write(buf[:n]); err != nil {
				return total, err
			}
			total += int64(n)
			c.moved(int64(n))
		}
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// proved compares length and checksum of the written file with those of the
// bytes read.
func (c *copier) proved(ctx context.Context, dst string, n int64, src storage.Object, want storage.Checksum) error {
	if n != src.Size {
		return fault.As(fault.Mismatch, fmt.Errorf("%d bytes read from %s of %d", n, src.Path, src.Size))
	}
	got, err := c.job.Target.Checksum(ctx, dst)
	if err != nil {
		return err
	}
	if got.Equal(want) {
		return nil
	}
	err = fmt.Errorf("the target's checksum of %s is %s, that of the bytes read from %s is %s", dst, got.Sum, src.Path, want.Sum)
	if got.Comparable(want, n) {
		return fault.As(fault.Mismatch, err)
	}
	return err
}

// retry runs fn until it succeeds, fails in a way that repeating cannot help,
// or the job's attempts are used up.
func retry[T any](ctx context.Context, job Job, what string, fn func() (T, error)) (T, error) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = firstWait, longWait
	attempts := job.Attempts
	if attempts == 0 {
		attempts = DefaultAttempts
	}
	tries := 0
	v, err := backoff.Retry(ctx, func() (T, error) {
		tries++
		v, err := fn()
		err = marked(err)
		if err != nil && (fault.KindOf(err).Permanent() || ctx.Err() != nil) {
			err = backoff.Permanent(err)
		}
		return v, err
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(uint(attempts)), backoff.WithMaxElapsedTime(0))
	if err == nil {
		return v, nil
	}
	if cause := ctx.Err(); cause != nil {
		err = cause
	}
	return v, fmt.Errorf("%s: attempt %d: %w", what, tries, err)
}

// marked marks the errors of a store that no repetition mends.
func marked(err error) error {
	switch {
	case errors.Is(err, storage.ErrDenied):
		return fault.As(fault.Denied, fmt.Errorf("%w; run as HBase's own user, or grant it", err))
	case errors.Is(err, errors.ErrUnsupported):
		return fault.As(fault.Unsupported, err)
	}
	return err
}
