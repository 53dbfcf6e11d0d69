//go:build cluster

package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"drover/internal/config"
	"drover/internal/hadoop/namenode"
	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
	"drover/workflows"
)

// TestDemoOfATreeOnRealHDFS tells the whole story in the shared sandbox, and
// looks afterwards that it is left as it was found.
func TestDemoOfATreeOnRealHDFS(t *testing.T) {
	box := sandboxtest.Shared(t)
	ownTemporal(t)
	before := daemons(t, box)
	var out, talk strings.Builder
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	code := run(ctx, []string{"demo", "hdfs", "--yes", "--json", "--dir", box.Dir(), "--files", "30", "--rate", "15", "--acked", "150"}, strings.NewReader(""), &out, &talk)
	t.Logf("the demo said:\n%s", talk.String())
	var r treeDemoReport
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil || code != codeOK {
		t.Fatalf("exit code %d, answer %q: %v", code, out.String(), err)
	}
	t.Logf("the answer:\n%s", out.String())
	switch {
	case r.Verdict != "match" || r.Lost != 0:
		t.Errorf("verdict %s, %d lost: %v", r.Verdict, r.Lost, r.Missing)
	case r.Acked < 150 || r.OnTarget == 0 || r.ReadBack == 0 || r.Files == 0 || r.Bytes == 0:
		t.Errorf("acked %d, on the target %d, read back %d, compared %d files of %d bytes: one is too few", r.Acked, r.OnTarget, r.ReadBack, r.Files, r.Bytes)
	case r.Rounds < 3 || r.Baseline.Files == 0 || r.Brought.Files == 0:
		t.Errorf("%d rounds brought %+v after a baseline of %+v, want one, one after the drift, and the last", r.Rounds, r.Brought, r.Baseline)
	case !r.Drift.Found || r.Drift.Settled != workflows.ChoiceRestore:
		t.Errorf("drift %+v, want it found and restored", r.Drift)
	case r.FreezeMillis <= 0 || r.WriterFreezeMillis <= 0:
		t.Errorf("the mirror froze for %d ms, the writer felt %d", r.FreezeMillis, r.WriterFreezeMillis)
	case !slices.ContainsFunc(r.Steps, func(s stepTime) bool { return s.Name == workflows.PhaseBaseline }) || r.HistoryEvents == 0:
		t.Errorf("steps %v, %d events: want the phases of the run", r.Steps, r.HistoryEvents)
	}
	if !slices.Equal(before, daemons(t, box)) {
		t.Errorf("daemons %v, before the demo %v: it leaves alone what it found running", daemons(t, box), before)
	}
	noDemoTree(t, box, talk.String())
}

// TestDemoOfATableOnRealClusters tells the story of the table in the shared
// sandbox, with fewer rows and writes than people see, and holds the answer to
// what scripts are promised.
func TestDemoOfATableOnRealClusters(t *testing.T) {
	box := sandboxtest.Shared(t)
	ownTemporal(t)
	before := daemons(t, box)
	var out, talk strings.Builder
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	code := run(ctx, []string{"demo", "--yes", "--json", "--dir", box.Dir(), "--rows", "2000", "--rate", "300", "--acked", "3000"}, strings.NewReader(""), &out, &talk)
	t.Logf("the demo said:\n%s\nand answered:\n%s", talk.String(), out.String())
	var r tableDemoReport
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil || code != codeOK {
		t.Fatalf("exit code %d: %v", code, err)
	}
	switch {
	case r.Verdict != "match" || r.Lost != 0 || r.Acked < 3000:
		t.Errorf("verdict %s, %d acknowledged, %d lost: %v", r.Verdict, r.Acked, r.Lost, r.Missing)
	case r.Rows < 2000 || r.Cells < r.Rows || r.Bytes == 0 || r.Digest == "":
		t.Errorf("compared %d rows, %d cells, %d bytes, digest %q", r.Rows, r.Cells, r.Bytes, r.Digest)
	case r.FreezeMillis <= 0 || r.WriterFreezeMillis <= 0 || r.Freeze.Fence+r.Freeze.Drain+r.Freeze.Delta > r.FreezeMillis:
		t.Errorf("froze for %d ms, of it %+v, the writer felt %d", r.FreezeMillis, r.Freeze, r.WriterFreezeMillis)
	case !slices.ContainsFunc(r.Steps, func(s stepTime) bool { return s.Name == workflows.PhaseExport }) || r.HistoryEvents == 0 || r.HistoryEvents > 4000:
		t.Errorf("steps %v, %d events: want the phases of the run", r.Steps, r.HistoryEvents)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal([]byte(out.String()), &keys); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"verdict", "acked", "lost", "freezeMillis", "steps"} {
		if _, there := keys[key]; !there {
			t.Errorf("the answer has no key %q", key)
		}
	}
	if !slices.Equal(before, daemons(t, box)) {
		t.Errorf("daemons %v, before the demo %v: it leaves alone what it found running", daemons(t, box), before)
	}
}

// daemons gives the process of every daemon.
func daemons(t *testing.T, box *sandbox.Sandbox) []int {
	t.Helper()
	list, err := box.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, d := range list {
		pids = append(pids, d.PID)
	}
	return pids
}

// noDemoTree looks for the tree the demo said it wrote.
func noDemoTree(t *testing.T, box *sandbox.Sandbox, said string) {
	t.Helper()
	_, rest, found := strings.Cut(said, "/demo/tree_")
	name, _, _ := strings.Cut(rest, " ")
	if !found {
		t.Fatal("the demo did not say where its tree is")
	}
	cfg, err := config.Load(box.ConfigPath())
	if err != nil {
		t.Fatal(err)
	}
	for site, at := range cfg.Sites {
		nn, err := namenode.Open(namenode.Config{Addresses: at.HDFS.NameNodes, User: at.HDFS.User})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := nn.Stat(t.Context(), "/demo/tree_"+name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("site %s: the tree tree_%s: %v, want it removed", site, name, err)
		}
		if err := nn.Close(); err != nil {
			t.Error(err)
		}
	}
}
