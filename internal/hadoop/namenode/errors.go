package namenode

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"drover/internal/fault"
	"drover/internal/hadoop/rpc"
)

// Errors that callers act on, besides fs.ErrNotExist, fs.ErrExist,
// fs.ErrPermission and errors.ErrUnsupported.
var (
	// ErrNotEmpty means a directory still has entries.
	ErrNotEmpty = fmt.Errorf("directory is not empty: %w", syscall.ENOTEMPTY)
	// ErrNotDir means a directory was expected and a file is there.
	ErrNotDir = fmt.Errorf("not a directory: %w", syscall.ENOTDIR)
	// ErrNotFile means a file was expected and something else, or nothing, is
	// there.
	ErrNotFile = errors.New("not a file")
	// ErrQuota means a quota on names or space would be exceeded.
	ErrQuota = errors.New("quota exceeded")
	// ErrNoRoom means no DataNode takes a block: all are full, down or excluded.
	ErrNoRoom = errors.New("no datanode takes a block")
	// ErrSafeMode means the NameNode takes no changes for now.
	ErrSafeMode = errors.New("namenode is in safe mode")
	// ErrSnapshot means a snapshot is in the way, is missing, or its directory
	// allows none.
	ErrSnapshot = errors.New("snapshot refused")
	// ErrNotReplicatedYet means the DataNodes have not reported a block yet.
	ErrNotReplicatedYet = errors.New("not replicated yet")
	// ErrBeingWritten means a file is open for writing, by somebody or by us.
	ErrBeingWritten = fmt.Errorf("file is being written: %w", fs.ErrExist)
	// ErrLeaseLost means the file is no longer this client's to write: its
	// lease expired, or the file was deleted or recovered by another.
	ErrLeaseLost = errors.New("lease lost")
	// ErrSymlink means a symbolic link stands on the path; they are not
	// followed.
	ErrSymlink = errors.New("path leads through a symbolic link")
)

type meaning struct {
	err  error
	kind fault.Kind
}

// meaningOf says what a class of exception is to a caller.
func meaningOf(shortClass string) (meaning, bool) {
	switch shortClass {
	case "FileNotFoundException":
		return meaning{fs.ErrNotExist, fault.NotFound}, true
	case "AccessControlException", "AuthorizationException":
		return meaning{fs.ErrPermission, fault.Denied}, true
	case "FileAlreadyExistsException":
		return meaning{fs.ErrExist, fault.Conflict}, true
	case "PathIsNotEmptyDirectoryException":
		return meaning{ErrNotEmpty, fault.Conflict}, true
	case "ParentNotDirectoryException", "PathIsNotDirectoryException":
		return meaning{ErrNotDir, fault.Conflict}, true
	case "NSQuotaExceededException", "DSQuotaExceededException", "QuotaByStorageTypeExceededException", "QuotaExceededException":
		return meaning{ErrQuota, fault.Unavailable}, true
	case "SafeModeException":
		return meaning{ErrSafeMode, fault.Unavailable}, true
	case "SnapshotException", "NestedSnapshotsException", "SnapshotAccessControlException":
		return meaning{ErrSnapshot, fault.Conflict}, true
	case "NotReplicatedYetException":
		return meaning{ErrNotReplicatedYet, fault.Unavailable}, true
	case "AlreadyBeingCreatedException", "RecoveryInProgressException":
		return meaning{ErrBeingWritten, fault.Unavailable}, true
	case "LeaseExpiredException":
		return meaning{ErrLeaseLost, fault.Unavailable}, true
	case "UnresolvedPathException", "UnresolvedLinkException":
		return meaning{ErrSymlink, fault.Unsupported}, true
	case "RpcNoSuchMethodException", "UnsupportedOperationException", "UnknownCryptoProtocolVersionException":
		return meaning{errors.ErrUnsupported, fault.Unsupported}, true
	case "StandbyException", "RetriableException", "ObserverRetryOnActiveException":
		return meaning{nil, fault.Unavailable}, true
	}
	return meaning{}, false
}

// refusal is a NameNode's exception with what it means.
type refusal struct {
	kind  error
	cause *rpc.RemoteError
}

func (r *refusal) Error() string   { return r.cause.ShortClass() + ": " + r.cause.Message }
func (r *refusal) Unwrap() []error { return []error{r.kind, r.cause} }

// wrap names the operation and its object. The object is empty where there is
// none.
func wrap(op, path string, err error) error {
	if err == nil {
		return nil
	}
	var kind fault.Kind
	var re *rpc.RemoteError
	if errors.As(err, &re) {
		m, ok := meaningOf(re.ShortClass())
		if noRoom(re) {
			m, ok = meaning{ErrNoRoom, fault.Unavailable}, true
		}
		if ok {
			kind = m.kind
			if m.err != nil {
				err = &refusal{kind: m.err, cause: re}
			}
		}
	}
	if path != "" {
		op += " " + path
	}
	err = fmt.Errorf("%s: %w", op, err)
	if kind == fault.Unknown {
		return err
	}
	return fault.As(kind, err)
}

// noRoom tells the one exception without a class of its own that callers act on
// (BlockManager.chooseTarget4NewBlock, 3.4.2; the second text is 2.x's).
func noRoom(re *rpc.RemoteError) bool {
	return re.ShortClass() == "IOException" &&
		(strings.Contains(re.Message, "could only be written to ") || strings.Contains(re.Message, "could only be replicated to "))
}

// notExist is what the NameNode says by an empty answer.
func notExist(op, path string) error {
	return fault.As(fault.NotFound, fmt.Errorf("%s %s: %w", op, path, fs.ErrNotExist))
}
