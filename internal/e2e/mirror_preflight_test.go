//go:build cluster

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"drover/activities"
	"drover/internal/config"
	"drover/internal/hadoop/namenode"
	"drover/internal/preflight"
)

// TestMirrorPreflightNamesEachProblem plants what stands in a mirror's way, and
// wants it named with what to do, all that can be seen in one go.
func TestMirrorPreflightNamesEachProblem(t *testing.T) {
	m := mirrorRig(t).newMirror(11)
	ctx, source, target := t.Context(), m.source.NameNode, m.target.NameNode
	open, err := source.Create(ctx, m.path+"/open", namenode.CreateOptions{Mode: 0o644, Replication: 1, BlockSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := source.Complete(context.Background(), m.path+"/open", nil, open.FileID); err != nil {
			t.Error(err)
		}
	})
	allow := func(nn *namenode.Client, dir string) {
		t.Helper()
		if err := nn.Mkdirs(ctx, dir, 0o755, true); err != nil {
			t.Fatal(err)
		}
		if err := nn.AllowSnapshot(ctx, dir); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := nn.DisallowSnapshot(context.Background(), dir); err != nil {
				t.Error(err)
			}
		})
	}
	allow(source, m.path+"/inner")
	allow(target, m.path+"/inner")
	from, to := m.from, m.to
	unfit := m.at(from, to, m.path, m.path, "")
	unfit.Freeze, unfit.Hooks = "permissions", []string{"none"} // the sandbox checks no permissions
	for _, c := range []struct {
		name string
		in   activities.MirrorPreflightInput
		want []string
	}{
		{"a first copy", m.at(from, to, m.path, m.path, ""), []string{"open-files", "nested-snapshottable", "target-exists"}},
		{"a mirror to go on with", m.at(from, to, m.path, m.path+"-none", "s1"), []string{"nested-snapshottable", "target-missing"}},
		{"snapshots of other names", m.at(to, to, m.path+"/inner", m.path+"/inner", "s1"), []string{"from-missing"}},
		{"no parent", m.at(from, to, m.path, m.path+"-none/deeper", ""), []string{"target-parent-missing"}},
		{"no source, no target cluster", m.at(from, "gone", m.path+"-none", m.path, ""), []string{"source-missing", "tree-unreachable"}},
		{"what comes at the switch only", unfit, []string{"freeze-unchecked", "hook-unknown"}},
		{"a file", m.at(from, to, m.path+"/open", m.path, ""), []string{"source-no-directory"}},
	} {
		found := m.mirrorPreflight(c.in)
		for _, id := range c.want {
			if !slices.ContainsFunc(found, func(f preflight.Finding) bool { return f.ID == id && f.Seen != "" && f.Do != "" }) {
				t.Errorf("%s: no finding %s among %s", c.name, id, asJSON(found))
			}
		}
	}
}

func (m *mirror) at(from, to, source, target, snapshot string) activities.MirrorPreflightInput {
	return activities.MirrorPreflightInput{
		MirrorAt: activities.MirrorAt{Pair: activities.Pair{Source: from, Target: to}, SourcePath: source, TargetPath: target}, From: snapshot,
	}
}

// mirrorPreflight asks in a configuration that knows a site which is gone, too.
func (m *mirror) mirrorPreflight(in activities.MirrorPreflightInput) []preflight.Finding {
	t := m.t
	t.Helper()
	yaml := "sites:\n  gone: {hdfs: {namenode: \"127.0.0.1:1\", user: nobody}}\n"
	for _, site := range []string{m.from, m.to} {
		s := m.cfg.Sites[site].HDFS
		yaml += fmt.Sprintf("  %s: {hdfs: {namenode: %q, user: %s}}\n", site, s.NameNodes[0], s.User)
	}
	file := filepath.Join(t.TempDir(), "drover.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	sites := activities.NewSites(cfg)
	defer func() {
		if err := sites.Close(); err != nil {
			t.Error(err)
		}
	}()
	res, err := activities.NewMirror(sites).PreflightMirror(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return res.Findings
}
