//go:build cluster

package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"

	"drover/internal/config"
	"drover/internal/hadoop/namenode"
	"drover/internal/sandbox/sandboxtest"
	work "drover/internal/workload/tree"
	"drover/workers"
	"drover/workflows"
	"drover/workflows/step"
)

// lived are changes that users make on the new side after the switch: 2 files are
// copied for them, the rest moves and goes.
func lived() []work.Op {
	return []work.Op{
		{Kind: work.Mkdir, Path: "named/made"},
		{Kind: work.Create, Path: "named/made/new", Piece: &others},
		{Kind: work.Append, Path: "named/followed", Piece: &others},
		{Kind: work.Rename, Path: "named/rewritten", To: "named/made/renamed"},
		{Kind: work.Delete, Path: "named/gone"},
	}
}

// back starts the mirror in the other direction.
func (m *mirror) back(input any) (*mirror, client.WorkflowRun) {
	m.t.Helper()
	other := *m
	other.id = m.id + ".back"
	run, err := m.client.ExecuteWorkflow(m.t.Context(), client.StartWorkflowOptions{ID: other.id, TaskQueue: workflows.RunbooksQueue}, workers.HDFSMirror, input)
	if err != nil {
		m.t.Fatal(err)
	}
	return &other, run
}

func (m *mirror) keepSnapshots() {
	m.t.Helper()
	s := m.awaitGate(m.id, workflows.GateCleanup)
	if err := m.decide(m.id, step.Decision{Gate: workflows.GateCleanup, Digest: s.Digest, By: "e2e", Reason: "keep the way back"}); err != nil {
		m.t.Fatal(err)
	}
}

// TestAMirrorGoesBack: after the cutover the roles are swapped from the last
// common snapshot, and only what changed since is copied. An old side that is
// frozen by a quota is refused before anything is done to it.
func TestAMirrorGoesBack(t *testing.T) {
	m := mirrorRig(t).newDrifting(9)
	run := m.begin(map[string]any{"freeze": workflows.FreezeQuota})
	m.approve(m.id, workflows.GateCutover)
	m.keepSnapshots()
	res := m.ended(run)
	if res.Reverse == nil || res.Reverse.From == "" {
		t.Fatalf("result %s, want the input of the way back", asJSON(res))
	}
	apply(t, m.target, lived()...)
	if err := m.target.NameNode.SetPermission(t.Context(), m.path, 0o711); err != nil {
		t.Fatal(err)
	}
	back, reverse := m.back(res.Reverse)
	if res := back.ended(reverse); res.Outcome != workflows.OutcomeBlocked || !strings.Contains(res.Reason, "target-quota") {
		t.Fatalf("while the old side is frozen: %s, want it blocked by target-quota", asJSON(res))
	}
	if err := m.source.NameNode.SetQuota(t.Context(), m.path, namenode.ClearQuota, namenode.ClearQuota); err != nil {
		t.Fatal(err)
	}
	back, reverse = m.back(res.Reverse)
	back.approve(back.id, workflows.GateCutover)
	back.approve(back.id, workflows.GateCleanup)
	if res := back.ended(reverse); res.Outcome != step.Completed || res.Verdict != "match" || res.Copied.Copied+res.Copied.Appended != 2 {
		t.Errorf("result %s, want completed and match, with two copied files", asJSON(res))
	}
	m.equal()
}

// between is a rig of a mirror between two HDFS of the test's own, which check
// permissions, with a worker that knows them as old and new.
func (r *rig) between(source, target *sandboxtest.HDFS) *rig {
	t := r.t
	t.Helper()
	file := filepath.Join(t.TempDir(), "drover.yaml")
	text := "sites:\n"
	for name, h := range map[string]*sandboxtest.HDFS{"old": source, "new": target} {
		text += fmt.Sprintf("  %s: {hdfs: {namenode: %q, user: %s}}\n", name, h.Addresses()[0], h.Superuser())
	}
	text += fmt.Sprintf("worker: {stateDir: %q}\n", t.TempDir())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l := *r.lane
	var err error
	if l.cfg, err = config.Load(file); err != nil {
		t.Fatal(err)
	}
	l.from, l.to = "old", "new"
	l.worker = l.workerOf(t, file)
	t.Cleanup(func() {
		if err := l.worker.kill(); err != nil {
			t.Error(err)
		}
	})
	return &rig{lane: &l, t: t}
}

// as is a tree as somebody uses it who is not the superuser.
func (m *mirror) as(user, site string) work.Target {
	m.t.Helper()
	of, done, err := work.Open(m.cfg.Sites[site].HDFS.NameNodes[0], user, m.path)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		if err := done(); err != nil {
			m.t.Error(err)
		}
	})
	return of
}

