//go:build cluster

package copy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
	mirror "drover/internal/mirror/copy"
	"drover/internal/mirror/tree"
)

func TestFilesOfAllSizes(t *testing.T) {
	w := newWorld(t)
	for _, size := range []int{0, 1, 511, 512, 513, 65536, 65537, mib - 1, mib, mib + 1, 3*mib + 700} {
		e := w.put(w.src, fmt.Sprintf("d %%41/%d ü😀+x", size), data(uint64(size), size))
		res := w.copied(e)
		if res.Adopted || res.Bytes != int64(size) || !res.Relayed {
			t.Errorf("%d bytes: %+v, want all relayed", size, res)
		}
		opt := everything()
		opt.Compare = true
		if res, err := mirror.File(t.Context(), w.src, e, w.dst, opt); err != nil || !res.Adopted || res.Bytes != 0 || res.Checksum == "" {
			t.Errorf("%d bytes again: %+v, %v, want it adopted by checksum", size, res, err)
		}
	}
}

func TestAttributesAreTakenOver(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.put(w.src, "f", data(1, 100))
	name := w.src.Path("f")
	w.must(w.src.NN.SetOwner(ctx, name, "ünal", "data eng"))
	w.must(w.src.NN.SetPermission(ctx, name, 0o640))
	w.must(w.src.NN.SetACL(ctx, name, namenode.ACL{Mode: 0o640, Entries: []namenode.ACLEntry{
		{Type: namenode.ACLUser, Name: "bob", Perm: 6}, {Type: namenode.ACLGroup, Perm: 4},
	}}.Full()))
	w.must(w.src.NN.SetXAttr(ctx, name, namenode.XAttr{Name: "user.a", Value: []byte{0, 1, 255}}))
	w.must(w.src.NN.SetXAttr(ctx, name, namenode.XAttr{Name: "trusted.b"}))
	w.must(w.src.NN.SetReplication(ctx, name, 2))
	w.must(w.src.NN.SetTimes(ctx, name, 1234567890123, 1111111111111))
	e := w.stat(w.src, "f")
	w.copied(e)

	// Now all of it changes, and the data does not.
	w.must(w.src.NN.RemoveACL(ctx, name))
	w.must(w.src.NN.SetPermission(ctx, name, 0o600))
	w.must(w.src.NN.RemoveXAttr(ctx, name, "user.a"))
	w.must(w.src.NN.SetXAttr(ctx, name, namenode.XAttr{Name: "user.c", Value: []byte("x")}))
	w.must(w.src.NN.SetReplication(ctx, name, 1))
	w.must(w.src.NN.SetOwner(ctx, name, "alice", ""))
	e = w.stat(w.src, "f")
	if res := w.copied(e); !res.Adopted {
		t.Errorf("%+v, want the file adopted", res)
	}
}

func TestShardIsCopiedAndAdopted(t *testing.T) {
	w := newWorld(t)
	var entries []tree.Entry
	for i := range 60 {
		entries = append(entries, w.put(w.src, fmt.Sprintf("many/%03d", i), data(uint64(i), i*37)))
	}
	for i := range 3 {
		entries = append(entries, w.put(w.src, fmt.Sprintf("few/ä%d", i), data(uint64(i), 10)))
	}
	w.must(w.dst.NN.Mkdirs(t.Context(), w.dst.Path("many"), 0o755, true))
	w.put(w.dst, "many/007", []byte("something else"))
	n, err := mirror.Files(t.Context(), w.src, w.dst, entries, everything())
	w.must(err)
	if n.Copied != 63 || n.Adopted != 0 || n.Retries != 0 {
		t.Errorf("first: %+v", n)
	}
	for _, e := range entries {
		w.same(e, mirror.Result{})
	}
	n, err = mirror.Files(t.Context(), w.src, w.dst, entries, everything())
	w.must(err)
	if n.Adopted != 63 || n.Bytes != 0 {
		t.Errorf("second: %+v", n)
	}
}

func TestOnlyTheTailOfAGrownFileIsCopied(t *testing.T) {
	w := newWorld(t)
	w.copied(w.put(w.src, "log", data(1, 2*mib+1000)))
	e := w.grow(w.src, "log", data(2, 700))
	if res := w.copied(e); !res.Appended || res.Bytes != 700 {
		t.Errorf("grown inside a block: %+v, want 700 bytes", res)
	}
	e = w.grow(w.src, "log", data(3, 5))
	if res := w.copied(e); !res.Appended || res.Bytes != 5 {
		t.Errorf("grown by 5: %+v, want 5 bytes", res)
	}
}

func TestOnlyTheCutBlockOfATruncatedFileIsCopied(t *testing.T) {
	w := newWorld(t)
	w.copied(w.put(w.src, "f", data(1, 4*mib)))
	for _, n := range []int64{3 * mib, 2*mib + 100} {
		_, err := w.src.NN.Truncate(t.Context(), w.src.Path("f"), n)
		w.must(err)
		w.until("the file is cut", func() bool {
			closed, err := w.src.NN.IsClosed(t.Context(), w.src.Path("f"))
			w.must(err)
			return closed
		})
		if res := w.copied(w.stat(w.src, "f")); !res.Appended || res.Bytes >= mib {
			t.Errorf("cut to %d: %+v, want less than a block copied", n, res)
		}
	}
}

