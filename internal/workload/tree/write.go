package tree

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/namenode"
)

// Target is where a tree is written to.
type Target struct {
	NameNode *namenode.Client
	// DataNodes writes under NameNode's lease: its name is NameNode.Name().
	DataNodes *datanode.Client
	Root      string // absolute; made by Write
	// Outside is the directory that MoveOut moves to and MoveIn takes from. It
	// is made when first needed; only ops of these kinds need it.
	Outside string
}

// Stats says what Write made.
type Stats struct {
	Files, Dirs, Bytes int64
}

// DefaultParallel is how many files Write has under way unless told otherwise.
const DefaultParallel = 8

// Write makes every node below the target's root, parallel files at a time (0
// means DefaultParallel). Attributes of directories come last, deepest first:
// else default ACLs would spread and times would not stay. A file that is there
// is replaced.
func Write(ctx context.Context, t Target, nodes Nodes, parallel int) (Stats, error) {
	var dirs []Node
	var stats Stats
	var bytes atomic.Int64
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(orDefault(parallel, DefaultParallel))
	err := func() error {
		for n, err := range nodes {
			switch {
			case err != nil:
				return err
			case gctx.Err() != nil:
				return nil // Wait tells why
			case n.Dir:
				if err := t.NameNode.Mkdirs(gctx, t.path(n.Path), 0o755, true); err != nil {
					return err
				}
				stats.Dirs++
				if !n.Attr.zero() {
					dirs = append(dirs, n)
				}
			default:
				stats.Files++
				g.Go(func() error {
					size, err := t.writeFile(gctx, n)
					bytes.Add(size)
					return err
				})
			}
		}
		return nil
	}()
	if waited := g.Wait(); err == nil {
		err = waited
	}
	stats.Bytes = bytes.Load()
	if err != nil {
		return stats, fmt.Errorf("write tree %s: %w", t.Root, err)
	}
	for _, n := range slices.Backward(dirs) {
		if err := t.setAttr(ctx, t.path(n.Path), n.Attr); err != nil {
			return stats, fmt.Errorf("write tree %s: %w", t.Root, err)
		}
	}
	return stats, nil
}

// path is where a node of the tree lies.
func (t Target) path(relative string) string { return path.Join(t.Root, relative) }

func (t Target) writeFile(ctx context.Context, n Node) (int64, error) {
	name := t.path(n.Path)
	size, err := t.create(ctx, name, n.Attr, true, n.Content)
	if err != nil {
		return size, err
	}
	set := n.Attr
	set.BlockSize, set.Replication = 0, 0 // settled by create
	return size, t.setAttr(ctx, name, set)
}

// Open returns a target on the HDFS behind a NameNode's address, acting as
// user, and what closes it.
func Open(nameNode, user, root string) (Target, func() error, error) {
	nn, err := namenode.Open(namenode.Config{Addresses: []string{nameNode}, User: user})
	if err != nil {
		return Target{}, nil, fmt.Errorf("open target %s: %w", nameNode, err)
	}
	dn := datanode.New(datanode.Config{Name: nn.Name()})
	t := Target{NameNode: nn, DataNodes: dn, Root: root, Outside: root + ".outside"}
	return t, func() error { return errors.Join(dn.Close(), nn.Close()) }, nil
}
