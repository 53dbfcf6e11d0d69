package namenode

import (
	"context"
	"net"
	"slices"
	"strconv"

	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/wire"
)

// Block is a block and where it is (hdfs.proto LocatedBlockProto).
type Block struct {
	Pool       string
	ID         uint64
	Generation uint64 // generation stamp: a block that is appended to gets a new one
	Length     int64
	Offset     int64 // in the file
	Nodes      []DataNode
	StorageIDs []string // of each node
	// StorageTypes are the kinds of disk the NameNode chose on each node
	// (StorageTypeProto).
	StorageTypes []uint64
	Corrupt      bool
	// Token is a TokenProto, as DataNodes want it.
	Token []byte
}

// Proto is the block's id as an ExtendedBlockProto that says the given length.
func (b Block) Proto(length int64) wire.Message {
	return wire.Message(nil).Str(1, b.Pool).Uint(2, b.ID).Uint(3, b.Generation).Int(4, length)
}

// Transfer is the block as DataNodes are asked for it; byName reaches them by
// host name (dfs.client.use.datanode.hostname).
func (b Block) Transfer(byName bool) datanode.Block {
	out := datanode.Block{ID: b.Proto(b.Length), Token: b.Token, Size: b.Length, StorageTypes: b.StorageTypes, StorageIDs: b.StorageIDs}
	for _, n := range b.Nodes {
		out.Nodes = append(out.Nodes, datanode.Node{Raw: n.Proto, Addr: n.Addr(byName)})
	}
	return out
}

// DataNode is where a block is.
type DataNode struct {
	Host string // as it names itself
	IP   string
	Port int // for data
	UUID string
	// Proto is the DatanodeInfoProto as the NameNode sent it, to be handed on.
	Proto []byte
}

// Addr is where the node listens for data: by its IP address, or by its name
// (dfs.client.use.datanode.hostname).
func (d DataNode) Addr(byName bool) string {
	host := d.IP
	if byName {
		host = d.Host
	}
	return net.JoinHostPort(host, strconv.Itoa(d.Port))
}

func parseBlock(b []byte) (Block, error) {
	var out Block
	found := false
	err := wire.Fields(b, func(n wire.Number, v uint64, raw []byte) error {
		switch n {
		case 1:
			found = true
			return out.parseID(raw)
		case 2:
			out.Offset = int64(v)
		case 3:
			node, err := parseDataNode(raw)
			out.Nodes = append(out.Nodes, node)
			return err
		case 4:
			out.Corrupt = v != 0
		case 5:
			out.Token = raw
		case 7:
			out.StorageTypes = append(out.StorageTypes, v)
		case 8:
			out.StorageIDs = append(out.StorageIDs, string(raw))
		}
		return nil
	})
	if err == nil && !found {
		err = wire.ErrMalformed
	}
	return out, err
}

// parseID reads an ExtendedBlockProto.
func (b *Block) parseID(raw []byte) error {
	return wire.Fields(raw, func(n wire.Number, v uint64, raw []byte) error {
		switch n {
		case 1:
			b.Pool = string(raw)
		case 2:
			b.ID = v
		case 3:
			b.Generation = v
		case 4:
			b.Length = int64(v)
		}
		return nil
	})
}

func parseDataNode(b []byte) (DataNode, error) {
	d := DataNode{Proto: b}
	err := wire.Fields(b, func(n wire.Number, _ uint64, id []byte) error {
		if n != 1 {
			return nil
		}
		return wire.Fields(id, func(n wire.Number, v uint64, raw []byte) error {
			switch n {
			case 1:
				d.IP = string(raw)
			case 2:
				d.Host = string(raw)
			case 3:
				d.UUID = string(raw)
			case 4:
				d.Port = int(v)
			}
			return nil
		})
	})
	return d, err
}

// Locations is what the NameNode knows of a file's blocks (LocatedBlocksProto).
type Locations struct {
	Size   int64 // without what is written of a last block under way
	Blocks []Block
	// Open says that the file is being written; Last is then its last block,
	// which may not be among Blocks, and LastComplete whether that is closed.
	Open         bool
	Last         *Block
	LastComplete bool
	Encrypted    bool
	ErasureCoded bool
	ECPolicy     string
}

// Length is the file's as Status.Size has it: with what the NameNode knows of a
// last block under way (INodeFile.computeFileSize; a writer tells it by hsync).
func (l Locations) Length() int64 {
	if l.Open && l.Last != nil && !l.LastComplete {
		return l.Size + l.Last.Length
	}
	return l.Size
}

// All are the file's blocks in order, the last one under way among them.
func (l Locations) All() []Block {
	if l.Last == nil || len(l.Blocks) > 0 && l.Blocks[len(l.Blocks)-1].ID == l.Last.ID {
		return l.Blocks
	}
	return append(slices.Clip(l.Blocks), *l.Last)
}

func parseLocations(b []byte) (Locations, error) {
	var l Locations
	err := wire.Fields(b, func(n wire.Number, v uint64, raw []byte) (err error) {
		switch n {
		case 1:
			l.Size = int64(v)
		case 2:
			var block Block
			block, err = parseBlock(raw)
			l.Blocks = append(l.Blocks, block)
		case 3:
			l.Open = v != 0
		case 4:
			l.Last = new(Block)
			*l.Last, err = parseBlock(raw)
		case 5:
			l.LastComplete = v != 0
		case 6:
			l.Encrypted = true
		case 7:
			l.ErasureCoded = true
			l.ECPolicy, err = parseECPolicy(raw)
		}
		return err
	})
	return l, err
}

// Blocks returns all blocks of a file, each with its DataNodes, the nearest
// first.
func (c *Client) Blocks(ctx context.Context, path string) (Locations, error) {
	const all = 1 << 62
	var l Locations
	found := false
	req := wire.Message(nil).Str(1, path).Uint(2, 0).Uint(3, all)
	err := c.ask(ctx, "locate", path, "getBlockLocations", req, func(n wire.Number, _ uint64, raw []byte) (err error) {
		if n == 1 {
			found = true
			l, err = parseLocations(raw)
		}
		return err
	})
	if err == nil && !found {
		err = notExist("locate", path)
	}
	return l, err
}
