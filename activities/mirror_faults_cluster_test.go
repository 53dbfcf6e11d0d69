//go:build cluster

package activities_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"drover/activities"
	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/workload/tree"
)

// patience bounds every wait of these tests.
const patience = 5 * time.Minute

// faulty is a mirror between two HDFS that break.
type faulty struct {
	*mirror
	mu       sync.Mutex
	failures []error
}

// TestFaultsOfTheClusters breaks either HDFS in the middle of a round, in every
// way that time or a hand mends, and mends it: the round that was under way ends
// with equal trees, and what kept it was said in words.
func TestFaultsOfTheClusters(t *testing.T) {
	t.Parallel()
	a, b := sandboxtest.OwnHDFS(t, nil), sandboxtest.OwnHDFS(t, nil)
	t.Run("a DataNode takes no connection", func(t *testing.T) { unreached(t, a, b) })
	t.Run("the source's NameNode restarts", func(t *testing.T) { restarted(t, a, b, a, sandboxtest.NameNode) })
	t.Run("the target's NameNode restarts", func(t *testing.T) { restarted(t, a, b, b, sandboxtest.NameNode) })
	t.Run("the source's only DataNode is lost while it is read", func(t *testing.T) { restarted(t, a, b, a, sandboxtest.DataNode) })
	t.Run("the target's only DataNode is lost while it is written", func(t *testing.T) { restarted(t, a, b, b, sandboxtest.DataNode) })
	t.Run("the target's disk is full", func(t *testing.T) { diskFull(t, a, b) })
	t.Run("the target's quota of names is used up", func(t *testing.T) {
		f := newFaulty(t, a.Addresses(), b)
		f.quota(func(used namenode.ContentSummary) (names, space int64) {
			return used.Files + used.Dirs + 1, namenode.KeepQuota
		})
	})
	t.Run("the target's quota of space is used up", func(t *testing.T) {
		f := newFaulty(t, a.Addresses(), b)
		f.quota(func(used namenode.ContentSummary) (names, space int64) {
			return namenode.KeepQuota, used.SpaceConsumed + 2*mib
		})
	})
	t.Run("the target refuses the worker's user", func(t *testing.T) { denied(t, a, b) })
}

// newFaulty has a baseline, and changes of every kind of which the largest is
// eight MiB to copy.
func newFaulty(t *testing.T, source []string, b *sandboxtest.HDFS) *faulty {
	t.Helper()
	m := newMirror(t, map[string][]string{"a": source, "b": b.Addresses()}, b.Superuser())
	f := &faulty{mirror: m}
	m.write(tree.All(firstTree()))
	m.begin()
	ops := changes(firstStep + 1)
	for n := range 4 {
		ops = append(ops, tree.Op{
			Kind: tree.Create, Path: fmt.Sprintf("large%d", n), Piece: &tree.Piece{Seed: uint64(n), Bytes: 2*mib + int64(n)},
			Attr: &tree.Attr{Replication: 1, BlockSize: mib},
		})
	}
	m.change(ops)
	m.failed = func(_ string, err error) { f.fail(err) }
	return f
}

func (f *faulty) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures = append(f.failures, err)
}

// met returns what activities failed with so far.
func (f *faulty) met() []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failures
}

type outcome struct {
	copied activities.MirrorCopied
	err    error
}

// start runs the round beside the test.
func (f *faulty) start() <-chan outcome { return f.startWith(f.t.Context()) }

func (f *faulty) startWith(ctx context.Context) <-chan outcome {
	ended := make(chan outcome, 1)
	go func() {
		copied, err := f.round(ctx, snapshot(0), snapshot(1))
		ended <- outcome{copied, err}
	}()
	return ended
}

// when waits until something is so, while the round is under way.
func (f *faulty) when(ended <-chan outcome, what string, so func() bool) {
	f.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case got := <-ended:
			f.t.Fatalf("the round ended before %s: %+v, %v, failures %v", what, got.copied, got.err, f.met())
		case <-deadline.C:
			f.t.Fatalf("waited %v until %s; failures %v", patience, what, f.met())
		case <-tick.C:
		}
	}
}