func TestAnotherFileInThePlaceIsReplaced(t *testing.T) {
	w := newWorld(t)
	e := w.put(w.src, "f", data(1, 3*mib))
	other := data(1, 3*mib)
	other[mib+5] ^= 1
	w.put(w.dst, "f", other)
	if res := w.copied(e); res.Kept != mib || res.Bytes != 2*mib {
		t.Errorf("%+v, want the first block kept", res)
	}
	w.must(w.dst.NN.Mkdirs(t.Context(), w.dst.Path("g"), 0o755, true))
	if _, err := mirror.File(t.Context(), w.src, w.put(w.src, "g", nil), w.dst, everything()); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a directory in the place: %v, want a conflict", err)
	}
}

func TestTheSnapshotKeepsWhatTheTreeLost(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.put(w.src, "gone", data(1, mib+5))
	w.put(w.src, "grown", data(2, mib+5))
	w.must(w.src.NN.AllowSnapshot(ctx, w.src.Root))
	_, err := w.src.NN.CreateSnapshot(ctx, w.src.Root, "s1")
	w.must(err)
	live := w.src
	w.src = live.At("s1")
	var entries []tree.Entry
	_, err = tree.List(ctx, w.src, tree.ListOptions{Attributes: true}, func(e tree.Entry) error {
		if !e.IsDir() {
			entries = append(entries, e)
		}
		return nil
	})
	w.must(err)
	_, err = live.NN.Delete(ctx, live.Path("gone"), false)
	w.must(err)
	w.grow(live, "grown", data(3, 1000))
	n, err := mirror.Files(ctx, w.src, w.dst, entries, everything())
	w.must(err)
	if n.Files != 2 || n.Bytes != 2*(mib+5) {
		t.Errorf("%+v, want both as the snapshot has them", n)
	}
	if got := string(w.get(w.dst, "grown")); got != string(data(2, mib+5)) {
		t.Errorf("%d bytes of the grown file differ from the snapshot's", len(got))
	}
	if got := string(w.get(w.dst, "gone")); got != string(data(1, mib+5)) {
		t.Errorf("%d bytes of the deleted file differ", len(got))
	}
	_, err = w.dst.NN.Delete(ctx, w.dst.Path("gone"), false)
	w.must(err)
	if _, err := mirror.File(ctx, live, entries[0], w.dst, everything()); err == nil || !strings.Contains(err.Error(), "copy from a snapshot") {
		t.Errorf("from the live tree: %v, want advice", err)
	}
}

func TestRefusalsAreNamed(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	e := w.put(w.src, "q/f", data(1, 1000))
	w.must(w.src.NN.SetXAttr(ctx, w.src.Path("q/f"), namenode.XAttr{Name: "trusted.x", Value: []byte("1")}))
	e = w.stat(w.src, e.Path)
	w.must(w.dst.NN.Mkdirs(ctx, w.dst.Path("q"), 0o755, true))
	for name, quota := range map[string][2]int64{"names": {1, -1}, "space": {-1, 100}} {
		w.must(w.dst.NN.SetQuota(ctx, w.dst.Path("q"), quota[0], quota[1]))
		_, err := mirror.File(ctx, w.src, e, w.dst, everything())
		if !errors.Is(err, namenode.ErrQuota) || fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "QuotaExceeded") || !strings.Contains(err.Error(), "raise the quota") {
			t.Errorf("quota on %s: %v", name, err)
		}
		if _, err := w.dst.NN.Stat(ctx, w.dst.Path("q/f")); err == nil {
			t.Errorf("quota on %s: something is left behind", name)
		}
	}
	w.must(w.dst.NN.SetQuota(ctx, w.dst.Path("q"), -1, -1))

	nobody, err := namenode.Open(namenode.Config{Addresses: addresses(t, "b"), User: "nobody"})
	w.must(err)
	defer nobody.Close() //nolint:errcheck // idle connections only
	dst := w.dst
	dst.NN = nobody
	_, err = mirror.File(ctx, w.src, e, dst, everything())
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "nobody") || !strings.Contains(err.Error(), "act as a superuser") {
		t.Errorf("as nobody: %v, want it denied for the time being", err)
	}
	w.copied(e)
}

func TestCancelledCopyEnds(t *testing.T) {
	w := newWorld(t)
	e := w.put(w.src, "f", data(1, 3*mib))
	ctx, cancel := context.WithCancel(t.Context())
	opt := everything()
	opt.Moved = func(int64) { cancel() }
	if _, err := mirror.File(ctx, w.src, e, w.dst, opt); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want it cancelled", err)
	}
	w.copied(e)
}
