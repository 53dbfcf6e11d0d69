//go:build cluster

package activities_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"drover/internal/sandbox/sandboxtest"
	"drover/internal/workload/tree"
)

// trouble is what happens to a NameNode at the first call of a method, or the
// first of all, in a step of a mirror; the call is lost.
type trouble struct{ step, site, method string }

// everyStep has a trouble in each step of a baseline and of a round but those
// that copy, which other tests are about.
func everyStep() []trouble {
	return []trouble{
		{"s00000 list", "a", "getListing"},
		{"s00000 verify", "b", "getListing"},
		{"s00001 drift", "b", ""},
		{"s00001 plan", "a", "getSnapshotDiffReportListing"},
		{"s00001 operations", "b", "rename2"},
		{"s00001 attributes", "b", "delete"},
		{"s00001 verify", "b", ""},
		{"s00001 target", "b", "createSnapshot"},
	}
}

// troubled are the troubles still to come, and the step that is under way.
type troubled struct {
	mu     sync.Mutex
	step   string
	left   []trouble
	strike func(site string)
}

func (x *troubled) began(step string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.step = step
}

func (x *troubled) meets(c call) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := slices.IndexFunc(x.left, func(t trouble) bool {
		return t.step == x.step && t.site == c.site && (t.method == "" || t.method == c.method)
	})
	if n < 0 {
		return true
	}
	x.left = slices.Delete(x.left, n, n+1)
	x.strike(c.site)
	return false
}

// run mirrors a tree, a baseline and a round with operations of every kind,
// through all of it, and wants equal trees.
func (x *troubled) run(t *testing.T, a, b *sandboxtest.HDFS) {
	t.Helper()
	m := newMirror(t, map[string][]string{"a": a.Addresses(), "b": b.Addresses()}, b.Superuser())
	for site, addresses := range m.order.NameNodes {
		var taps []string
		for _, nn := range addresses {
			taps = append(taps, tapped(t, &wiretap{site: site, nameNode: nn, watch: &watch{}, meets: x.meets}).addr())
		}
		m.order.NameNodes[site] = taps
	}
	f := &faulty{mirror: m}
	m.follower = m.again(m.order)
	m.write(tree.All(firstTree()))
	m.began = x.began
	m.failed = func(step string, err error) { f.fail(err) }
	m.begin()
	m.equal(snapshot(0))
	m.change(changes(firstStep + 1))
	f.end(f.start())
	if len(x.left) > 0 {
		t.Errorf("nothing happened at %v: the steps make other calls", x.left)
	}
}

// TestNameNodesFailInEveryStep: whatever a mirror is doing, the source's NameNode
// is killed and started again, and those of the target's pair change places.
func TestNameNodesFailInEveryStep(t *testing.T) {
	t.Parallel()
	a, b := sandboxtest.OwnHDFS(t, nil), sandboxtest.OwnPair(t)
	active, standby := sandboxtest.NameNode, sandboxtest.SecondNameNode
	b.Activate(active)
	b.AwaitWritable()
	began := time.Now()
	x := &troubled{left: everyStep(), strike: func(site string) {
		t.Logf("%s: %s", time.Since(began).Round(time.Second/10), site)
		if site == "a" {
			a.Kill(sandboxtest.NameNode)
			a.Start(sandboxtest.NameNode)
			return
		}
		b.Deactivate(active)
		active, standby = standby, active
		b.Activate(active)
	}}
	x.run(t, a, b)
}
