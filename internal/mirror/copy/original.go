package copy

import (
	"context"
	"fmt"

	"drover/internal/fault"
	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/tree"
)

// part is a block of the original, as far as it belongs to the file.
type part struct {
	block  datanode.Block
	offset int64 // in the file
	length int64
	// whole says that the block ends where the part does, and is finished: its
	// packets can be handed on as they are. A snapshot may keep the beginning
	// of a block that was appended to since.
	whole bool
}

// parts cuts the file as its blocks are cut. seen is what a listing told, nil to
// ask.
func (c *copier) parts(ctx context.Context, e tree.Entry, seen *namenode.Status) ([]part, error) {
	name := c.src.Path(e.Path)
	var l namenode.Locations
	if seen != nil && seen.Size == e.Size && !seen.Open && !c.tokens.Load() {
		l.Blocks = seen.Blocks
	} else {
		var err error
		if l, err = c.src.NN.Blocks(ctx, name); err != nil {
			return nil, missing(err)
		}
	}
	if l.Encrypted || l.ErasureCoded {
		return nil, fault.As(fault.Unsupported, fmt.Errorf("copy %s: it is encrypted or erasure-coded; move it out of the tree, or rewrite it as a plain file", name))
	}
	blocks := l.All()
	var out []part
	offset := int64(0)
	for i, b := range blocks {
		if offset == e.Size {
			break
		}
		p := part{block: b.Transfer(c.src.DataNodesByName), offset: offset, length: min(b.Length, e.Size-offset)}
		under := l.Open && i == len(blocks)-1
		if under {
			p.length = e.Size - offset // the NameNode does not know how long it is
		}
		p.whole = !under && p.length == b.Length
		offset += p.length
		out = append(out, p)
	}
	if offset != e.Size {
		return nil, fault.As(fault.Mismatch, fmt.Errorf("copy %s: its blocks hold %d bytes and the listing says %d; list it again, from a snapshot", name, offset, e.Size))
	}
	return out, nil
}

// missing marks what became of a source that is gone: its snapshot was deleted,
// or the file in a live tree.
func missing(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return &gone{err}
	}
	return err
}

// gone is the error of a file that is not at the source any more.
type gone struct{ error }

func (g *gone) Unwrap() error { return g.error }
func (g *gone) Error() string {
	return g.error.Error() + "; copy from a snapshot, and keep it until the copy is done"
}
