package tree

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"drover/internal/hadoop/namenode"
)

// truncateWait bounds the wait for DataNodes to cut a block.
const truncateWait = 2 * time.Minute

// Applier makes ops happen on HDFS, one after the other.
type Applier struct {
	target Target
	log    io.Writer
	// cutting are files whose last block is still being cut by a truncate: they
	// are waited for only when somebody needs them.
	cutting []string
}

// NewApplier returns an applier. What it did goes to log as JSON, a line for
// each op, written after HDFS acknowledged it; nil keeps no log.
func NewApplier(t Target, log io.Writer) *Applier {
	if log == nil {
		log = io.Discard
	}
	return &Applier{target: t, log: log}
}

// Apply carries the ops out in their order and returns when all files are
// closed. The error names the op that failed; those before it are done.
func (a *Applier) Apply(ctx context.Context, ops []Op) error {
	enc := json.NewEncoder(a.log)
	for _, op := range ops {
		err := a.settle(ctx, func(name string) bool { return touches(op, name) })
		if err == nil {
			err = a.one(ctx, op)
		}
		if err != nil {
			return fmt.Errorf("change %d (%s): %w", op.Change, op.As, err)
		}
		if err := enc.Encode(op); err != nil {
			return fmt.Errorf("log change %d: %w", op.Change, err)
		}
	}
	return a.settle(ctx, func(string) bool { return true })
}

// touches reports whether an op is about a file or a directory above it.
func touches(op Op, name string) bool {
	return name == op.Path || name == op.To || strings.HasPrefix(name, op.Path+"/")
}

// settle waits for the cut files that match.
func (a *Applier) settle(ctx context.Context, match func(name string) bool) error {
	var left []string
	for _, name := range a.cutting {
		if !match(name) {
			left = append(left, name)
			continue
		}
		if err := a.awaitClosed(ctx, a.target.path(name)); err != nil {
			return err
		}
	}
	a.cutting = left
	return nil
}

func (a *Applier) awaitClosed(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, truncateWait)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		closed, err := a.target.NameNode.IsClosed(ctx, name)
		if err != nil || closed {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s is cut: %w; see the DataNode's log for its block recovery", name, ctx.Err())
		case <-tick.C:
		}
	}
}

func (a *Applier) one(ctx context.Context, op Op) error {
	nn, name := a.target.NameNode, a.target.path(op.Path)
	switch op.Kind {
	case Mkdir:
		return nn.Mkdirs(ctx, name, 0o755, false)
	case Create:
		_, err := a.target.create(ctx, name, *cmp.Or(op.Attr, &Attr{}), op.Replace, op.content())
		return err
	case Append:
		return a.target.append(ctx, name, op.NewBlock, op.content())
	case Truncate:
		done, err := nn.Truncate(ctx, name, op.Size)
		if err == nil && !done {
			a.cutting = append(a.cutting, op.Path)
		}
		return err
	case Rename:
		return nn.Rename(ctx, name, a.target.path(op.To), op.Replace)
	case MoveOut:
		if err := nn.Mkdirs(ctx, a.target.Outside, 0o755, true); err != nil {
			return err
		}
		return nn.Rename(ctx, name, a.target.outside(op.To), false)
	case MoveIn:
		return nn.Rename(ctx, a.target.outside(op.Path), a.target.path(op.To), false)
	case Delete:
		done, err := nn.Delete(ctx, name, true)
		if err == nil && !done {
			err = fmt.Errorf("delete %s: %w", name, fs.ErrNotExist)
		}
		return err
	case DropXAttr:
		var errs error
		for x := range op.Attr.XAttrs {
			errs = errors.Join(errs, nn.RemoveXAttr(ctx, name, x))
		}
		return errs
	case SetACL:
		if len(op.Attr.ACL) == 0 {
			return nn.RemoveACL(ctx, name)
		}
	}
	return a.target.setAttr(ctx, name, *cmp.Or(op.Attr, &Attr{}))
}

func (t Target) outside(name string) string { return t.Outside + "/" + name }

func (op Op) content() Content {
	if op.Piece == nil {
		return nil
	}
	return *op.Piece
}

// setAttr sets what is not zero, the times last.
func (t Target) setAttr(ctx context.Context, name string, a Attr) error {
	nn := t.NameNode
	if a.Mode != 0 {
		if err := nn.SetPermission(ctx, name, a.Mode); err != nil {
			return err
		}
	}
	if a.Owner != "" || a.Group != "" {
		if err := nn.SetOwner(ctx, name, a.Owner, a.Group); err != nil {
			return err
		}
	}
	if len(a.ACL) > 0 {
		entries, err := parseACL(a.ACL)
		if err != nil {
			return err
		}
		if err := nn.SetACL(ctx, name, entries); err != nil {
			return err
		}
	}
	for x, value := range a.XAttrs {
		if err := nn.SetXAttr(ctx, name, namenode.XAttr{Name: x, Value: value}); err != nil {
			return err
		}
	}
	if a.Replication != 0 {
		if err := nn.SetReplication(ctx, name, a.Replication); err != nil {
			return err
		}
	}
	if a.Policy != "" {
		if err := nn.SetStoragePolicy(ctx, name, a.Policy); err != nil {
			return err
		}
	}
	if a.ModTime == 0 && a.AccessTime == 0 {
		return nil
	}
	return nn.SetTimes(ctx, name, orKeep(a.ModTime), orKeep(a.AccessTime))
}

// orKeep turns "leave it" into SetTimes' word for it.
func orKeep(ms int64) int64 {
	if ms == 0 {
		return -1
	}
	return ms
}

// zero reports whether there is nothing to set on a directory.
func (a Attr) zero() bool {
	return a.Mode == 0 && a.Owner == "" && a.Group == "" && len(a.ACL) == 0 && len(a.XAttrs) == 0 && a.Policy == "" && a.ModTime == 0
}

// parseACL reads Hadoop's text of ACL entries (AclEntry.parseAclEntry).
func parseACL(texts []string) ([]namenode.ACLEntry, error) {
	types := map[string]namenode.ACLType{
		"user": namenode.ACLUser, "group": namenode.ACLGroup, "mask": namenode.ACLMask, "other": namenode.ACLOther,
	}
	out := make([]namenode.ACLEntry, len(texts))
	for i, text := range texts {
		rest, isDefault := strings.CutPrefix(text, "default:")
		part := strings.Split(rest, ":")
		if len(part) != 3 || len(part[2]) != 3 {
			return nil, fmt.Errorf("acl entry %q: want [default:]type:name:rwx", text)
		}
		kind, ok := types[part[0]]
		if !ok {
			return nil, fmt.Errorf("acl entry %q: no such type", text)
		}
		e := namenode.ACLEntry{Default: isDefault, Type: kind, Name: part[1]}
		for j, bit := range []byte{4, 2, 1} {
			if part[2][j] != '-' {
				e.Perm |= bit
			}
		}
		out[i] = e
	}
	return out, nil
}
