package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"drover/internal/hadoop/rpc"
	"drover/internal/storage"
)

// kinds maps the Java classes a NameNode throws to the contract's errors.
var kinds = map[string]error{
	"java.io.FileNotFoundException":                                storage.ErrNotExist,
	"org.apache.hadoop.security.AccessControlException":            storage.ErrDenied,
	"org.apache.hadoop.fs.FileAlreadyExistsException":              storage.ErrExist,
	"org.apache.hadoop.fs.PathIsNotEmptyDirectoryException":        storage.ErrNotEmpty,
	"org.apache.hadoop.hdfs.protocol.AlreadyBeingCreatedException": storage.ErrExist,
}

// remote returns the NameNode's own answer inside err, if it is one.
func remote(err error) (*rpc.RemoteError, bool) {
	var re *rpc.RemoteError
	ok := errors.As(err, &re)
	return re, ok
}

// kindOf maps err to an error of the contract, or returns nil.
func kindOf(err error) error {
	if re, ok := remote(err); ok {
		return kinds[re.Class]
	}
	for _, k := range []error{storage.ErrNotExist, storage.ErrExist, storage.ErrDenied, storage.ErrNotEmpty, storage.ErrIsDir} {
		if errors.Is(err, k) {
			return k
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return storage.ErrNotExist
	case errors.Is(err, syscall.ENOTEMPTY):
		return storage.ErrNotEmpty
	case errors.Is(err, fs.ErrExist):
		return storage.ErrExist
	case errors.Is(err, fs.ErrPermission):
		return storage.ErrDenied
	}
	return nil
}

// wrap names the operation and its object and maps the cause to the contract.
// When ctx ended the cause is its error: what else was said is only the sound of
// sockets being closed.
func wrap(ctx context.Context, op, name string, err error) error {
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("%s %s: %w", op, name, cause)
	}
	var pe *fs.PathError // already names an operation and a path, in other words
	if errors.As(err, &pe) {
		err = pe.Err
	}
	kind := kindOf(err)
	re, ok := remote(err)
	switch {
	case ok && kind != nil:
		return fmt.Errorf("%s %s: %w (%s)", op, name, kind, firstLine(re.Message))
	case ok:
		return fmt.Errorf("%s %s: %s: %s", op, name, shortClass(re.Class), firstLine(re.Message))
	case kind != nil:
		return fmt.Errorf("%s %s: %w", op, name, kind)
	}
	return fmt.Errorf("%s %s: %w", op, name, err)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSpace(line)
}

func shortClass(s string) string { return s[strings.LastIndexByte(s, '.')+1:] }
