package tree

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"drover/internal/hadoop/namenode"
)

// Attributes fills the entry's ACL and extended attributes.
func Attributes(ctx context.Context, t Tree, e *Entry) error {
	return attributes(ctx, t, e, true)
}

func attributes(ctx context.Context, t Tree, e *Entry, xattrs bool) error {
	if e.HasACL {
		acl, err := t.NN.ACL(ctx, t.Path(e.Path))
		if err != nil {
			return err
		}
		e.ACL = make([]string, len(acl.Entries))
		for i, a := range acl.Entries {
			e.ACL[i] = a.String()
		}
	}
	if !xattrs {
		return nil
	}
	list, err := t.NN.XAttrs(ctx, t.Path(e.Path))
	if err != nil {
		return err
	}
	e.XAttrs = nil
	for _, x := range list {
		if carried(x.Name) {
			e.XAttrs = append(e.XAttrs, XAttr(x))
		}
	}
	slices.SortFunc(e.XAttrs, func(a, b XAttr) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// carried reports whether a mirror copies an extended attribute: those of the
// other namespaces are HDFS's own and say where a file lies.
func carried(name string) bool {
	return strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "trusted.")
}

func parseACL(list []string) ([]namenode.ACLEntry, error) {
	out := make([]namenode.ACLEntry, len(list))
	for i, text := range list {
		rest, isDefault := strings.CutPrefix(text, "default:")
		kind, rest, ok := strings.Cut(rest, ":")
		at := strings.LastIndexByte(rest, ':')
		if !ok || at < 0 || len(rest)-at != len(":rwx") {
			return nil, fmt.Errorf("acl entry %q: want type:name:rwx", text)
		}
		a := namenode.ACLEntry{Default: isDefault, Name: rest[:at]}
		switch kind {
		case "user":
			a.Type = namenode.ACLUser
		case "group":
			a.Type = namenode.ACLGroup
		case "mask":
			a.Type = namenode.ACLMask
		case "other":
			a.Type = namenode.ACLOther
		default:
			return nil, fmt.Errorf("acl entry %q: unknown type", text)
		}
		for bit, c := range []byte(rest[at+1:]) {
			if c != '-' {
				a.Perm |= 4 >> bit
			}
		}
		out[i] = a
	}
	return out, nil
}

// Preserve says which attributes a copy takes over from its original. The zero
// value takes the times only: a file's modification time is how a later run
// knows the copy is complete.
type Preserve struct {
	Owner       bool `json:"owner"` // owner and group
	Mode        bool `json:"mode"`
	ACL         bool `json:"acl"`
	XAttrs      bool `json:"xattrs"`
	Replication bool `json:"replication"`
	Policy      bool `json:"policy"` // storage policy, by name
}

// Everything preserves all there is.
func Everything() Preserve {
	return Preserve{Owner: true, Mode: true, ACL: true, XAttrs: true, Replication: true, Policy: true}
}

// SetAttributes makes the attributes of the path those of the entry, whatever
// they are now, changing what differs only. The times are set last: a file
// with the entry's size and modification time is complete, attributes
// included. It may be repeated.
func SetAttributes(ctx context.Context, nn *namenode.Client, path string, want Entry, p Preserve) error {
	s, err := nn.Stat(ctx, path)
	if err != nil {
		return err
	}
	have := FromStatus(want.Path, s)
	if p.Policy {
		if err := OwnPolicy(ctx, nn, path, &have); err != nil {
			return err
		}
	}
	t := Tree{NN: nn, Root: path}
	at := have
	at.Path = ""
	if err := attributes(ctx, t, &at, p.XAttrs); err != nil {
		return err
	}
	have.ACL, have.XAttrs = at.ACL, at.XAttrs
	return Reconcile(ctx, nn, path, want, have, p)
}

// Reconcile is SetAttributes for a path whose attributes are known: of a file
// that was just made, no call is spent on what is equal already.
func Reconcile(ctx context.Context, nn *namenode.Client, path string, want, have Entry, p Preserve) error {
	steps := []func() error{
		func() error { return owner(ctx, nn, path, want, have, p) },
		func() error { return access(ctx, nn, path, want, have, p) },
		func() error { return xattrs(ctx, nn, path, want, have, p) },
		func() error { return placement(ctx, nn, path, want, have, p) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	atime := want.ATime
	if want.IsDir() {
		atime = -1 // a directory has none
	}
	if want.MTime == have.MTime && (want.IsDir() || atime == have.ATime) {
		return nil
	}
	return nn.SetTimes(ctx, path, want.MTime, atime)
}

func owner(ctx context.Context, nn *namenode.Client, path string, want, have Entry, p Preserve) error {
	if !p.Owner || (want.Owner == have.Owner && want.Group == have.Group) {
		return nil
	}
	o, g := want.Owner, want.Group
	if o == have.Owner {
		o = "" // the owner of a file may change its group; only a superuser its owner
	}
	if g == have.Group {
		g = ""
	}
	return nn.SetOwner(ctx, path, o, g)
}

// access sets mode and ACL. With an ACL the mode's group bits are its mask.
func access(ctx context.Context, nn *namenode.Client, path string, want, have Entry, p Preserve) error {
	wantACL := want.HasACL && p.ACL
	same := wantACL == have.HasACL && slices.Equal(want.ACL, have.ACL)
	if p.ACL && have.HasACL && !wantACL {
		if err := nn.RemoveACL(ctx, path); err != nil {
			return err
		}
		have.Mode = ^want.Mode // what it is now depends on the ACL that was
	}
	if !p.Mode && !p.ACL {
		return nil
	}
	if p.Mode && want.Mode != have.Mode {
		if err := nn.SetPermission(ctx, path, want.Mode); err != nil {
			return err
		}
	}
	if !wantACL || (same && want.Mode == have.Mode) {
		return nil
	}
	entries, err := parseACL(want.ACL)
	if err != nil {
		return fmt.Errorf("set acl of %s: %w", path, err)
	}
	return nn.SetACL(ctx, path, namenode.ACL{Mode: want.Mode, Entries: entries}.Full())
}

func xattrs(ctx context.Context, nn *namenode.Client, path string, want, have Entry, p Preserve) error {
	if !p.XAttrs {
		return nil
	}
	there := map[string][]byte{}
	for _, x := range have.XAttrs {
		there[x.Name] = x.Value
	}
	for _, x := range want.XAttrs {
		value, ok := there[x.Name]
		delete(there, x.Name)
		if ok && bytes.Equal(value, x.Value) {
			continue
		}
		if err := nn.SetXAttr(ctx, path, namenode.XAttr(x)); err != nil {
			return err
		}
	}
	for name := range there {
		if err := nn.RemoveXAttr(ctx, path, name); err != nil {
			return err
		}
	}
	return nil
}

// placement sets the number of replicas and the storage policy.
func placement(ctx context.Context, nn *namenode.Client, path string, want, have Entry, p Preserve) error {
	if p.Replication && !want.IsDir() && want.Replication != have.Replication {
		if err := nn.SetReplication(ctx, path, want.Replication); err != nil {
			return err
		}
	}
	if !p.Policy || want.Policy == have.Policy {
		return nil
	}
	return SetPolicy(ctx, nn, path, want.Policy)
}

// SetPolicy gives the path the storage policy with the given id; 0 takes its
// own away.
func SetPolicy(ctx context.Context, nn *namenode.Client, path string, id byte) error {
	if id == 0 {
		return nn.SetStoragePolicy(ctx, path, "")
	}
	list, err := nn.StoragePolicies(ctx)
	if err != nil {
		return err
	}
	for _, policy := range list {
		if policy.ID == id {
			return nn.SetStoragePolicy(ctx, path, policy.Name)
		}
	}
	return fmt.Errorf("set storage policy of %s: the namenode knows no policy with id %d; define it there, or do not preserve policies", path, id)
}
