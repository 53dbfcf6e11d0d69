//go:build cluster

package activities_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"drover/activities"
	"drover/internal/hadoop/namenode"
	"drover/internal/preflight"
	"drover/internal/reach"
	"drover/internal/sandbox/sandboxtest"
)

// unreached has the DataNode of either side take no connections: the NameNodes,
// which answer, still count it as alive.
func unreached(t *testing.T, a, b *sandboxtest.HDFS) {
	m := newMirror(t, map[string][]string{"a": a.Addresses(), "b": b.Addresses()}, b.Superuser())
	m.must(m.source.NameNode.Mkdirs(t.Context(), m.source.Root, 0o755, true))
	look := func() []preflight.Finding {
		t.Helper()
		at := m.order.At
		at.TargetPath += "-new"
		res, err := m.acts.PreflightMirror(t.Context(), activities.MirrorPreflightInput{MirrorAt: at})
		m.must(err)
		return slices.DeleteFunc(res.Findings, func(f preflight.Finding) bool { return f.ID != "datanode-closed" })
	}
	if found := look(); len(found) != 0 {
		t.Errorf("findings %+v while both listen", found)
	}
	for site, h := range map[string]*sandboxtest.HDFS{"a": a, "b": b} {
		h.Kill(sandboxtest.DataNode)
		found := look()
		h.Start(sandboxtest.DataNode)
		h.Await("its DataNode listens", func(ctx context.Context, nn *namenode.Client) (bool, error) {
			nodes, err := nn.DialDataNodes(ctx, false)
			return len(reach.Closed(nodes.DataNodes)) == 0, err
		})
		if len(found) != 1 || found[0].Subject != site || found[0].Severity != preflight.Block || !strings.Contains(found[0].Seen, "1 of 1 DataNodes") {
			t.Errorf("findings %+v, want the DataNode of %s", found, site)
		}
	}
}
