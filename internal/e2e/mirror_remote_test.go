//go:build cluster

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drover/workflows"
	"drover/workflows/step"
)

// TestAWorkerBesideTheTargetMirrorsASourceItKnowsByURI: what the article's
// second comment could not do. The Hadoop files of this worker know the target
// alone, as on a DR cluster; the source is a full URI to it, and a name to
// everybody else: no other worker of the run could reach it.
func TestAWorkerBesideTheTargetMirrorsASourceItKnowsByURI(t *testing.T) {
	m := mirrorRig(t).newMirror(16)
	source, target := m.cfg.Sites[m.from].HDFS, m.cfg.Sites[m.to].HDFS
	text := fmt.Sprintf(`sites:
  prod: {hdfs: {namenode: %q, user: %s}}
  dr: {hdfs: {coreSite: %q, hdfsSite: %q, user: %s}}
worker: {stateDir: %q, queues: [site-prod, site-dr, copy-dr]}
`, source.URI, source.User, target.CoreSite, target.HDFSSite, target.User, t.TempDir())
	for _, file := range []string{target.CoreSite, target.HDFSSite} {
		said, err := os.ReadFile(file)
		if err != nil || strings.Contains(string(said), strings.TrimPrefix(source.URI, "hdfs://")) {
			t.Fatalf("%s names the source, %v: this test would prove nothing", file, err)
		}
	}
	file := filepath.Join(t.TempDir(), "drover.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	beside := m.workerOf(t, file)
	t.Cleanup(func() {
		if err := beside.kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the worker beside the target said:\n%s", beside.out.since(0))
		}
	})

	run := m.begin(map[string]any{"source": "prod", "target": "dr", "freeze": workflows.FreezeQuota, "thaw": true})
	m.awaitGate(m.id, workflows.GateCutover)
	m.equal()
	m.change(1, 60)
	m.again()
	m.awaitGate(m.id, workflows.GateCutover)
	m.equal(unreported...)
	m.change(2, 20)
	m.approve(m.id, workflows.GateCutover)
	m.approve(m.id, workflows.GateCleanup)
	res := m.ended(run)
	if res.Outcome != step.Completed || res.Verdict != "match" || res.Rounds < 3 || res.Copied.Copied == 0 {
		t.Errorf("result %s, want completed and match after at least three rounds", asJSON(res))
	}
	m.equal()
	m.noSnapshots(m.source)
	m.noSnapshots(m.target)
}
