package tree

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
)

func TestEntrySurvivesAManifest(t *testing.T) {
	want := Entry{
		Path: "a b/%41/\u00fc\U0001F600<&>\x01", Kind: File, Size: 1 << 40, Mode: 0o1777, Owner: "ünal", Group: "data eng",
		MTime: 1234567890123, ATime: 1, Replication: 3, BlockSize: 128 << 20, FileID: 1<<63 + 5, Policy: 7,
		HasACL: true, ACL: []string{"user:bob:rw-", "default:group::r-x"},
		XAttrs: []XAttr{{Name: "user.a", Value: []byte{0, 255}}, {Name: "trusted.e"}},
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Entry
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got: %s", diff)
	}
}

func TestACLText(t *testing.T) {
	for text, want := range map[string]namenode.ACLEntry{
		"user:bob:rw-":         {Type: namenode.ACLUser, Name: "bob", Perm: 6},
		"group::--x":           {Type: namenode.ACLGroup, Perm: 1},
		"default:mask::r-x":    {Default: true, Type: namenode.ACLMask, Perm: 5},
		"default:user:a:b:---": {Default: true, Type: namenode.ACLUser, Name: "a:b"},
	} {
		got, err := parseACL([]string{text})
		if err != nil || got[0] != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
		if back := want.String(); back != text {
			t.Errorf("%+v: got %s, want %s", want, back, text)
		}
	}
	for _, text := range []string{"", "user", "user:rwx", "king:a:rwx", "user:a:rwxx"} {
		if got, err := parseACL([]string{text}); err == nil {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
}

func TestPaths(t *testing.T) {
	for _, tt := range []struct{ root, rel, want string }{
		{"/a", "", "/a"}, {"/a", "b/c", "/a/b/c"}, {"/", "", "/"}, {"/", "b", "/b"},
	} {
		if got := (Tree{Root: tt.root}).Path(tt.rel); got != tt.want {
			t.Errorf("%s and %q: got %s, want %s", tt.root, tt.rel, got, tt.want)
		}
	}
	if got := (Tree{Root: "/a"}).At("s 1").Path("x"); got != "/a/.snapshot/s 1/x" {
		t.Errorf("got %s", got)
	}
}

// listing returns a list function of entries.
func listing(entries ...Entry) func(each func(Entry) error) (Totals, error) {
	return func(each func(Entry) error) (n Totals, err error) {
		for _, e := range entries {
			n.add(e)
			if err := each(e); err != nil {
				return n, err
			}
		}
		return n, nil
	}
}

func TestShardsAreCutAndReadBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	entries := []Entry{{Kind: Directory}, {Path: "d", Kind: Directory}}
	for i, size := range []int64{1, 1, 1, 100, 5, 4, 3} {
		entries = append(entries, Entry{Path: fmt.Sprintf("d/%d", i), Kind: File, Size: size})
	}
	index, err := writeShards(Tree{Root: "/r"}, dir, ShardOptions{Files: 2, Bytes: 10}, listing(entries...))
	if err != nil {
		t.Fatal(err)
	}
	var shards [][]string
	err = Shards(dir, func(i int64, s Shard) error {
		at, err := ShardAt(dir, i)
		if diff := cmp.Diff(s, at); err != nil || diff != "" {
			t.Errorf("shard %d: %v, %s", i, err, diff)
		}
		var paths []string
		err = Files(dir, s, func(_ int64, e Entry) error { paths = append(paths, e.Path); return nil })
		shards = append(shards, paths)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"d/0", "d/1"}, {"d/2"}, {"d/3"}, {"d/4", "d/5"}, {"d/6"}}
	if diff := cmp.Diff(want, shards); diff != "" {
		t.Errorf("-want +got: %s", diff)
	}
	again, err := ReadIndex(dir)
	if diff := cmp.Diff(index, again); err != nil || diff != "" {
		t.Errorf("index: %v, %s", err, diff)
	}
	var dirs []string
	if err := Dirs(dir, func(_ int64, e Entry) error { dirs = append(dirs, e.Path); return nil }); err != nil || len(dirs) != 2 {
		t.Errorf("directories %q, %v", dirs, err)
	}
}

func TestWhatCannotBeMirroredIsNamed(t *testing.T) {
	dir := t.TempDir()
	entries := []Entry{{Kind: Directory}}
	for i := range 30 {
		entries = append(entries, Entry{Path: fmt.Sprint("link", i), Kind: Symlink})
	}
	entries = append(entries, Entry{Path: "z", Kind: File, Encrypted: true})
	entries[1] = Entry{Path: "striped", Kind: File, Erasure: "RS-6-3-1024k"}
	_, err := writeShards(Tree{Root: "/r"}, dir, ShardOptions{}, listing(entries...))
	var u *Unsupported
	if !errors.As(err, &u) || u.Count != 31 || fault.KindOf(err) != fault.Unsupported {
		t.Fatalf("got %v, want 31 refused", err)
	}
	for _, want := range []string{"/r/striped (erasure-coded with RS-6-3-1024k)", "/r/link1 (symbolic link)", "and 11 more"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if _, err := ReadIndex(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an index was written: %v", err)
	}
}
