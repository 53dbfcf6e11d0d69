package freeze_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
	"drover/internal/hadoop/rpc/rpctest"
	"drover/internal/hadoop/wire"
	"drover/internal/mirror/freeze"
)

const root = "/data/it's"

// world is a NameNode with one directory.
type world struct {
	*namenode.Client
	addr string

	mu     sync.Mutex
	mode   uint16
	owner  string
	group  string
	acl    []namenode.ACLEntry
	names  int64
	space  int64
	checks bool // permissions of strangers
	said   []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		mode: 0o1775, owner: "etl", group: "data", names: -1, space: 1 << 40, checks: true,
		acl: []namenode.ACLEntry{{Type: namenode.ACLUser, Name: "ben", Perm: 6}, {Default: true, Type: namenode.ACLGroup, Perm: 5}},
	}
	s := rpctest.Serve(t, w.answer)
	w.addr = s.Addr
	w.Client = w.as(t, "hdfs")
	return w
}

func (w *world) as(t *testing.T, user string) *namenode.Client {
	t.Helper()
	c, err := namenode.Open(namenode.Config{Addresses: []string{w.addr}, User: user, CallTimeout: 5 * time.Second, FailoverTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func (w *world) answer(r rpctest.Request) rpctest.Reply {
	w.mu.Lock()
	defer w.mu.Unlock()
	text, number, permission, acl, err := read(r.Body)
	if err != nil {
		return rpctest.Reply{Class: "java.io.IOException", Text: err.Error()}
	}
	if (text[1] != root || r.Method == "checkAccess") && r.User != "hdfs" && w.checks && w.mode&0o7 == 0 {
		return rpctest.Reply{Class: "org.apache.hadoop.security.AccessControlException", Text: "Permission denied: user=" + r.User}
	}
	switch r.Method {
	case "getFileInfo":
		return w.status(text[1])
	case "getAclStatus":
		return rpctest.Reply{Body: wire.Message(nil).Raw(1, w.aclStatus())}
	case "getContentSummary":
		return rpctest.Reply{Body: wire.Message(nil).Raw(1, wire.Message(nil).Int(4, w.names).Int(6, w.space))}
	case "setQuota":
		w.names, w.space = number[2], number[3]
	case "setOwner":
		w.owner = text[2]
		if text[3] != "" {
			w.group = text[3]
		}
	case "setPermission":
		w.mode = permission
	case "removeAcl":
		w.acl = nil
	case "setAcl":
		w.acl = acl
	}
	w.said = append(w.said, r.Method)
	return rpctest.Reply{}
}

func (w *world) status(path string) rpctest.Reply {
	if path != root {
		return rpctest.Reply{} // nothing is there
	}
	flags := uint64(0)
	if len(w.acl) > 0 {
		flags = 1
	}
	return rpctest.Reply{Body: wire.Message(nil).Raw(1, wire.Message(nil).Uint(1, 1).Str(2, "").Uint(3, 0).
		Raw(4, wire.Message(nil).Uint(1, uint64(w.mode))).Str(5, w.owner).Str(6, w.group).Uint(7, 1).Uint(8, 0).Uint(18, flags))}
}

func (w *world) aclStatus() wire.Message {
	m := wire.Message(nil).Str(1, w.owner).Str(2, w.group).Uint(3, 0)
	for _, e := range w.acl {
		scope := uint64(0)
		if e.Default {
			scope = 1
		}
		m = m.Raw(4, wire.Message(nil).Uint(1, uint64(e.Type)).Uint(2, scope).Uint(3, uint64(e.Perm)).Str(4, e.Name))
	}
	return m.Raw(5, wire.Message(nil).Uint(1, uint64(w.mode)))
}

// read takes a request apart: its strings and numbers by field, a permission,
// the extended entries of an ACL.
func read(body []byte) (text map[wire.Number]string, number map[wire.Number]int64, permission uint16, acl []namenode.ACLEntry, err error) {
	text, number = map[wire.Number]string{}, map[wire.Number]int64{}
	err = wire.Fields(body, func(n wire.Number, v uint64, raw []byte) error {
		text[n], number[n] = string(raw), int64(v)
		if n != 2 || raw == nil {
			return nil
		}
		var e namenode.ACLEntry
		return wire.Fields(raw, func(n wire.Number, v uint64, raw []byte) error {
			switch n {
			case 1:
				permission, e.Type = uint16(v), namenode.ACLType(v)
			case 2:
				e.Default = v == 1
			case 3:
				e.Perm = byte(v)
				if e.Default {
					acl = append(acl, e)
				}
			case 4:
				e.Name = string(raw)
				acl = append(acl, e)
			}
			return nil
		})
	})
	if errors.Is(err, wire.ErrMalformed) {
		err = nil // a string where a message may stand
	}
	return text, number, permission, acl, err
}

func (w *world) is() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var acl []string
	for _, e := range w.acl {
		acl = append(acl, e.String())
	}
	return fmt.Sprintf("%o %s:%s %v quota %d %d", w.mode, w.owner, w.group, acl, w.names, w.space)
}

// carried is what a run remembers between looking and thawing.
func carried(t *testing.T, f freeze.Found) freeze.Found {
	t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var out freeze.Found
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAFreezeIsTakenBackToWhatWasFound(t *testing.T) {
	for how, frozen := range map[string]string{
		freeze.Permissions: "700 hdfs:data [] quota -1 1099511627776",
		freeze.Quota:       "1775 etl:data [user:ben:rw- default:group::r-x] quota 1 0",
	} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			before := w.is()
			found, err := freeze.Look(t.Context(), w.Client, root, how)
			if err != nil {
				t.Fatal(err)
			}
			found = carried(t, found)
			for range 2 { // a worker that died does it again
				if err := found.Freeze(t.Context(), w.Client, root, how, "hdfs"); err != nil {
					t.Fatal(err)
				}
			}
			if got := w.is(); got != frozen {
				t.Errorf("frozen %s, want %s", got, frozen)
			}
			for range 2 {
				if err := found.Thaw(t.Context(), w.Client, root, how); err != nil {
					t.Fatal(err)
				}
			}
			if got := w.is(); got != before {
				t.Errorf("thawed %s, want %s", got, before)
			}
		})
	}
}

