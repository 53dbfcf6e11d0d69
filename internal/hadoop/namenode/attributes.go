package namenode

import (
	"context"
	"fmt"

	"drover/internal/hadoop/wire"
)

// SetPermission sets the mode, sticky bit included. With an ACL its group bits
// are the mask.
func (c *Client) SetPermission(ctx context.Context, path string, mode uint16) error {
	return c.call(ctx, "set permission of", path, "setPermission", wire.Message(nil).Str(1, path).Raw(2, permission(mode)))
}

// SetOwner sets owner and group; "" keeps one.
func (c *Client) SetOwner(ctx context.Context, path, owner, group string) error {
	req := wire.Message(nil).Str(1, path)
	if owner != "" {
		req = req.Str(2, owner)
	}
	if group != "" {
		req = req.Str(3, group)
	}
	return c.call(ctx, "set owner of", path, "setOwner", req)
}

// SetTimes sets the times of a path, in ms; -1 keeps one. A directory has no
// access time.
func (c *Client) SetTimes(ctx context.Context, path string, modTime, accessTime int64) error {
	req := wire.Message(nil).Str(1, path).Int(2, modTime).Int(3, accessTime)
	return c.call(ctx, "set times of", path, "setTimes", req)
}

// SetReplication sets the number of replicas of a file; the NameNode makes or
// removes them in its own time.
func (c *Client) SetReplication(ctx context.Context, path string, replication int) error {
	req := wire.Message(nil).Str(1, path).Uint(2, uint64(replication))
	done, err := c.askBool(ctx, "set replication of", path, "setReplication", req)
	if err == nil && !done {
		// The NameNode says no more than this of a directory.
		err = fmt.Errorf("set replication of %s: no such file: %w", path, ErrNotFile)
	}
	return err
}

// StoragePolicy is one of the NameNode's storage policies.
type StoragePolicy struct {
	ID   byte // Status.StoragePolicy
	Name string
}

// StoragePolicies lists the policies there are.
func (c *Client) StoragePolicies(ctx context.Context) ([]StoragePolicy, error) {
	var out []StoragePolicy
	err := c.ask(ctx, "list storage policies", "", "getStoragePolicies", nil, func(n wire.Number, _ uint64, raw []byte) error {
		if n != 1 {
			return nil
		}
		var p StoragePolicy
		err := wire.Fields(raw, func(n wire.Number, v uint64, raw []byte) error {
			switch n {
			case 1:
				p.ID = byte(v)
			case 2:
				p.Name = string(raw)
			}
			return nil
		})
		out = append(out, p)
		return err
	})
	return out, err
}

// SetStoragePolicy gives a path a policy of its own, by name; "" takes it away.
func (c *Client) SetStoragePolicy(ctx context.Context, path, name string) error {
	req := wire.Message(nil).Str(1, path)
	if name == "" {
		return c.call(ctx, "unset storage policy of", path, "unsetStoragePolicy", req)
	}
	return c.call(ctx, "set storage policy of", path, "setStoragePolicy", req.Str(2, name))
}

// What SetQuota does with a quota besides setting it.
const (
	KeepQuota  = 1<<63 - 1 // HdfsConstants.QUOTA_DONT_SET
	ClearQuota = -1        // HdfsConstants.QUOTA_RESET
)

// SetQuota sets a directory's quotas: on the number of names, and on bytes with
// each replica counted.
func (c *Client) SetQuota(ctx context.Context, path string, names, space int64) error {
	req := wire.Message(nil).Str(1, path).Int(2, names).Int(3, space)
	return c.call(ctx, "set quota of", path, "setQuota", req)
}
