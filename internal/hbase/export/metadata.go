package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"

	"drover/internal/fault"
	"drover/internal/hbase/snapshot"
	"drover/internal/storage"
)

// PublishMetadata copies the snapshot's own files, byte for byte, into the
// final directory at the target, where they appear in one step. If they are
// there already it does nothing; if another snapshot has the name it fails with
// fault.Conflict and changes nothing.
func PublishMetadata(ctx context.Context, job Job) error {
	_, err := publishMetadata(ctx, job)
	return err
}

// publishMetadata also tells whether it had to write.
func publishMetadata(ctx context.Context, job Job) (fresh bool, err error) {
	if err := job.check(); err != nil {
		return false, err
	}
	return retry(ctx, job, "publish metadata of snapshot "+job.Snapshot, func() (bool, error) { return publish(ctx, job) })
}

func publish(ctx context.Context, job Job) (fresh bool, err error) {
	files, err := metadataFiles(ctx, job)
	if err != nil {
		return false, err
	}
	if there, err := sameMetadata(ctx, job, files); there || err != nil {
		return false, err
	}
	err = snapshot.Publish(ctx, job.Target, job.TargetRoot, job.Snapshot, func(dir string) error {
		for _, f := range files {
			if err := copyBytes(ctx, job, f.Path, path.Join(dir, path.Base(f.Path))); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, storage.ErrExist) {
		// Made since, by another attempt of this job or by its own first call,
		// whose answer was lost.
		_, err = sameMetadata(ctx, job, files)
		return false, err
	}
	return err == nil, err
}

// metadataFiles lists the snapshot's own files at the source.
func metadataFiles(ctx context.Context, job Job) ([]storage.Object, error) {
	files, err := job.Source.List(ctx, snapshot.Path(job.SourceRoot, job.Snapshot))
	if errors.Is(err, storage.ErrNotExist) {
		return nil, gone(job, err)
	}
	return slices.DeleteFunc(files, func(o storage.Object) bool { return o.IsDir }), err
}

func gone(job Job, err error) error {
	return fault.As(fault.Conflict, fmt.Errorf("snapshot %s is gone from the source; take a new one: %w", job.Snapshot, err))
}

// sameMetadata reports whether the target has the snapshot; it fails if what
// stands there under its name is another one.
func sameMetadata(ctx context.Context, job Job, files []storage.Object) (there bool, err error) {
	dir := snapshot.Path(job.TargetRoot, job.Snapshot)
	if _, err := job.Target.Stat(ctx, dir); errors.Is(err, storage.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	for _, f := range files {
		same, err := sameBytes(ctx, job, f.Path, path.Join(dir, path.Base(f.Path)))
		if err != nil {
			return false, err
		}
		if !same {
			return false, fault.As(fault.Conflict, fmt.Errorf("the target has another snapshot named %s; delete it there or take the snapshot under another name", job.Snapshot))
		}
	}
	return true, nil
}

func copyBytes(ctx context.Context, job Job, from, to string) error {
	r, err := job.Source.Open(ctx, from)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read
	w, err := job.Target.Create(ctx, to, storage.CreateOptions{})
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Commit()
}

// sameBytes compares two files; one that the target lacks differs.
func sameBytes(ctx context.Context, job Job, from, to string) (bool, error) {
	a, err := job.Source.Open(ctx, from)
	if err != nil {
		return false, err
	}
	defer a.Close() //nolint:errcheck // only read
	b, err := job.Target.Open(ctx, to)
	if errors.Is(err, storage.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer b.Close() //nolint:errcheck // only read
	bufA, bufB := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, errA := io.ReadFull(a, bufA)
		m, errB := io.ReadFull(b, bufB)
		if !bytes.Equal(bufA[:n], bufB[:m]) {
			return false, nil
		}
		if ended(errA) && ended(errB) {
			return true, nil
		}
		if errA != nil && !ended(errA) {
			return false, errA
		}
		if errB != nil && !ended(errB) {
			return false, errB
		}
	}
}

func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