// TestAFreezeByPermissionsTakesTheRootFirst: while it still is its former
// owner's, that one could open it again.
func TestAFreezeByPermissionsTakesTheRootFirst(t *testing.T) {
	w := newWorld(t)
	found := freeze.Found{Mode: 0o755, ACL: w.acl}
	if err := found.Freeze(t.Context(), w.Client, root, freeze.Permissions, "hdfs"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"setOwner", "removeAcl", "setPermission"}; !slices.Equal(w.said, want) {
		t.Errorf("calls %v, want %v", w.said, want)
	}
}

func TestAnUncheckedPermissionIsNoFreeze(t *testing.T) {
	w := newWorld(t)
	stranger := w.as(t, "nobody")
	w.mode = 0o700
	if err := freeze.ProveClosed(t.Context(), stranger, root); err != nil {
		t.Errorf("a closed root: %v", err)
	}
	w.mu.Lock()
	w.checks = false
	w.mu.Unlock()
	err := freeze.ProveClosed(t.Context(), stranger, root)
	if fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(), "dfs.permissions.enabled") {
		t.Errorf("a NameNode that checks nothing: %v, want it refused as unsupported", err)
	}
}

// TestAStrangerTellsWhetherPermissionsAreChecked, unless everybody may write.
func TestAStrangerTellsWhetherPermissionsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		mode         uint16
		checks, want bool
	}{
		"checked": {0o750, true, true}, "not checked": {0o750, false, false}, "open to all, nobody can tell": {0o777, false, true},
	} {
		w := newWorld(t)
		w.mode, w.checks = c.mode, c.checks
		st, err := w.Stat(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := freeze.Checked(t.Context(), w.as(t, "nobody"), st, root); err != nil || got != c.want {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
}

func TestAThawOfATreeThatIsGoneIsNothing(t *testing.T) {
	s := rpctest.Serve(t, func(rpctest.Request) rpctest.Reply {
		return rpctest.Reply{Class: "java.io.FileNotFoundException", Text: "gone"}
	})
	w := &world{addr: s.Addr}
	for _, how := range []string{freeze.Permissions, freeze.Quota} {
		if err := (freeze.Found{}).Thaw(t.Context(), w.as(t, "hdfs"), root, how); err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
}

func TestPeopleAreToldWhatToType(t *testing.T) {
	f := freeze.Found{
		Mode: 0o1775, Owner: "etl", Group: "data", Names: -1, Space: 100,
		ACL: []namenode.ACLEntry{{Type: namenode.ACLUser, Name: "ben", Perm: 6}},
	}
	want := map[string][]string{
		freeze.Permissions: {
			`hdfs dfs -chmod 1775 '/data/it'\''s'`,
			`hdfs dfs -setfacl --set 'user::rwx,user:ben:rw-,mask::rwx,other::r-x' '/data/it'\''s'`,
			`hdfs dfs -chown 'etl:data' '/data/it'\''s'`,
		},
		freeze.Quota: {`hdfs dfsadmin -clrQuota '/data/it'\''s'`, `hdfs dfsadmin -setSpaceQuota 100 '/data/it'\''s'`},
	}
	for how, commands := range want {
		if got := f.Commands(root, how); !slices.Equal(got, commands) {
			t.Errorf("%s\n got %q\nwant %q", how, got, commands)
		}
	}
}
