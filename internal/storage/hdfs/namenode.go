package hdfs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/namenode"
	"drover/internal/hadoop/wire"
	"drover/internal/storage"
)

// NameNode returns the client through which the store speaks to the NameNode,
// for what the storage contract has no words for. It is the store's: Close ends
// it.
func (s *Store) NameNode() *namenode.Client { return s.nn }

// own is wrap for errors of the store's own NameNode client, which name an
// operation and a path already.
func own(ctx context.Context, op, name string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := remote(err); ok || ctx.Err() != nil || kindOf(err) != nil {
		return wrap(ctx, op, name, err)
	}
	return err
}

// plain refuses by name what this driver would read or write as other bytes
// than are meant: it knows neither encryption zones nor erasure coding.
func plain(st namenode.Status) error {
	switch {
	case st.Encrypted:
		return fmt.Errorf("it lies in an encryption zone: %w", errors.ErrUnsupported)
	case st.ErasureCoded:
		return fmt.Errorf("it is erasure-coded (%s): %w", st.ECPolicy, errors.ErrUnsupported)
	case st.Type == namenode.Symlink:
		return fmt.Errorf("it is a symbolic link: %w", errors.ErrUnsupported)
	}
	return nil
}

// addBlock gets a new block at the end of a file the store has open, waiting
// until the DataNodes have reported the one before. When no DataNode is left but
// those that failed of late, they are tried again.
func (s *Store) addBlock(ctx context.Context, name string, last wire.Message, file uint64) (namenode.Block, error) {
	b, err := s.askBlock(ctx, name, last, file)
	if errors.Is(err, namenode.ErrNoRoom) && s.avoid.Forgive() {
		return s.askBlock(ctx, name, last, file)
	}
	return b, err
}

func (s *Store) askBlock(ctx context.Context, name string, last wire.Message, file uint64) (namenode.Block, error) {
	return again(ctx, func() (namenode.Block, error) {
		b, err := s.nn.AddBlock(ctx, name, last, namenode.AddBlockOptions{FileID: file, Exclude: s.avoid.List()})
		b.Length = 0 // it says what there will be room for
		return b, err
	}, func(err error) bool { return errors.Is(err, namenode.ErrNotReplicatedYet) })
}

// blockTries is how many pipelines are set up for a block, one DataNode fewer
// each time.
const blockTries = 5

// place has a new block of a file written, on other DataNodes when those that
// the NameNode chose fail. What write does is done again.
func (s *Store) place(ctx context.Context, name string, last wire.Message, file uint64, write func(namenode.Block) error) error {
	for tries := 1; ; tries++ {
		b, err := s.addBlock(ctx, name, last, file)
		if err != nil {
			return err
		}
		err = write(b)
		if !s.failed(b, err) && !errors.Is(err, errOtherReplica) || tries == blockTries {
			return err
		}
		if gone := s.nn.AbandonBlock(ctx, name, b, file); gone != nil {
			return errors.Join(err, gone)
		}
	}
}

// failed leaves the DataNode out that broke a block's pipeline, and reports
// whether one did.
func (s *Store) failed(b namenode.Block, err error) bool {
	var broken *datanode.PipelineError
	if !errors.As(err, &broken) {
		return false
	}
	s.avoid.Failed(b, broken.Bad.Raw)
	return true
}

// finish closes a file the store has open, once the NameNode has heard of its
// last block.
func (s *Store) finish(ctx context.Context, name string, last wire.Message, file uint64) error {
	_, err := again(ctx, func() (struct{}, error) {
		done, err := s.nn.Complete(ctx, name, last, file)
		if err == nil && !done {
			err = errNotComplete
		}
		return struct{}{}, err
	}, func(err error) bool { return errors.Is(err, errNotComplete) })
	return err
}

var errNotComplete = errors.New("the datanodes have not reported the last block")

// again repeats a call to the NameNode while it says that it has not heard of a
// block from the DataNodes yet.
func again[T any](ctx context.Context, call func() (T, error), early func(error) bool) (T, error) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 5*time.Millisecond, time.Second
	return backoff.Retry(ctx, func() (T, error) {
		v, err := call()
		if err != nil && !early(err) {
			err = backoff.Permanent(err)
		}
		return v, err
	}, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(completeWait))
}

// create opens a new file, replacing one that is there, and its parents with
// it, in one call.
func (s *Store) create(ctx context.Context, name string, opt storage.CreateOptions) (namenode.Status, error) {
	st, err := s.nn.Create(ctx, name, namenode.CreateOptions{
		Mode: uint16(filePerm), Overwrite: true, CreateParent: true,
		Replication: opt.Replication, BlockSize: opt.BlockSize,
	})
	if err != nil {
		return st, s.isDir(ctx, name, err)
	}
	if err := plain(st); err != nil {
		s.nn.Delete(ctx, name, false) //nolint:errcheck // what matters is why
		return st, err
	}
	return st, nil
}

// isDir is ErrIsDir where a directory stands in the way of a file.
func (s *Store) isDir(ctx context.Context, name string, err error) error {
	if !errors.Is(kindOf(err), storage.ErrExist) {
		return err
	}
	if s.isDirectory(ctx, name) {
		return storage.ErrIsDir
	}
	return err
}

func (s *Store) isDirectory(ctx context.Context, name string) bool {
	st, err := s.nn.Stat(ctx, name)
	return err == nil && st.IsDir()
}
