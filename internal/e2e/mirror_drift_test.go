//go:build cluster

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/tree"
	"drover/internal/mirror/verify"
	"drover/internal/storage/open"
	work "drover/internal/workload/tree"
	"drover/workflows"
	"drover/workflows/step"
)

// newDrifting is a mirror of a small tree with a few files that tests name.
func (r *rig) newDrifting(seed uint64) *mirror {
	r.t.Helper()
	nodes := work.Generate(work.Spec{Seed: seed, Superuser: true, Dirs: 4, Files: 10, Depth: 3, Wide: 10})
	nodes = append(nodes, work.Node{Path: "named", Dir: true})
	for _, name := range []string{"rewritten", "gone", "followed"} {
		nodes = append(nodes, work.Node{Path: "named/" + name, Content: named})
	}
	return r.newMirrorOf(nodes)
}

// named is what the named files hold, others what somebody writes instead.
var named, others = work.Piece{Seed: 1, Bytes: 3000}, work.Piece{Seed: 2, Bytes: 3000}

func apply(t *testing.T, on work.Target, ops ...work.Op) {
	t.Helper()
	if err := work.NewApplier(on, nil).Apply(t.Context(), ops); err != nil {
		t.Fatal(err)
	}
}

// says wants the evidence of the open gate to hold these words.
func says(t *testing.T, s step.Status, words ...string) {
	t.Helper()
	text := asJSON(s.Evidence)
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("gate %s does not say %q: %s", s.WaitingAt, w, text)
		}
	}
}

// differing lists what differs between the trees as they are.
func (m *mirror) differing() []string {
	m.t.Helper()
	of := func(site string, t work.Target) tree.Tree {
		at, err := m.cfg.Locate(site + ":" + m.path)
		if err != nil {
			m.t.Fatal(err)
		}
		store, err := open.At(at) // where checksums differ, bytes are read
		if err != nil {
			m.t.Fatal(err)
		}
		m.t.Cleanup(func() { store.Close() }) //nolint:errcheck // only read
		return tree.Tree{NN: t.NameNode, Store: store, Root: t.Root}
	}
	res, err := verify.Trees(m.t.Context(), of(m.from, m.source), of(m.to, m.target), verify.Options{})
	if err != nil || len(res.Gaps) > 0 {
		m.t.Fatalf("compare: %v, not compared: %v", err, res.Gaps)
	}
	var out []string
	for _, d := range res.Differences {
		out = append(out, fmt.Sprintf("%s %s", d.Kind, d.Path))
	}
	return out
}

// TestAdoptedDriftIsKeptAndNeverPassesUnseen: what others wrote to the target and
// a human adopted is left alone by later rounds; one that runs into it asks; and
// no cutover passes before it is put right, nor is it overwritten.
func TestAdoptedDriftIsKeptAndNeverPassesUnseen(t *testing.T) {
	m := mirrorRig(t).newDrifting(21)
	run := m.begin(nil)
	m.awaitGate(m.id, workflows.GateCutover)
	apply(t, m.target,
		work.Op{Kind: work.Mkdir, Path: "theirs"}, work.Op{Kind: work.Create, Path: "theirs/new", Piece: &others},
		work.Op{Kind: work.Create, Path: "named/rewritten", Replace: true, Piece: &others}, work.Op{Kind: work.Delete, Path: "named/gone"})
	m.again()
	says(t, m.awaitGate(m.id, workflows.GateDrift), "created theirs", "named/rewritten", "deleted named/gone", "rounds build on it", "no attempt passes", "the target is removed")
	m.choose(workflows.GateDrift, workflows.ChoiceAdopt)
	says(t, m.awaitGate(m.id, workflows.GateCutover), "changes to the target taken over")

	// A later round works; the one that runs into what was adopted asks.
	apply(t, m.source, work.Op{Kind: work.Append, Path: "named/followed", Piece: &others}, work.Op{Kind: work.Delete, Path: "named/gone"})
	m.again()
	says(t, m.awaitGate(m.id, workflows.GateDrift), "the round met", "named/gone", "put what the round met right by hand", "leads here again")
	apply(t, m.target, work.Op{Kind: work.Create, Path: "named/gone"})
	m.choose(workflows.GateDrift, workflows.ChoiceAdopt)
	m.awaitGate(m.id, workflows.GateCutover)
	left := []string{"content named/rewritten", "extra theirs"}
	if got := m.differing(); !slices.Equal(got, left) {
		t.Errorf("after the round %q differ, want what was adopted alone: %q", got, left)
	}

	m.approve(m.id, workflows.GateCutover)
	m.await("the attempt to fail over what was adopted", func(context.Context) (bool, error) {
		s := m.status(m.id)
		return slices.ContainsFunc(s.Notes, func(n step.Note) bool {
			return strings.Contains(n.Text, "named/rewritten: content") && strings.Contains(n.Text, "theirs: extra") && strings.Contains(n.Text, "adopt that")
		}), errors.New(asJSON(s.Notes))
	})
	m.awaitGate(m.id, workflows.GateCutover)
	if got := m.differing(); !slices.Equal(got, left) {
		t.Errorf("after the attempt %q differ, want what was adopted as it was: %q", got, left)
	}
	apply(t, m.target, work.Op{Kind: work.Delete, Path: "theirs"}, work.Op{Kind: work.Create, Path: "named/rewritten", Replace: true, Piece: &named})
	m.again()
	m.choose(workflows.GateDrift, workflows.ChoiceAdopt)
	m.approve(m.id, workflows.GateCutover)
	m.approve(m.id, workflows.GateCleanup)
	if res := m.ended(run); res.Outcome != step.Completed || res.Verdict != "match" {
		t.Errorf("result %s, want completed and match", asJSON(res))
	}
	m.equal()
	m.noSnapshots(m.source)
	m.noSnapshots(m.target)
}

// TestDriftThatIsRejectedStops the run; the mirror that was to be kept is rolled
// back to the snapshot both trees have, and what others wrote is gone.
func TestDriftThatIsRejectedStops(t *testing.T) {
	m := mirrorRig(t).newDrifting(22)
	run := m.begin(map[string]any{"keepOnAbort": true})
	m.awaitGate(m.id, workflows.GateCutover)
	apply(t, m.target, work.Op{Kind: work.Create, Path: "named/rewritten", Replace: true, Piece: &others}, work.Op{Kind: work.Create, Path: "theirs"})
	m.again()
	s := m.awaitGate(m.id, workflows.GateDrift)
	says(t, s, "created theirs", "what others wrote there goes")
	if err := m.decide(m.id, step.Decision{Gate: workflows.GateDrift, Digest: s.Digest, By: "e2e", Reason: "nobody is to write there"}); err != nil {
		t.Fatal(err)
	}
	res := m.ended(run)
	if res.Outcome != step.RejectedOutcome || res.Verdict != "unproven" || res.LastCommon == "" || !strings.Contains(res.Reason, "nobody is to write there") {
		t.Errorf("result %s, want rejected, unproven, and the last common snapshot", asJSON(res))
	}
	m.equal()
	for side, of := range map[string]work.Target{"source": m.source, "target": m.target} {
		all, err := snapshots(t.Context(), of)
		if err != nil || !slices.ContainsFunc(all, func(s namenode.Snapshot) bool { return s.Name == res.LastCommon }) {
			t.Errorf("snapshots of the %s: %+v, %v, want %s among them", side, all, err, res.LastCommon)
		}
	}
}
