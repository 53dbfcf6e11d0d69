//go:build cluster

package activities_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drover/activities"
	"drover/internal/sandbox"
	work "drover/internal/workload/tree"
)

// deaf stands before a NameNode and turns the calls for a difference into ones
// that it does not know; everything else passes.
func deaf(t *testing.T, nameNode string) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) //nolint:errcheck // nobody calls any more
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go misunderstand(client, nameNode)
		}
	}()
	return l.Addr().String()
}

func misunderstand(client net.Conn, nameNode string) {
	defer client.Close() //nolint:errcheck // relayed to its end
	server, err := net.Dial("tcp", nameNode)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // relayed to its end
	go func() {
		_, _ = io.Copy(client, server)
		client.Close() //nolint:errcheck // ends the other direction
	}()
	if _, err := io.CopyN(server, client, 7); err != nil {
		return
	}
	for {
		frame, err := readFrame(client)
		if err != nil {
			return
		}
		if _, err := server.Write(bytes.ReplaceAll(frame, []byte("getSnapshotDiffReport"), []byte("gotSnapshotDiffReport"))); err != nil {
			return
		}
	}
}

// byTool is a worker whose source answers no call for a difference; its command
// does, as the one of a vendor that has another way.
func (m *mirror) byTool(box *sandbox.Sandbox) *activities.Mirror {
	m.t.Helper()
	launcher, err := box.Launcher("a", "hdfs")
	m.must(err)
	dir := m.t.TempDir()
	// snapshotDiff -fs URI: the command's own NameNode, not the one before it.
	script := fmt.Sprintf("#!/bin/sh\nshift 3\nexec %q snapshotDiff -fs hdfs://%s \"$@\"\n", launcher, m.order.NameNodes["a"][0])
	m.must(os.WriteFile(filepath.Join(dir, "hdfs"), []byte(script), 0o755))
	site := func(nameNode string) string {
		return fmt.Sprintf("{hdfs: {namenode: %q, user: %s}, hadoop: {bin: %q}}", nameNode, m.order.Users["a"], dir)
	}
	return activities.NewMirror(sitesOf(m.t, fmt.Sprintf("sites:\n  a: %s\n  b: %s\nworker: {stateDir: %q}\n",
		site(deaf(m.t, m.order.NameNodes["a"][0])), site(m.order.NameNodes["b"][0]), filepath.Join(dir, "state"))))
}

// TestTheToolsTextPlansTheSameRound: where the NameNode refuses both calls for a
// difference, the plan is made of what `hdfs snapshotDiff` prints, and is the
// same, and so is what the proof before the commit line says; names that such a text cannot carry are refused.
func TestTheToolsTextPlansTheSameRound(t *testing.T) {
	t.Parallel()
	m, box := sandboxMirror(t)
	nn, ctx := m.source.NameNode, t.Context()
	at := func(rel string) string { return m.source.Root + "/" + rel }
	m.write(work.All(work.Generate(work.Spec{Seed: 3, Dirs: 2, Files: 6, Depth: 3})))
	for _, dir := range []string{"old/größe/a b", "old/日本", "kept", "gone/50%"} {
		m.must(nn.Mkdirs(ctx, at(dir), 0o755, true))
	}
	m.must(nn.AllowSnapshot(ctx, m.source.Root))
	take := func(name string) {
		t.Helper()
		_, err := nn.CreateSnapshot(ctx, m.source.Root, name)
		m.must(err)
	}
	take("s1")
	m.must(nn.Rename(ctx, at("old"), at("new"), false))
	m.must(nn.Rename(ctx, at("new/größe/a b"), at("kept/a b"), false))
	m.must(nn.Mkdirs(ctx, at("new/日本/neu/tief"), 0o755, true))
	m.must(nn.SetPermission(ctx, at("new/größe"), 0o700))
	_, err := nn.Delete(ctx, at("gone"), true)
	m.must(err)
	take("s2")

	tool := m.byTool(box)
	round := activities.MirrorRoundInput{MirrorAt: m.at, From: "s1", To: "s2"}
	want, err := m.acts.PlanMirrorRound(ctx, round)
	m.must(err)
	got, err := tool.PlanMirrorRound(ctx, round)
	m.must(err)
	if got != want || want.Renamed != 2 || want.Deleted != 1 || want.Created != 1 || want.Modified == 0 {
		t.Errorf("by the tool %+v, by the calls %+v", got, want)
	}
	// The gate's count and the proof of quiet ask the same NameNode.
	for from, want := range map[string]int64{"s1": 7, "s2": 0} {
		asked := activities.QuietInput{TreeAt: activities.TreeAt{Site: m.at.Source, Path: m.source.Root}, Snapshot: from}
		byCalls, err := m.acts.SourceOpenFiles(ctx, asked)
		m.must(err)
		seen, err := tool.SourceOpenFiles(ctx, asked)
		m.must(err)
		quiet, err := tool.ProveTreeQuiet(ctx, asked)
		m.must(err)
		if seen.Changes != byCalls.Changes || quiet.Changed != byCalls.Changes || seen.Changes != want || len(seen.Changed) != len(byCalls.Changed) {
			t.Errorf("since %s: by the tool %+v and %+v, by the calls %+v, want %d changes", from, seen, quiet, byCalls, want)
		}
	}
	for i, odd := range []struct{ name, words string }{
		{"line\nbreak", "line break"}, {"forged\nM\t.", "the snapshots do not"}, {"what?", "its locale has not"},
	} {
		from, to := fmt.Sprint("s", i+2), fmt.Sprint("s", i+3)
		m.must(nn.Mkdirs(ctx, at(odd.name), 0o755, true))
		take(to)
		round := activities.MirrorRoundInput{MirrorAt: m.at, From: from, To: to}
		if _, err := m.acts.PlanMirrorRound(ctx, round); err != nil {
			t.Errorf("%q by the calls: %v", odd.name, err)
		}
		if p, err := tool.PlanMirrorRound(ctx, round); err == nil || !strings.Contains(err.Error(), odd.words) || !strings.Contains(err.Error(), "sites.a.hadoop") {
			t.Errorf("%q by the tool: %+v %v, want an error that says %q and where to configure the command", odd.name, p, err, odd.words)
		}
	}
}
