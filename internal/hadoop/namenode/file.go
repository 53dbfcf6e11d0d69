package namenode

import (
	"context"
	"errors"
	"fmt"

	"drover/internal/hadoop/wire"
)

// CreateOptions say how a new file is to be.
type CreateOptions struct {
	Mode         uint16 // permission bits; the NameNode applies no umask
	Overwrite    bool   // replace a file that is there, even one being written
	CreateParent bool   // make missing directories, with their parent's permission
	Replication  int    // 0: the NameNode's default
	BlockSize    int64  // bytes; 0: the NameNode's default
	// StoragePolicy is the name of the file's own policy; "" for none.
	StoragePolicy string
	// Replicate makes plain blocks even where the directory says erasure
	// coding.
	Replicate bool
}

// Flags of a CreateRequestProto.
const (
	createNew       = 1
	createOverwrite = 2
	createReplicate = 128
)

// Create makes an empty file, open for this client. Keep the lease
// (Client.KeepLease) until it is completed.
func (c *Client) Create(ctx context.Context, path string, o CreateOptions) (Status, error) {
	if o.Replication <= 0 || o.BlockSize <= 0 {
		d, err := c.defaults.get(ctx, c)
		if err != nil {
			return Status{}, err
		}
		if o.Replication <= 0 {
			o.Replication = d.Replication
		}
		if o.BlockSize <= 0 {
			o.BlockSize = d.BlockSize
		}
	}
	flags := uint64(createNew)
	if o.Overwrite {
		flags |= createOverwrite
	}
	if o.Replicate {
		flags |= createReplicate
	}
	mode := permission(o.Mode)
	req := wire.Message(nil).Str(1, path).Raw(2, mode).Str(3, c.name).Uint(4, flags).Bool(5, o.CreateParent).
		Uint(6, uint64(o.Replication)).Uint(7, uint64(o.BlockSize)).Raw(9, mode)
	if o.StoragePolicy != "" {
		req = req.Str(11, o.StoragePolicy)
	}
	return c.stat(ctx, "create", path, "create", req)
}

// permission is a FsPermissionProto.
func permission(mode uint16) wire.Message {
	return wire.Message(nil).Uint(1, uint64(mode)&0o7777)
}

// Append opens a file for this client at its end. newBlock leaves the last
// block as it is, however short, and goes on with a new one. last is the last
// block, to be gone on with, nil when there is none or it is full.
func (c *Client) Append(ctx context.Context, path string, newBlock bool) (last *Block, s Status, err error) {
	flags := uint64(4) // CreateFlagProto APPEND
	if newBlock {
		flags |= 32 // NEW_BLOCK
	}
	req := wire.Message(nil).Str(1, path).Str(2, c.name).Uint(3, flags)
	err = c.ask(ctx, "append to", path, "append", req, func(n wire.Number, _ uint64, raw []byte) (err error) {
		switch n {
		case 1:
			last = new(Block)
			*last, err = parseBlock(raw)
		case 2:
			s, err = parseStatus(raw)
		}
		return err
	})
	s.Name = ""
	return last, s, err
}

// AddBlockOptions are what AddBlock may be told besides.
type AddBlockOptions struct {
	FileID  uint64     // of the file; 0 when unknown
	Exclude []DataNode // not to be chosen
}

// AddBlock begins a new block at the end of a file this client has open.
// previous is the Block.Proto, with its final length, of the block before, nil
// when this is the first. ErrNotReplicatedYet: the DataNodes have not reported
// the one before; ask again.
func (c *Client) AddBlock(ctx context.Context, path string, previous wire.Message, o AddBlockOptions) (Block, error) {
	req := wire.Message(nil).Str(1, path).Str(2, c.name)
	if previous != nil {
		req = req.Raw(3, previous)
	}
	for _, d := range o.Exclude {
		req = req.Raw(4, d.Proto)
	}
	if o.FileID != 0 {
		req = req.Uint(5, o.FileID)
	}
	b, err := c.askBlock(ctx, "add block to", path, "addBlock", req)
	if err == nil && len(b.Nodes) == 0 {
		err = fmt.Errorf("add block to %s: %w", path, errors.New("no datanode offered"))
	}
	return b, err
}

// askBlock runs a method that answers with a block in field 1.
func (c *Client) askBlock(ctx context.Context, op, path, method string, req wire.Message) (Block, error) {
	var b Block
	found := false
	err := c.ask(ctx, op, path, method, req, func(n wire.Number, _ uint64, raw []byte) (err error) {
		if n == 1 {
			found = true
			b, err = parseBlock(raw)
		}
		return err
	})
	if err == nil && !found {
		err = wrap(op, path, wire.ErrMalformed)
	}
	return b, err
}

