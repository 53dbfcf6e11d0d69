//go:build cluster

package activities_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"drover/internal/workload/tree"
)

// childEnv holds the order of a process that runs one round.
const childEnv = "DROVER_TEST_MIRROR"

func TestMain(m *testing.M) {
	text := os.Getenv(childEnv)
	if text == "" {
		os.Exit(m.Run())
	}
	if err := roundAsTold([]byte(text)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func roundAsTold(text []byte) error {
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return err
	}
	f, done, err := follow(o)
	if err != nil {
		return err
	}
	if o.Part != nil {
		copied, err := f.acts.CopyMirrorShards(context.Background(), *o.Part)
		return errors.Join(err, json.NewEncoder(os.Stdout).Encode(copied), done())
	}
	f.parallel = 1 // so that the calls come in the same order each time
	_, err = f.round(context.Background(), o.From, o.To)
	return errors.Join(err, done())
}

// killedAt is a place at which a worker was killed.
type killedAt struct {
	method string
	after  bool
}

// lanes is how many mirrors the places are shared out to.
const lanes = 2

// TestARoundGoesOnFromEveryKill kills the process that runs a round with SIGKILL
// at every call that changes something at a NameNode, of both sides, once before
// the call gets through and once when it has been answered and nobody knows;
// then another process runs the round to its end. The trees are equal, and no
// file that was complete is written again.
func TestARoundGoesOnFromEveryKill(t *testing.T) {
	var mu sync.Mutex
	places := map[killedAt]int{}
	var whole []call
	t.Run("kills", func(t *testing.T) {
		for _, after := range []bool{false, true} {
			for first := range lanes {
				t.Run(fmt.Sprintf("after %v from %d", after, first+1), func(t *testing.T) {
					t.Parallel()
					k := newKilled(t)
					for at := first + 1; ; at += lanes {
						place := k.round(at, after)
						mu.Lock()
						if place == nil {
							whole = k.calls
						} else {
							places[killedAt{place.method, after}]++
						}
						mu.Unlock()
						if place == nil {
							t.Logf("%d calls in a round", len(k.calls))
							return
						}
					}
				})
			}
		}
	})
	total := 0
	for _, n := range places {
		total += n
	}
	t.Logf("%d kills: %v", total, places)
	for _, method := range []string{
		"createSnapshot", "mkdirs", "rename2", "create", "addBlock", "complete", "append", "updateBlockForPipeline", "updatePipeline",
		"truncate", "setTimes", "setPermission", "setOwner", "setAcl", "setXAttr", "setReplication", "setStoragePolicy", "delete",
	} {
		if !slices.ContainsFunc(whole, func(c call) bool { return c.method == method }) {
			t.Errorf("no round calls %s: the enumeration lacks a kind of operation", method)
		}
		if places[killedAt{method, false}] == 0 || places[killedAt{method, true}] == 0 {
			t.Errorf("no process was killed at %s", method)
		}
	}
}

// killed is a mirror whose rounds are run by processes that are killed.
type killed struct {
	*mirror
	watch *watch
	step  int    // of the tree
	calls []call // of the last round that was not interrupted
}

func newKilled(t *testing.T) *killed {
	t.Helper()
	m, _ := sandboxMirror(t)
	k := &killed{mirror: m, watch: &watch{}, step: firstStep}
	m.write(tree.All(firstTree()))
	m.begin()
	for site, addresses := range m.order.NameNodes {
		// The processes see other NameNodes than the mirror's own clients do.
		m.order.NameNodes[site] = []string{tap(t, site, addresses[0], k.watch).addr()}
	}
	return k
}

// round changes the source, runs a round that is killed at a call, and runs it
// to its end. It returns the place, or nil when the round has no so many calls.
func (k *killed) round(at int, after bool) *call {
	k.t.Helper()
	k.step++
	k.change(changes(k.step))
	k.rounds++
	o := k.order
	o.From, o.To = snapshot(k.rounds-1), snapshot(k.rounds)
	o.History = filepath.Join(k.t.TempDir(), "history")
	said, err := k.process(o, at, after)
	first, place := k.watch.seen()
	if place == nil {
		if err != nil {
			k.t.Fatalf("round %s, not killed: %v\n%s", o.To, err, said)
		}
		k.calls = first
	} else {
		said, err := k.process(o, 0, false)
		if err != nil {
			k.t.Fatalf("round %s, killed at call %d (%s %s at %s, after %v), then: %v\n%s", o.To, at, place.method, place.path, place.site, after, err, said)
		}
		second, _ := k.watch.seen()
		if why := copiedTwice(first, second); why != "" {
			k.t.Errorf("round %s, killed at call %d (%s %s at %s, after %v): %s", o.To, at, place.method, place.path, place.site, after, why)
		}
	}
	k.equal(o.To)
	k.untouched(o.To)
	return place
}

// process runs the round in a process that is killed at a call.
func (k *killed) process(o order, at int, after bool) (said string, err error) {
	k.t.Helper()
	text, err := json.Marshal(o)
	k.must(err)
	self, err := os.Executable()
	k.must(err)
	cmd := exec.CommandContext(k.t.Context(), self)
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	gone := make(chan struct{})
	k.watch.begin(at, after, func() {
		cmd.Process.Kill() //nolint:errcheck // it is there: it called
		<-gone
	})
	k.must(cmd.Start())
	err = cmd.Wait()
	close(gone)
	return out.String(), err
}

// copiedTwice holds the calls of the second process against those of the first:
// a file whose time was set is complete, and a block that was followed by
// another or by the end of its file need not be written again.
func copiedTwice(first, second []call) string {
	complete := map[string]bool{}
	blocks := map[string]int{} // written for sure, of files not complete
	for _, c := range first {
		if c.site != "b" {
			continue
		}
		switch c.method {
		case "create":
			blocks[c.path] = -1
		case "addBlock", "complete":
			blocks[c.path]++
		case "setTimes":
			complete[c.path] = true
		}
	}
	again := map[string]int{}
	for _, c := range second {
		if c.site != "b" {
			continue
		}
		switch c.method {
		case "create", "append", "truncate", "addBlock":
			if complete[c.path] {
				return fmt.Sprintf("%s was complete, and there is one more %s", c.path, c.method)
			}
		}
		if c.method == "addBlock" {
			again[c.path]++
		}
	}
	for path, n := range again {
		if isNewBig(path) && blocks[path]+n > bigBlocks {
			return fmt.Sprintf("%s had %d of its %d blocks, and %d more were written", path, blocks[path], bigBlocks, n)
		}
	}
	return ""
}
