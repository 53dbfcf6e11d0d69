// Package copy brings files of one HDFS tree to another, block by block, and
// proves each of them.
//
// Blocks go from DataNode to DataNode with the CRCs they are stored with, cut
// where the original is cut, so that both files have the same checksum in
// Hadoop's own terms. The last DataNode of the target's pipeline holds every
// chunk against its CRC before it acknowledges, and the MD5 of the CRCs that
// passed is the block's checksum: no byte is read twice.
//
// A file's modification time is set last. A target with the size and the time
// of the original is complete, attributes included, and is adopted. Of a larger
// one that is not, whatever it is (left by a copy that was killed, or an older
// state of a file that was appended to or truncated), the blocks it shares with
// the original are found by asking DataNodes on both sides for their checksums;
// the rest is cut off and what is missing is appended. So a copy goes on inside
// a file, at the granularity of a block, and a log that grew by a line costs a
// line. Parts joined by concat would be copied in parallel, but leave names of
// their own in the tree after a crash, which show in its snapshots; streams
// run in parallel across files instead.
package copy

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"drover/internal/fault"
	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/tree"
)

const (
	// DefaultParallel is how many files are copied at a time. More bring
	// nothing on one machine; over a wide-area link they do. Of files under
	// 1 MB Files copies eight times as many.
	DefaultParallel = 8
	// DefaultAttempts is how often a file is tried.
	DefaultAttempts = 6
	// worthResuming is the size, in bytes, from which on looking for blocks
	// that are there already is cheaper than writing them.
	worthResuming = 1 << 20
)

// Options say how to copy.
type Options struct {
	// Parallel is how many files are copied at a time, eight under 1 MB counting
	// as one; DefaultParallel when 0.
	Parallel int
	// Preserve says which attributes are taken over.
	Preserve tree.Preserve
	// Compare asks DataNodes on both sides for the checksums of a file that
	// has the right size and time already, before it is adopted.
	Compare bool
	// Prove asks the target's DataNodes for the checksum of each block written
	// and compares it with that of the packets that passed.
	Prove bool
	// BytesPerSecond limits all files of a call together; 0 does not.
	BytesPerSecond int64
	// Attempts is how often a file is tried; DefaultAttempts when 0.
	Attempts int
	// Dial replaces the network to DataNodes; nil means TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Moved, when not nil, is called with the number of data bytes about to be
	// written, from many goroutines.
	Moved func(n int64)
	// Done, when not nil, is called as each file of Files is complete, by one
	// goroutine at a time and in no order.
	Done func(e tree.Entry, r Result)
}

// Result is what was done to one file.
type Result struct {
	// Bytes were written; Kept were found at the target and proven equal.
	Bytes int64 `json:"bytes"`
	Kept  int64 `json:"kept,omitempty"`
	// Adopted: the target was complete. Appended: its beginning was kept.
	// Relayed: all that was written went from DataNode to DataNode.
	Adopted  bool `json:"adopted,omitempty"`
	Appended bool `json:"appended,omitempty"`
	Relayed  bool `json:"relayed,omitempty"`
	// Checksum is HDFS's own of the file, MD5 of the blocks' MD5s of CRCs, in
	// hex; empty of a file adopted without Compare.
	Checksum string `json:"checksum,omitempty"`
	// Retries counts failed attempts.
	Retries int `json:"retries,omitempty"`
}

// File brings the file e of the tree src to the same path of the tree dst, whose
// directories exist. Whatever file is there is replaced or completed; a
// directory there is a fault.Conflict. It may be repeated, and goes on where a
// former attempt, of this process or one that is gone, came to.
func File(ctx context.Context, src tree.Tree, e tree.Entry, dst tree.Tree, opt Options) (Result, error) {
	c := newCopier(src, dst, opt)
	defer c.close()
	release := dst.NN.KeepLease(ctx)
	defer release()
	return c.file(ctx, e, nil)
}

// copier is what copies of one call share.
type copier struct {
	src, dst    tree.Tree
	opt         Options
	read, write *datanode.Client
	limit       *limiter
	// avoid are DataNodes of the target: all files of a call share them.
	avoid namenode.Avoided
	// tokens says that the source's DataNodes want block tokens, which a
	// listing does not bring.
	tokens atomic.Bool
}

func newCopier(src, dst tree.Tree, opt Options) *copier {
	if opt.Parallel <= 0 {
		opt.Parallel = DefaultParallel
	}
	if opt.Attempts <= 0 {
		opt.Attempts = DefaultAttempts
	}
	return &copier{
		src: src, dst: dst, opt: opt, limit: newLimiter(opt.BytesPerSecond),
		read:  datanode.New(datanode.Config{Name: src.NN.Name(), Dial: opt.Dial}),
		write: datanode.New(datanode.Config{Name: dst.NN.Name(), Dial: opt.Dial}),
	}
}

func (c *copier) close() {
	c.read.Close()  //nolint:errcheck // idle connections only
	c.write.Close() //nolint:errcheck // idle connections only
}

// moved lets n bytes pass.
func (c *copier) moved(ctx context.Context) func(int) error {
	return func(n int) error {
		if err := c.limit.wait(ctx, n); err != nil {
			return err
		}
		if c.opt.Moved != nil {
			c.opt.Moved(int64(n))
		}
		return nil
	}
}

// Waits between attempts at the same thing.
const (
	firstWait = 200 * time.Millisecond
	longWait  = 5 * time.Second
	// reportWait bounds how long the NameNode may take to hear of a block from
	// the DataNodes, or to close a file another writer left open.
	reportWait = 2 * time.Minute
)

// tokenRefused is the status of a DataNode that wants a valid block token
// (datatransfer.proto ERROR_ACCESS_TOKEN).
const tokenRefused = 5

func wantsToken(err error) bool {
	var refused *datanode.StatusError
	return errors.As(err, &refused) && refused.Status == tokenRefused
}

// permanent reports that trying the file again cannot help.
func permanent(err error) bool {
	return fault.KindOf(err).Permanent()
}
