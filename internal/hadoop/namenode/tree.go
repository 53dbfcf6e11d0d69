package namenode

import (
	"context"
	"fmt"

	"drover/internal/hadoop/wire"
)

// Mkdirs makes a directory, and its parents if told to; one that is there is no
// error and keeps its permission. The NameNode applies no umask.
func (c *Client) Mkdirs(ctx context.Context, path string, mode uint16, parents bool) error {
	req := wire.Message(nil).Str(1, path).Raw(2, permission(mode)).Bool(3, parents).Raw(4, permission(mode))
	done, err := c.askBool(ctx, "mkdirs", path, "mkdirs", req)
	if err == nil && !done {
		err = fmt.Errorf("mkdirs %s: refused by the namenode", path)
	}
	return err
}

// Rename moves a file or a directory in one step (rename2). A destination that
// is there is fs.ErrExist, or is replaced when overwrite says so: a file by a
// file, an empty directory by a directory. The destination's parent must be
// there.
func (c *Client) Rename(ctx context.Context, src, dst string, overwrite bool) error {
	req := wire.Message(nil).Str(1, src).Str(2, dst).Bool(3, overwrite)
	return c.call(ctx, "rename "+src+" to", dst, "rename2", req)
}

// Delete removes a file or a directory, with all below it if recursive. False
// means that nothing was there; ErrNotEmpty that recursive was needed.
func (c *Client) Delete(ctx context.Context, path string, recursive bool) (bool, error) {
	return c.askBool(ctx, "delete", path, "delete", wire.Message(nil).Str(1, path).Bool(2, recursive))
}

// CreateSymlink makes a symbolic link, where the NameNode allows them at all
// (it does not by default: errors.ErrUnsupported).
func (c *Client) CreateSymlink(ctx context.Context, target, link string, createParent bool) error {
	req := wire.Message(nil).Str(1, target).Str(2, link).Raw(3, permission(0o755)).Bool(4, createParent)
	return c.call(ctx, "create symlink", link, "createSymlink", req)
}

// LinkTarget tells where a symbolic link points.
func (c *Client) LinkTarget(ctx context.Context, path string) (target string, err error) {
	err = c.ask(ctx, "read link", path, "getLinkTarget", wire.Message(nil).Str(1, path), func(n wire.Number, _ uint64, raw []byte) error {
		if n == 1 {
			target = string(raw)
		}
		return nil
	})
	return target, err
}
