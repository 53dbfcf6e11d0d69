package datanode

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// ErrDamaged means that data and CRC do not belong together: a replica rotted,
// or the network changed it.
var ErrDamaged = errors.New("data does not match its checksum")

// DamagedError says which DataNode gave data of a block that do not match their
// CRCs. It wraps ErrDamaged.
type DamagedError struct {
	Block string
	Node  Node
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("read %s at source datanode %s: %v", e.Block, e.Node.Addr, ErrDamaged)
}

func (e *DamagedError) Unwrap() error { return ErrDamaged }

// Pass puts the DataNode whose replica an error calls damaged behind the others,
// for another try, and reports whether there are others. It is false for any
// other error.
func (b *Block) Pass(err error) bool {
	var damaged *DamagedError
	if !errors.As(err, &damaged) || len(b.Nodes) < 2 {
		return false
	}
	nodes := slices.Clone(b.Nodes) // the array is shared
	i := slices.IndexFunc(nodes, func(n Node) bool { return n.Addr == damaged.Node.Addr })
	if i < 0 {
		return false
	}
	b.Nodes = append(slices.Delete(nodes, i, i+1), damaged.Node)
	return true
}

// blame finds out whose fault it is that a pipeline broke which was fed from a
// replica. Only a DataNode that is alone in its pipeline says that data did not
// match their CRCs; several report the one in front, or just go
// (BlockReceiver.PacketResponder, HDFS-3875), so that good nodes are named. What
// was sent is read from the same replica again, now with a look at the CRCs.
func (r *Reader) blame(ctx context.Context, broken error) error {
	var target *PipelineError
	sent := min(r.scan.data, r.length)
	if !errors.As(broken, &target) || sent == 0 || ctx.Err() != nil {
		return broken
	}
	from := r.block
	from.Nodes = []Node{r.node}
	again, err := r.client.Read(ctx, from, 0, sent)
	if err != nil {
		return broken
	}
	defer again.Close()
	if err := again.Data(func([]byte) error { return nil }); errors.Is(err, ErrDamaged) {
		return err
	}
	return broken
}