// end waits for the round, which must have made the trees equal.
func (f *faulty) end(ended <-chan outcome) {
	f.t.Helper()
	select {
	case got := <-ended:
		if got.err != nil {
			f.t.Fatalf("the round: %v; failures before: %v", got.err, f.met())
		}
		f.t.Logf("%+v; failures: %v", got.copied, f.met())
	case <-time.After(patience):
		f.t.Fatalf("the round does not end; failures %v", f.met())
	}
	f.equal(snapshot(1))
	f.untouched(snapshot(1))
}

// held is what the target's tree holds, snapshots left out.
func (f *faulty) held() namenode.ContentSummary {
	f.t.Helper()
	s, err := f.target.NameNode.ContentSummary(f.t.Context(), f.target.Root)
	f.must(err)
	return s
}

// restarted kills a daemon of one side when a quarter of the round's bytes has
// arrived, and starts it again.
func restarted(t *testing.T, a, b, side *sandboxtest.HDFS, daemon string) {
	f := newFaulty(t, a.Addresses(), b)
	f.bytesPerSecond = 4 * mib
	before := f.held().Length
	ended := f.start()
	f.when(ended, "a quarter was copied", func() bool { return f.held().Length > before+3*mib })
	side.Kill(daemon)
	side.Start(daemon)
	side.AwaitWritable() // for what the test itself does next
	f.end(ended)
}

// diskFull has the target's only DataNode keep all of its disk for others.
func diskFull(t *testing.T, a, b *sandboxtest.HDFS) {
	f := newFaulty(t, a.Addresses(), b)
	room := func(there bool) {
		b.Kill(sandboxtest.DataNode)
		b.Start(sandboxtest.DataNode)
		b.Await("its room is known", func(ctx context.Context, nn *namenode.Client) (bool, error) {
			s, err := nn.FsStats(ctx)
			return s.Remaining > 0 == there, err
		})
	}
	const reserved = "dfs.datanode.du.reserved"
	b.Set(reserved, "9000000000000000")
	room(false)
	ended := f.start()
	f.named(ended, namenode.ErrNoRoom, "make room or start them")
	b.Set(reserved, "")
	room(true)
	f.end(ended)
}

// named waits until an activity fails with an error that temporal tries again,
// and that says what to do.
func (f *faulty) named(ended <-chan outcome, want error, words string) {
	f.t.Helper()
	f.when(ended, "an activity failed", func() bool { return len(f.met()) > 0 })
	err := f.met()[0]
	if !errors.Is(err, want) || fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), words) {
		f.t.Errorf("failed with %v of kind %s, want %v, kind %s, and %q", err, fault.KindOf(err), want, fault.Unavailable, words)
	}
}

// quota sets quotas on the target that the round exceeds, and clears them.
func (f *faulty) quota(of func(used namenode.ContentSummary) (names, space int64)) {
	f.t.Helper()
	nn, ctx := f.target.NameNode, f.t.Context()
	names, space := of(f.held())
	f.must(nn.SetQuota(ctx, f.target.Root, names, space))
	ended := f.start()
	f.named(ended, namenode.ErrQuota, "raise the quota")
	f.must(nn.SetQuota(ctx, f.target.Root, namenode.ClearQuota, namenode.ClearQuota))
	f.end(ended)
}

// denied runs the round as a user who may not write at the target: that is final
// until somebody changes the configuration.
func denied(t *testing.T, a, b *sandboxtest.HDFS) {
	f := newFaulty(t, a.Addresses(), b)
	as := f.follower
	o := f.order
	o.Users = map[string]string{"a": a.Superuser(), "b": "nobody"}
	f.follower = f.again(o)
	f.follower.failed = as.failed
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := f.startWith(ctx)
	f.when(ended, "it is refused and tried again", func() bool { return len(f.met()) > 1 })
	cancel() // as a worker ends that is started anew as somebody else
	<-ended
	err := f.met()[0]
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "superuser of both HDFS") || !strings.Contains(err.Error(), "user=nobody") {
		t.Errorf("as nobody: %v of kind %s, want it told what to do, and waited for", err, fault.KindOf(err))
	}
	f.follower = f.again(f.order)
	f.end(f.start())
}
