// Package storage is the contract between the engines that move files and the
// places files live in. An engine sees only this package; a driver sees only
// this package and its own client. What a driver owes is written on the
// interfaces below and proved by storagetest, which every driver runs.
//
// Paths are absolute, slash-separated and clean ("/hbase/data/default/t"); they
// carry no scheme and no host.
package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// Errors that callers act on. Drivers wrap them, so test with errors.Is; each
// also wraps its counterpart in io/fs. An error that is none of these says
// nothing about whether the object exists: never read it as absence.
var (
	// ErrNotExist means the store answered and the object is not there.
	ErrNotExist = fmt.Errorf("storage: %w", fs.ErrNotExist)
	// ErrExist means the object is there and the call would not replace it.
	ErrExist = fmt.Errorf("storage: %w", fs.ErrExist)
	// ErrDenied means the store knows the user and refuses.
	ErrDenied = fmt.Errorf("storage: %w", fs.ErrPermission)
	// ErrNotEmpty means a directory still has entries.
	ErrNotEmpty = errors.New("storage: directory is not empty")
	// ErrIsDir means a file was expected and a directory is there.
	ErrIsDir = errors.New("storage: is a directory")
)

// Object describes one file or directory.
type Object struct {
	Path    string
	Size    int64 // bytes; 0 for a directory
	ModTime time.Time
	IsDir   bool
	// Irregular marks what a listing shows and is neither file nor directory: a
	// symbolic link, a socket, a device. Open and Stat may follow a link.
	Irregular bool
	// BlockSize in bytes and Replication are what the store keeps for the file,
	// or 0 where the store has no such notion.
	BlockSize   int64
	Replication int
	Owner       string
	Group       string
	// Tag is another one whenever the bytes at the path were written anew with
	// other content (the ETag of an object store), "" where the store keeps no
	// such mark. ModTime of a file that has one is when it was written there:
	// such a store keeps no time that it is told.
	Tag string
}

// Reader reads a store. Every method may be called from many goroutines at
// once, returns within a second of its context's end, and names the path in its
// errors.
type Reader interface {
	// Stat describes the object at path, or returns ErrNotExist.
	Stat(ctx context.Context, path string) (Object, error)
	// Open reads the file at path from its first byte. The context governs the
	// returned reader until it is closed: reads fail soon after it ends. A file
	// that is renamed or deleted after the first byte was read may still be
	// read to its end, or fail; it never yields other bytes. A file in a form
	// the driver cannot read gives errors.ErrUnsupported.
	Open(ctx context.Context, path string) (io.ReadCloser, error)
	// List returns the entries of a directory, sorted by path and complete: an
	// error rather than a part. ErrNotExist when there is no such directory.
	List(ctx context.Context, dir string) ([]Object, error)
	// Checksum returns the file's checksum as Summer defines it, cut at the
	// file's own block size. Where the store keeps checksums no data is read.
	Checksum(ctx context.Context, path string) (Checksum, error)
}

// Store is a Reader that can also be written.
type Store interface {
	Reader
	// Create starts a new file at path, replacing a file that is there, making
	// missing parents. Stores that stream (HDFS) show the unfinished file under
	// its path, shorter than it will be; what they promise is that Abort, and a
	// Commit that fails, leave nothing there if the store can still be reached.
	Create(ctx context.Context, path string, opt CreateOptions) (Writer, error)
	// Mkdirs makes a directory and its parents; one that is there is no error.
	Mkdirs(ctx context.Context, dir string) error
	// Rename moves a file or a directory in one step: no reader ever sees both
	// names or a part. ErrExist when something is at the new name already,
	// ErrNotExist when nothing is at the old one. A store that has no such step
	// (object stores) does nothing and returns errors.ErrUnsupported.
	Rename(ctx context.Context, from, to string) error
	// Remove deletes one file or empty directory; one that is absent is no
	// error, a directory with entries is ErrNotEmpty.
	Remove(ctx context.Context, path string) error
	// RemoveAll deletes a tree; one that is absent is no error.
	RemoveAll(ctx context.Context, path string) error
	// Usage tells how full the store is, or errors.ErrUnsupported where it has
	// no bounds that it could tell.
	Usage(ctx context.Context) (Usage, error)
}

// Writer is a file being written. After the last Write call either Commit or
// Abort; both release everything. A Writer belongs to one goroutine.
type Writer interface {
	io.Writer
	// Commit finishes the file. Only after it returned nil is the file
	// complete, durable as the store promises, and readable by others.
	Commit() error
	// Abort gives the file up and removes what was written. It is a no-op
	// after Commit, so it may be deferred.
	Abort() error
}

// CreateOptions say how a new file is to be stored. Zero values leave it to the
// store's default. Stores without such a notion ignore them.
type CreateOptions struct {
	BlockSize   int64 // bytes
	Replication int
}

// Usage is the state of a store's space, in bytes as the store counts them: on
// HDFS raw bytes, that is, each replica counted.
type Usage struct {
	Capacity int64
	Used     int64
	Free     int64
	// Replication is how many times a file takes its size from Free by default;
	// 0 where the store does not say.
	Replication int
}

// Relayer is offered by stores that can take a file over from another store of
// their kind more cheaply than by reading and writing it.
type Relayer interface {
	// Relay copies src, as from.Stat described it, to path as Create and Commit
	// would. It reports false, having done nothing, when it cannot: from is
	// of another kind, or the file has a form that only Open and Create serve.
	// moved is called with the bytes of data about to be written; its error
	// ends the copy. After an error nothing is left at path. The caller
	// compares checksums afterwards: Relay does not look at the bytes.
	Relay(ctx context.Context, from Reader, src Object, path string, moved func(n int) error) (done bool, err error)
}

// Copier is offered by stores that can make a second file of the same bytes
// without moving them through this process.
type Copier interface {
	// Copy makes to a copy of the file from: whole or not at all, replacing a
	// file that is there, making missing parents. ErrNotExist when there is no
	// file from, ErrIsDir when a directory is at to.
	Copy(ctx context.Context, from, to string) error
}

// Attributes are what a Dresser sets.
type Attributes struct {
	Mode    fs.FileMode // permission bits
	ModTime time.Time
}

// Dresser is offered by stores that keep the mode and the modification time that
// they are told, and do not change them before the entry is written again.
type Dresser interface {
	// Dress sets the attributes of the file or directory at path. Its owner
	// keeps the right to read a file, and to use a directory, whatever the mode
	// says: what could not be read back could not be verified.
	Dress(ctx context.Context, path string, a Attributes) error
}
