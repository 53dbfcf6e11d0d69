package sandboxtest

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drover/internal/hadoop/namenode"
)

// dataNode names one of several; the first is DataNode.
func dataNode(n int) string {
	if n == 0 {
		return DataNode
	}
	return fmt.Sprintf("%s-%d", DataNode, n+1)
}

func isDataNode(daemon string) bool { return strings.HasPrefix(daemon, DataNode) }

// OwnNodes is OwnHDFS with several DataNodes, and returns when all of them take
// blocks. A NameNode counts on one that was killed for ten minutes more.
func OwnNodes(t testing.TB, dataNodes int, settings map[string]string) *HDFS {
	t.Helper()
	h := newHDFS(t, settings, NameNode)
	h.format()
	h.Start(NameNode)
	for n := range dataNodes {
		h.Start(dataNode(n))
	}
	h.AwaitWritable()
	if dataNodes == 1 {
		return h
	}
	root := "/.nodes"
	h.Await("every DataNode takes blocks", func(ctx context.Context, nn *namenode.Client) (bool, error) {
		f, err := nn.Create(ctx, root, namenode.CreateOptions{Mode: 0o600, Overwrite: true, Replication: dataNodes, BlockSize: 1 << 20})
		if err != nil {
			return false, err
		}
		b, err := nn.AddBlock(ctx, root, nil, namenode.AddBlockOptions{FileID: f.FileID})
		if err != nil || len(b.Nodes) < dataNodes {
			return false, err
		}
		_, err = nn.Delete(ctx, root, false)
		return err == nil, err
	})
	return h
}

// DataNodes gives the address of every DataNode's transfer service that runs,
// by the daemon's name.
func (h *HDFS) DataNodes() map[string]string {
	out := map[string]string{}
	for name := range h.running {
		if isDataNode(name) {
			out[name] = h.port("dfs.datanode.address." + name)
		}
	}
	return out
}

// Rot turns a bit of a DataNode's replica of a block, as a bad disk does: the
// CRCs beside it stay.
func (h *HDFS) Rot(dataNode string, block uint64) {
	h.t.Helper()
	name := fmt.Sprintf("blk_%d", block)
	found := 0
	err := filepath.WalkDir(filepath.Join(h.dir, dataNode), func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != name {
			return err
		}
		found++
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		data[len(data)/2] ^= 1
		return os.WriteFile(file, data, 0o600)
	})
	if err != nil || found != 1 {
		h.t.Fatalf("%d replicas of %s at %s, %v, want one", found, name, dataNode, err)
	}
}
