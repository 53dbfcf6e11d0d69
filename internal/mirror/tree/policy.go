package tree

import (
	"context"
	"path"

	"drover/internal/hadoop/namenode"
)

// HDFS tells of a path the storage policy in force, 0 where none was ever set,
// and not whether the path has it of its own or from a directory above. One that
// differs from the policy of the directory above can only be the path's own. One
// that is the same is taken for inherited: a copy is not to pin on every file
// what its original has from a directory that may even lie outside of the tree.
//
// A policy is no part of a snapshot: of a path in one HDFS tells the present
// (INodeFile and INodeDirectory.getLocalStoragePolicyID know no snapshot).

// PolicyAbove returns the storage policy in force in the directory that a path
// lies in. Above a snapshot's root is what is above the tree.
func PolicyAbove(ctx context.Context, nn *namenode.Client, name string) (byte, error) {
	dir := path.Dir(name)
	if path.Base(dir) == ".snapshot" {
		dir = path.Dir(path.Dir(dir))
	}
	if name == "/" {
		return 0, nil
	}
	s, err := nn.StatLink(ctx, dir)
	return s.StoragePolicy, err
}

// OwnPolicy turns the policy in force at a path, which FromStatus gave the
// entry, into the one the path has of its own. It asks only where there is one.
func OwnPolicy(ctx context.Context, nn *namenode.Client, name string, e *Entry) error {
	if e.Policy == 0 {
		return nil
	}
	above, err := PolicyAbove(ctx, nn, name)
	if err == nil && e.Policy == above {
		e.Policy = 0
	}
	return err
}

// ownPolicies is OwnPolicy for entries of one directory.
func ownPolicies(ctx context.Context, nn *namenode.Client, dir string, entries []Entry) error {
	asked, above := false, byte(0)
	for i := range entries {
		if entries[i].Policy == 0 {
			continue
		}
		if !asked {
			s, err := nn.StatLink(ctx, dir)
			if err != nil {
				return err
			}
			asked, above = true, s.StoragePolicy
		}
		if entries[i].Policy == above {
			entries[i].Policy = 0
		}
	}
	return nil
}
