package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"drover/internal/hadoop/namenode"
)

// Logs is how much a cluster keeps of its write-ahead logs, and what room its
// HDFS has left for more. While a replication peer is disabled the logs of all
// tables are kept.
type Logs struct {
	Bytes          int64 // in WALs and oldWALs, before replication
	Free, Capacity int64 // bytes of the HDFS, replicas counted
}

// Low reports whether a tenth or less is left, with which preflight lets no run
// begin.
func (l Logs) Low() bool { return l.Free <= l.Capacity/10 }

// Full reports whether a twentieth or less is left: high time to give the logs
// free, for a source without room refuses its writers.
func (l Logs) Full() bool { return l.Free <= l.Capacity/20 }

func (l Logs) String() string {
	return fmt.Sprintf("%s of write-ahead logs kept, %s of %s free on HDFS", size(l.Bytes), size(l.Free), size(l.Capacity))
}

// LookAtLogs measures the logs of the HBase whose hbase.rootdir is root.
func LookAtLogs(ctx context.Context, nn *namenode.Client, root string) (Logs, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	stats, err := nn.FsStats(ctx)
	if err != nil {
		return Logs{}, err
	}
	l := Logs{Free: stats.Remaining, Capacity: stats.Capacity}
	for _, dir := range []string{"WALs", "oldWALs"} {
		sum, err := nn.ContentSummary(ctx, path.Join(root, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Logs{}, err
		}
		l.Bytes += sum.Length
	}
	return l, nil
}
