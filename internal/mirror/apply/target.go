package apply

import (
	"context"
	"errors"
	"io/fs"

	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/diff"
)

// Target are the calls of namenode.Client that change a target tree.
type Target interface {
	diff.NameNode
	Stat(ctx context.Context, path string) (namenode.Status, error)
	List(ctx context.Context, dir string, each func([]namenode.Status) error) error
	Mkdirs(ctx context.Context, path string, mode uint16, parents bool) error
	Rename(ctx context.Context, src, dst string, overwrite bool) error
	Delete(ctx context.Context, path string, recursive bool) (bool, error)
	CreateSnapshot(ctx context.Context, dir, name string) (string, error)
	RenameSnapshot(ctx context.Context, dir, from, to string) error
}

func exists(ctx context.Context, nn Target, path string) (bool, error) {
	_, err := nn.Stat(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func hasSnapshot(ctx context.Context, nn Target, root, name string) (bool, error) {
	all, err := nn.Snapshots(ctx, root)
	if err != nil {
		return false, err
	}
	for _, s := range all {
		if s.Name == name {
			return true, nil
		}
	}
	return false, nil
}
