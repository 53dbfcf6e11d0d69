// Package freeze keeps writers off a tree of HDFS and lets them on again.
//
// HDFS has no read-only switch for a directory, so a freeze uses one of two
// things that act on everything below at once, however large the tree is:
//
//   - Permissions: the root becomes the caller's own with mode 0700. The
//     NameNode asks for x on every directory of a path, so nobody but the
//     superuser opens, makes, moves or deletes anything below. Readers are kept
//     off, too: what they have open they read on, until they ask for more blocks.
//   - Quota: a name quota and a space quota that everything exceeds. No file, no
//     directory and no block is added by anybody, superusers included; readers
//     go on. Deletes, renames within the tree and changes of attributes go on as
//     well: a quota refuses what adds, and those do not.
//
// Neither reaches a writer that has a file open: a block is asked for by the
// file's id without a look at permissions, and bytes go into an open block
// without the NameNode. Whoever freezes proves afterwards that no file is open.
package freeze

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
)

// How a tree is frozen.
const (
	Permissions = "permissions"
	Quota       = "quota"
)

// Found is a tree's root before it was frozen: all that Thaw puts back.
type Found struct {
	Mode  uint16 `json:"mode"`
	Owner string `json:"owner"`
	Group string `json:"group"`
	// ACL holds the extended entries, as HDFS keeps them.
	ACL []namenode.ACLEntry `json:"acl,omitempty"`
	// Names and Space are the quotas, -1 where there is none.
	Names int64 `json:"names"`
	Space int64 `json:"space"`
}

// Look reads what a freeze of the tree at root would change.
func Look(ctx context.Context, nn *namenode.Client, root, how string) (Found, error) {
	st, err := nn.Stat(ctx, root)
	if err != nil {
		return Found{}, err
	}
	f := Found{Mode: st.Mode, Owner: st.Owner, Group: st.Group, Names: -1, Space: -1}
	if how == Quota {
		// The NameNode walks the tree for this.
		sum, err := nn.ContentSummary(ctx, root)
		f.Names, f.Space = sum.Quota, sum.SpaceQuota
		return f, err
	}
	if st.HasACL {
		acl, err := nn.ACL(ctx, root)
		f.ACL = acl.Entries
		return f, err
	}
	return f, nil
}

// closed is the mode of a root that only its owner passes.
const closed = 0o700

// Freeze keeps writers off the tree at root, which was found so. By permissions
// the root becomes owner's, who is to be the superuser that calls. It may be
// repeated.
func (f Found) Freeze(ctx context.Context, nn *namenode.Client, root, how, owner string) error {
	if how == Quota {
		// One name is the root itself, the least that HDFS takes. A quota may
		// be set that is exceeded already.
		return nn.SetQuota(ctx, root, 1, 0)
	}
	// The owner first: the former one could open the root again.
	if err := nn.SetOwner(ctx, root, owner, ""); err != nil {
		return err
	}
	if len(f.ACL) > 0 {
		if err := nn.RemoveACL(ctx, root); err != nil {
			return err
		}
	}
	return nn.SetPermission(ctx, root, closed)
}

// Checked reports whether the NameNode looks at permissions: it asks as a
// stranger, who may write to the root only if everybody may. Where everybody
// may, a freeze alone can tell.
func Checked(ctx context.Context, stranger *namenode.Client, root namenode.Status, path string) (bool, error) {
	const others = 0o002
	if root.Mode&others != 0 {
		return true, nil
	}
	may, err := stranger.MayWrite(ctx, path)
	return !may, err
}

// ProveClosed asks as a stranger for something below root, and wants to be
// refused: a NameNode can be told not to look at permissions at all
// (dfs.permissions.enabled).
func ProveClosed(ctx context.Context, stranger *namenode.Client, root string) error {
	_, err := stranger.Stat(ctx, root+"/drover-looks-whether-it-may")
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return fault.As(fault.Unsupported, fmt.Errorf("freeze %s: its NameNode does not check permissions (dfs.permissions.enabled): freeze by quota instead", root))
	}
	return err
}

// Thaw puts back what Freeze changed. It may be repeated, and a tree that is
// gone needs none.
func (f Found) Thaw(ctx context.Context, nn *namenode.Client, root, how string) error {
	var err error
	if how == Quota {
		err = nn.SetQuota(ctx, root, orClear(f.Names), orClear(f.Space))
	} else {
		err = f.Open(ctx, nn, root)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Open gives a root the mode, ACL and owner that were found, those that are not
// empty: the source's own, or a copy's that took over the closed ones.
func (f Found) Open(ctx context.Context, nn *namenode.Client, root string) error {
	if err := nn.SetPermission(ctx, root, f.Mode); err != nil {
		return err
	}
	if len(f.ACL) > 0 {
		if err := nn.SetACL(ctx, root, f.acl()); err != nil {
			return err
		}
	}
	if f.Owner == "" && f.Group == "" {
		return nil
	}
	return nn.SetOwner(ctx, root, f.Owner, f.Group)
}

func (f Found) acl() []namenode.ACLEntry {
	return namenode.ACL{Mode: f.Mode, Entries: f.ACL}.Full()
}

func orClear(quota int64) int64 {
	if quota < 0 {
		return namenode.ClearQuota
	}
	return quota
}

// Commands are what a person types to thaw the tree without this program.
func (f Found) Commands(root, how string) []string {
	at := quoted(root)
	if how == Quota {
		return []string{
			quotaCommand("Quota", f.Names, at),
			quotaCommand("SpaceQuota", f.Space, at),
		}
	}
	out := []string{fmt.Sprintf("hdfs dfs -chmod %o %s", f.Mode, at)}
	if len(f.ACL) > 0 {
		var entries []string
		for _, e := range f.acl() {
			entries = append(entries, e.String())
		}
		out = append(out, fmt.Sprintf("hdfs dfs -setfacl --set %s %s", quoted(strings.Join(entries, ",")), at))
	}
	return append(out, fmt.Sprintf("hdfs dfs -chown %s %s", quoted(f.Owner+":"+f.Group), at))
}

func quotaCommand(kind string, was int64, at string) string {
	if was < 0 {
		return fmt.Sprintf("hdfs dfsadmin -clr%s %s", kind, at)
	}
	return fmt.Sprintf("hdfs dfsadmin -set%s %d %s", kind, was, at)
}

// quoted is a word for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