// closedTo wants a tree to let nobody in.
func closedTo(t *testing.T, of work.Target, who string) {
	t.Helper()
	_, opened := of.NameNode.Blocks(t.Context(), of.Root+"/named/followed")
	_, deleted := of.NameNode.Delete(t.Context(), of.Root+"/named/followed", false)
	for what, err := range map[string]error{"mkdir": of.NameNode.Mkdirs(t.Context(), of.Root+"/named/late", 0o755, false), "open": opened, "delete": deleted} {
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s by %s on the side that is frozen: %v, want it denied", what, who, err)
		}
	}
}

// TestAMirrorFrozenByPermissionsGoesBack: users who may write, one by owner and
// one by an ACL, are shut out of the old side and go on at the new one; while the
// run soaks the mirror goes back with what they wrote, and at its end they are
// back where they were.
func TestAMirrorFrozenByPermissionsGoesBack(t *testing.T) {
	r := mirrorRig(t)
	source, target := sandboxtest.OwnHDFS(t, nil), sandboxtest.OwnHDFS(t, nil)
	nodes := work.Generate(work.Spec{Seed: 23, Superuser: true, Dirs: 4, Files: 10, Depth: 3, Wide: 10})
	users := work.Attr{Mode: 0o775, Owner: "ada", Group: "writers", ACL: []string{"user::rwx", "user:bob:rwx", "group::r-x", "mask::rwx", "other::---"}}
	nodes[0].Attr = users
	nodes = append(nodes, work.Node{Path: "named", Dir: true, Attr: users})
	for _, name := range []string{"rewritten", "gone", "followed"} {
		nodes = append(nodes, work.Node{Path: "named/" + name, Content: named, Attr: work.Attr{Owner: "ada", Mode: 0o640}})
	}
	m := r.between(source, target).newMirrorOf(nodes)
	apply(t, m.as("bob", "old"), work.Op{Kind: work.Create, Path: "named/of bob", Piece: &named})
	run := m.begin(map[string]any{"freeze": workflows.FreezePermissions, "soak": "1h"})
	m.approve(m.id, workflows.GateCutover)
	s := m.awaitGate(m.id, workflows.GateCleanup)
	says(t, s, "frozen by permissions")
	for _, who := range []string{"ada", "bob", "stranger"} {
		closedTo(t, m.as(who, "old"), who)
	}
	apply(t, m.as("ada", "new"), lived()...)
	apply(t, m.as("bob", "new"), work.Op{Kind: work.Create, Path: "of bob", Piece: &others})

	// The way back, as the gate names it.
	common := m.wayBack(s)
	back, reverse := m.back(map[string]any{
		"source": "new", "target": "old", "sourcePath": m.path, "from": common, "keepOnAbort": true, "freeze": workflows.FreezePermissions, "thaw": true,
	})
	back.awaitGate(back.id, workflows.GateCutover)
	apply(t, m.as("ada", "new"), work.Op{Kind: work.Create, Path: "named/made/last", Piece: &named})
	back.approve(back.id, workflows.GateCutover)
	back.approve(back.id, workflows.GateCleanup)
	if res := back.ended(reverse); res.Outcome != step.Completed || res.Verdict != "match" || res.Copied.Copied+res.Copied.Appended != 4 {
		t.Errorf("the way back: %s, want completed and match, with four copied files", asJSON(res))
	}
	m.equal()
	for _, side := range []string{"old", "new"} {
		apply(t, m.as("bob", side), work.Op{Kind: work.Create, Path: "named/again", Piece: &named})
		apply(t, m.as("ada", side), work.Op{Kind: work.Append, Path: "named/followed", Piece: &named})
	}
	m.keepSnapshots()
	if res := m.ended(run); res.Outcome != step.Completed || res.Verdict != "match" || len(res.Left) != 2 || !strings.Contains(strings.Join(res.Left, " "), "setfacl") {
		t.Errorf("result %s, want completed and match, and what to type to open the old side", asJSON(res))
	}
}

// wayBack is the snapshot that gate cleanup says a way back begins at.
func (m *mirror) wayBack(s step.Status) string {
	m.t.Helper()
	for _, f := range s.Evidence.Facts {
		if _, from, ok := strings.Cut(f.Value, "HDFSMirror from "+m.to+" to "+m.from+", from "); ok {
			return from
		}
	}
	m.t.Fatalf("gate does not say where a way back begins: %s", asJSON(s))
	return ""
}
