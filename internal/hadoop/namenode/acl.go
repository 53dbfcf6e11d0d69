package namenode

import (
	"context"
	"errors"
	"io/fs"

	"drover/internal/hadoop/wire"
)

// ACLType is whom an ACL entry is for, numbered as on the wire.
type ACLType byte

// The types of acl.proto.
const (
	ACLUser  ACLType = 0
	ACLGroup ACLType = 1
	ACLMask  ACLType = 2
	ACLOther ACLType = 3
)

// ACLEntry is one entry of an ACL (acl.proto AclEntryProto).
type ACLEntry struct {
	Default bool // for what is made below the directory
	Type    ACLType
	Name    string // of a user or group; "" the owner's own, mask or other
	Perm    byte   // r 4, w 2, x 1
}

// String writes the entry as getfacl prints it and setfacl reads it.
func (e ACLEntry) String() string {
	kind := [...]string{"user", "group", "mask", "other"}
	bits := []byte("rwx")
	for i := range bits {
		if e.Perm&(4>>i) == 0 {
			bits[i] = '-'
		}
	}
	text := kind[e.Type&3] + ":" + e.Name + ":" + string(bits)
	if e.Default {
		return "default:" + text
	}
	return text
}

// ACL is what the NameNode keeps of a path's ACL.
type ACL struct {
	Owner, Group string
	Sticky       bool
	Mode         uint16
	// Entries are the extended ones only: the owner's, the mask and other's of
	// the access ACL stand in Mode, see Full. Empty when there is no ACL.
	Entries []ACLEntry
}

// Full returns the whole ACL, as SetACL wants it: the entries that stand in the
// mode put back (Hadoop's AclUtil.getAclFromPermAndEntries).
func (a ACL) Full() []ACLEntry {
	bits := func(shift int) byte { return byte(a.Mode>>shift) & 7 }
	out := []ACLEntry{{Type: ACLUser, Perm: bits(6)}}
	access := 0
	for _, e := range a.Entries {
		if !e.Default {
			access++
			out = append(out, e)
		}
	}
	if access > 0 {
		out = append(out, ACLEntry{Type: ACLMask, Perm: bits(3)})
	} else {
		out = append(out, ACLEntry{Type: ACLGroup, Perm: bits(3)})
	}
	out = append(out, ACLEntry{Type: ACLOther, Perm: bits(0)})
	for _, e := range a.Entries {
		if e.Default {
			out = append(out, e)
		}
	}
	return out
}

// ACL returns a path's ACL.
func (c *Client) ACL(ctx context.Context, path string) (ACL, error) {
	var a ACL
	err := c.ask(ctx, "get acl of", path, "getAclStatus", wire.Message(nil).Str(1, path), func(n wire.Number, _ uint64, raw []byte) error {
		if n != 1 {
			return nil
		}
		return wire.Fields(raw, a.field)
	})
	return a, err
}

// field reads a field of an AclStatusProto.
func (a *ACL) field(n wire.Number, v uint64, raw []byte) error {
	switch n {
	case 1:
		a.Owner = string(raw)
	case 2:
		a.Group = string(raw)
	case 3:
		a.Sticky = v != 0
	case 4:
		e, err := parseACLEntry(raw)
		a.Entries = append(a.Entries, e)
		return err
	case 5:
		return wire.Fields(raw, func(n wire.Number, v uint64, _ []byte) error {
			if n == 1 {
				a.Mode = uint16(v) & 0o7777
			}
			return nil
		})
	}
	return nil
}

func parseACLEntry(b []byte) (ACLEntry, error) {
	var e ACLEntry
	err := wire.Fields(b, func(n wire.Number, v uint64, raw []byte) error {
		switch n {
		case 1:
			e.Type = ACLType(v)
		case 2:
			e.Default = v == 1
		case 3:
			e.Perm = byte(v) & 7
		case 4:
			e.Name = string(raw)
		}
		return nil
	})
	return e, err
}

// SetACL replaces a path's ACL and the permission bits with the whole ACL given
// (ACL.Full).
func (c *Client) SetACL(ctx context.Context, path string, entries []ACLEntry) error {
	req := wire.Message(nil).Str(1, path)
	for _, e := range entries {
		scope := uint64(0)
		if e.Default {
			scope = 1
		}
		m := wire.Message(nil).Uint(1, uint64(e.Type)).Uint(2, scope).Uint(3, uint64(e.Perm))
		if e.Name != "" {
			m = m.Str(4, e.Name)
		}
		req = req.Raw(2, m)
	}
	return c.call(ctx, "set acl of", path, "setAcl", req)
}

// RemoveACL takes a path's ACL away and leaves the permission bits.
func (c *Client) RemoveACL(ctx context.Context, path string) error {
	return c.call(ctx, "remove acl of", path, "removeAcl", wire.Message(nil).Str(1, path))
}

// MayWrite asks whether the client's user may write to a path, and to what it
// takes to get there (checkAccess). A NameNode that does not check permissions
// (dfs.permissions.enabled) lets everybody.
func (c *Client) MayWrite(ctx context.Context, path string) (bool, error) {
	const write = 2 // AclEntryProto.FsActionProto
	return c.may(ctx, path, write)
}

// MayList is MayWrite for listing a directory and using what is in it.
func (c *Client) MayList(ctx context.Context, dir string) (bool, error) {
	const readExecute = 5
	return c.may(ctx, dir, readExecute)
}

func (c *Client) may(ctx context.Context, path string, action uint64) (bool, error) {
	err := c.call(ctx, "check access to", path, "checkAccess", wire.Message(nil).Str(1, path).Uint(2, action))
	if errors.Is(err, fs.ErrPermission) {
		return false, nil
	}
	return err == nil, err
}
