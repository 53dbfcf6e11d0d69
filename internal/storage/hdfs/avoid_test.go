package hdfs

import (
	"testing"

	"drover/internal/hadoop/namenode"
	"drover/internal/hadoop/rpc/rpctest"
	"drover/internal/hadoop/wire"
)

// TestTheOnlyDataNodeIsTriedAgain: it had failed once, was left out, and so the
// write ended, and the next one that had nothing to do with it.
func TestTheOnlyDataNodeIsTriedAgain(t *testing.T) {
	node := wire.Message(nil).Raw(1, wire.Message(nil).Str(1, "127.0.0.1").Str(2, "h").Str(3, "uuid").Uint(4, 1))
	asked := 0
	nn := rpctest.Serve(t, func(r rpctest.Request) rpctest.Reply {
		asked++ // one call at a time
		without := false
		//nolint:errcheck // our own bytes
		wire.Fields(r.Body, func(n wire.Number, _ uint64, _ []byte) error {
			without = without || n == 4
			return nil
		})
		if without {
			return rpctest.Reply{Class: "java.io.IOException", Text: "File /f could only be written to 0 of the 1 minReplication nodes. There are 1 datanode(s) running and 1 node(s) are excluded in this operation."}
		}
		block := wire.Message(nil).Raw(1, wire.Message(nil).Str(1, "p").Uint(2, 7).Uint(3, 1).Uint(4, 0)).Uint(2, 0).Raw(3, node)
		return rpctest.Reply{Body: wire.Message(nil).Raw(1, block)}
	})
	s, err := Open(Config{NameNodes: []string{nn.Addr}, User: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // nothing is open
	s.avoid.Failed(namenode.Block{Nodes: []namenode.DataNode{{UUID: "uuid", Proto: node}}}, node)
	if b, err := s.addBlock(t.Context(), "/f", nil, 1); err != nil || b.ID != 7 || asked != 2 {
		t.Errorf("block %d, %v after %d calls, want it on the DataNode that had failed", b.ID, err, asked)
	}
}
