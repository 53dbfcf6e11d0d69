package export

import (
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

// CopyRange copies the files [first, last) of the plan, larger ones first, and
// calls onFile, when not nil, as each is complete, by one goroutine at a time
// and in no order. The metadata must have been published.
func CopyRange(ctx context.Context, job Job, first, last int, onFile func(FileResult)) (Result, error) {
	plan, err := job.plan(ctx)
	if err != nil {
		return Result{}, err
	}
	if first < 0 || first > last || last > len(plan.Files) {
		return Result{}, fault.As(fault.InvalidInput, fmt.Errorf("export snapshot %s: range [%d, %d) is not within its %d files", job.Snapshot, first, last, len(plan.Files)))
	}
	job.Plan = plan
	return copyFiles(ctx, job, indexes(first, last), 1, onFile)
}

// copier is the state of one copyFiles.
type copier struct {
	job     Job
	limit   *limiter
	buffers sync.Pool

	mu       sync.Mutex // guards the rest and the callbacks
	res      Result
	progress Progress
	told     time.Time
	onFile   func(FileResult)
}

func copyFiles(ctx context.Context, job Job, todo []int, pass int, onFile func(FileResult)) (Result, error) {
	c := &copier{job: job, limit: newLimiter(job.BytesPerSecond), onFile: onFile}
	c.buffers.New = func() any { b := make([]byte, bufferSize); return &b }
	c.progress = Progress{FilesTotal: int64(len(todo)), Pass: pass}
	files := job.Plan.Files
	for _, i := range todo {
		c.progress.BytesTotal += max(files[i].Size, 0)
	}
	// The largest first, so that no long one is left running alone at the end.
	todo = slices.Clone(todo)
	slices.SortStableFunc(todo, func(a, b int) int { return int(min(max(files[b].Size-files[a].Size, -1), 1)) })
	group, gctx := errgroup.WithContext(ctx)
	parallel := job.Parallel
	if parallel == 0 {
		parallel = DefaultParallel
	}
	group.SetLimit(parallel)
	for _, i := range todo {
		if gctx.Err() != nil {
			break
		}
		group.Go(func() error { return c.file(gctx, i) })
	}
	err := group.Wait()
	if err == nil {
		err = ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		return c.res, fmt.Errorf("export snapshot %s: %w", job.Snapshot, err)
	}
	return c.res, nil
}

// file brings one file to the target, trying until it is there and proved.
func (c *copier) file(ctx context.Context, index int) error {
	f := c.job.Plan.Files[index]
	tries := 0
	mismatched := false
	res, err := retry(ctx, c.job, "copy "+f.Path(), func() (FileResult, error) {
		tries++
		res, err := c.once(ctx, f, tries == 1)
		if fault.KindOf(err) == fault.Mismatch && !mismatched {
			// Once may be a checksum asked of a DataNode that just left; the
			// file is written anew and must then prove equal.
			mismatched = true
			err = fault.As(fault.Unknown, err)
		}
		return res, err
	})
	res.Index, res.File, res.Retries = index, f, tries-1
	c.mu.Lock()
	defer c.mu.Unlock()
	c.res.Retries += int64(tries - 1)
	c.progress.Retries = c.res.Retries
	if err != nil {
		return err
	}
	c.done(res)
	return nil
}

// done accounts for a finished file; the caller holds mu.
func (c *copier) done(res FileResult) {
	c.res.Files++
	c.res.Bytes += max(res.File.Size, 0)
	c.progress.Files++
	if res.Adopted {
		c.res.Adopted++
		c.progress.Adopted++
		c.progress.Bytes += max(res.File.Size, 0)
	} else {
		c.res.Copied++
		c.res.CopiedBytes += max(res.File.Size, 0)
	}
	if c.onFile != nil {
		c.onFile(res)
	}
	c.tell(true)
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
func (c *copier) once(ctx context.Context, f snapshot.File, first bool) (FileResult, error) {
	src, err := locate(ctx, c.job, f)
	if err != nil {
		return FileResult{}, err
	}
	if f.Size >= 0 && src.Size != f.Size {
		return FileResult{}, fault.As(fault.Mismatch, fmt.Errorf("the source has %d bytes at %s where the snapshot recorded %d", src.Size, src.Path, f.Size))
	}
	dst := f.ArchivePath(c.job.TargetRoot)
	sum, err := adopt(ctx, c.job, src, dst)
	if err != nil || sum.Sum != "" {
		return FileResult{Sum: sum, Adopted: true}, err
	}
	if first {
		if sum, done, err := c.relay(ctx, src, dst); done || err != nil {
			return FileResult{Sum: sum}, err
		}
	}
	sum, err = c.transfer(ctx, src, dst)
	return FileResult{Sum: sum}, err
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

// adopt returns the checksum of a file that is at the target already if it is
// equal to the source's, and none if it has to be written.
func adopt(ctx context.Context, job Job, src storage.Object, dst string) (storage.Checksum, error) {
	there, err := job.Target.Stat(ctx, dst)
	if errors.Is(err, storage.ErrNotExist) {
		return storage.Checksum{}, nil
	}
	if err != nil {
		return storage.Checksum{}, err
	}
	if there.Size != src.Size {
		return storage.Checksum{}, nil
	}
	want, err := job.Source.Checksum(ctx, src.Path)
	if err != nil {
		return storage.Checksum{}, err
	}
	got, err := job.Target.Checksum(ctx, dst)
	if err != nil {
		return storage.Checksum{}, err
	}
	if !got.Equal(want) {
		return storage.Checksum{}, nil
	}
	return got, nil
}

// relay has the target take the file over, if it can, and proves that both
// stores compute the same checksum of it.
func (c *copier) relay(ctx context.Context, src storage.Object, dst string) (_ storage.Checksum, done bool, err error) {
	to, ok := c.job.Target.(storage.Relayer)
	if !ok {
		return storage.Checksum{}, false, nil
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
		return storage.Checksum{}, false, err
	}
	// When the file moved to the archive meanwhile this fails, and the next
	// attempt finds it there and adopts what was just written.
	want, err := c.job.Source.Checksum(ctx, src.Path)
	if err != nil {
		return storage.Checksum{}, false, err
	}
	return want, true, c.proved(ctx, dst, n, src, want)
}

// transfer writes the file and proves that the target holds the bytes read.
// What the source's DataNodes sent was checked against their CRCs on the way.
func (c *copier) transfer(ctx context.Context, src storage.Object, dst string) (_ storage.Checksum, err error) {
	r, err := c.job.Source.Open(ctx, src.Path)
	if err != nil {
		return storage.Checksum{}, err
	}
	defer r.Close() //nolint:errcheck // only read
	w, err := c.job.Target.Create(ctx, dst, storage.CreateOptions{BlockSize: src.BlockSize})
	if err != nil {
		return storage.Checksum{}, err
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
		return storage.Checksum{}, err
	}
	if err := w.Commit(); err != nil {
		c.moved(-n)
		return storage.Checksum{}, err
	}
	want := sum.Checksum()
	if err := c.proved(ctx, dst, n, src, want); err != nil {
		c.moved(-n)
		return storage.Checksum{}, err
	}
	return want, nil
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