// Complete closes a file this client has open. last is as AddBlock's previous.
// False means that the DataNodes have not reported the last block; ask again.
// fileID may be 0; with it, a file that another has put in the place is not
// closed by mistake.
func (c *Client) Complete(ctx context.Context, path string, last wire.Message, fileID uint64) (bool, error) {
	req := wire.Message(nil).Str(1, path).Str(2, c.name)
	if last != nil {
		req = req.Raw(3, last)
	}
	if fileID != 0 {
		req = req.Uint(4, fileID)
	}
	return c.askBool(ctx, "complete", path, "complete", req)
}

// AbandonBlock takes back the last block of a file this client has open.
func (c *Client) AbandonBlock(ctx context.Context, path string, b Block, fileID uint64) error {
	req := wire.Message(nil).Raw(1, b.Proto(b.Length)).Str(2, path).Str(3, c.name)
	if fileID != 0 {
		req = req.Uint(4, fileID)
	}
	return c.call(ctx, "abandon block of", path, "abandonBlock", req)
}

// UpdateBlockForPipeline gets a new generation stamp and token for a block of a
// file this client has open, as a pipeline that is set up again needs them.
func (c *Client) UpdateBlockForPipeline(ctx context.Context, b Block) (Block, error) {
	req := wire.Message(nil).Raw(1, b.Proto(b.Length)).Str(2, c.name)
	return c.askBlock(ctx, "renew", fmt.Sprintf("block %d", b.ID), "updateBlockForPipeline", req)
}

// UpdatePipeline tells the NameNode that a block is now written as renewed, to
// these nodes with these storages.
func (c *Client) UpdatePipeline(ctx context.Context, old, renewed Block, nodes []DataNode, storageIDs []string) error {
	req := wire.Message(nil).Str(1, c.name).Raw(2, old.Proto(old.Length)).Raw(3, renewed.Proto(renewed.Length))
	for _, d := range nodes {
		id, err := d.id()
		if err != nil {
			return wrap("update pipeline of", fmt.Sprintf("block %d", old.ID), err)
		}
		req = req.Raw(4, id)
	}
	for _, s := range storageIDs {
		req = req.Str(5, s)
	}
	return c.call(ctx, "update pipeline of", fmt.Sprintf("block %d", old.ID), "updatePipeline", req)
}

// id is the DatanodeIDProto inside the DatanodeInfoProto.
func (d DataNode) id() (id []byte, err error) {
	err = wire.Fields(d.Proto, func(n wire.Number, _ uint64, raw []byte) error {
		if n == 1 {
			id = raw
		}
		return nil
	})
	return id, err
}

// Fsync makes the length of a file this client has open visible to others.
// length is that of the last block, -1 to leave it.
func (c *Client) Fsync(ctx context.Context, path string, length int64, fileID uint64) error {
	req := wire.Message(nil).Str(1, path).Str(2, c.name).Sint(3, length).Uint(4, fileID)
	return c.call(ctx, "sync", path, "fsync", req)
}

// RenewLease keeps the files this client has open its own for another minute.
func (c *Client) RenewLease(ctx context.Context) error {
	return c.call(ctx, "renew lease of", c.name, "renewLease", wire.Message(nil).Str(1, c.name))
}

// RecoverLease closes a file that another client left open. False means that
// the DataNodes still agree on its length; ask again.
func (c *Client) RecoverLease(ctx context.Context, path string) (bool, error) {
	return c.askBool(ctx, "recover lease of", path, "recoverLease", wire.Message(nil).Str(1, path).Str(2, c.name))
}

// IsClosed reports whether nobody has the file open for writing.
func (c *Client) IsClosed(ctx context.Context, path string) (bool, error) {
	return c.askBool(ctx, "stat", path, "isFileClosed", wire.Message(nil).Str(1, path))
}

// Truncate cuts a file to n bytes, which must not be more than it has. False
// means that the last block is still being cut; wait until the file is closed
// (IsClosed) before it is read or appended to.
func (c *Client) Truncate(ctx context.Context, path string, n int64) (done bool, err error) {
	return c.askBool(ctx, "truncate", path, "truncate", wire.Message(nil).Str(1, path).Uint(2, uint64(n)).Str(3, c.name))
}

// Concat moves the blocks of the files srcs, in this order, to the end of dst
// and removes the srcs. All must lie in the same directory and have dst's block
// size at most.
func (c *Client) Concat(ctx context.Context, dst string, srcs []string) error {
	req := wire.Message(nil).Str(1, dst)
	for _, s := range srcs {
		req = req.Str(2, s)
	}
	return c.call(ctx, "concat to", dst, "concat", req)
}
