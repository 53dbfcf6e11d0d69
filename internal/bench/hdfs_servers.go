package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"drover/internal/hadoop"
	"drover/internal/pause"
	"drover/internal/sandbox"
)

// daemon is a NameNode or DataNode, by its page of metrics (/jmx).
type daemon struct {
	address  string
	nameNode bool
}

func isHDFS(daemon string) bool {
	return strings.HasSuffix(daemon, "/"+sandbox.RoleNameNode) || strings.HasSuffix(daemon, "/"+sandbox.RoleDataNode)
}

// daemonsOf finds the pages of a site's daemons.
func daemonsOf(site sandbox.Site) ([]daemon, error) {
	conf, err := hadoop.Load(filepath.Join(site.ConfDir, "hdfs-site.xml"))
	if err != nil {
		return nil, err
	}
	name, data := conf.GetOr("dfs.namenode.http-address", ""), conf.GetOr("dfs.datanode.http.address", "")
	if name == "" || data == "" {
		return nil, fmt.Errorf("site %s: its hdfs-site.xml names no web addresses", site.Name)
	}
	return []daemon{{address: name, nameNode: true}, {address: data}}, nil
}

// bean asks a daemon for one JMX bean.
func (d daemon) bean(ctx context.Context, query string) (map[string]any, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.address+"/jmx?qry="+url.QueryEscape(query), nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s for its metrics: %w", d.address, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s for its metrics: %w", d.address, err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	var page struct {
		Beans []map[string]any `json:"beans"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		return nil, fmt.Errorf("read metrics of %s: %w", d.address, err)
	}
	if len(page.Beans) != 1 {
		return nil, fmt.Errorf("metrics of %s: %d beans match %s, want one", d.address, len(page.Beans), query)
	}
	return page.Beans[0], nil
}

// number reads a bean's attribute; absent ones are 0.
func number(bean map[string]any, name string) float64 {
	v, _ := bean[name].(float64) //nolint:errcheck // absent until it first counts
	return v
}

// spent is the processor time of the daemons since they started.
func (w *HDFSWorld) spent(ctx context.Context) (time.Duration, error) {
	var cpu time.Duration
	for _, d := range w.daemons {
		system, err := d.bean(ctx, "java.lang:type=OperatingSystem")
		if err != nil {
			return 0, err
		}
		cpu += time.Duration(number(system, "ProcessCpuTime"))
	}
	return cpu, nil
}

// answered is how many calls of clients the NameNodes have answered since they
// started.
func (w *HDFSWorld) answered(ctx context.Context) (int64, error) {
	// Hadoop shows counters that are up to its metrics' period old.
	if err := pause.For(ctx, metricsAge); err != nil {
		return 0, err
	}
	var calls int64
	for _, d := range w.daemons {
		if !d.nameNode {
			continue
		}
		rpc, err := d.bean(ctx, "Hadoop:service=NameNode,name=RpcDetailedActivityForPort*")
		if err != nil {
			return 0, err
		}
		calls += clientCalls(rpc)
	}
	return calls, nil
}

// metricsAge is a little more than the period of Hadoop's metrics (*.period in
// hadoop-metrics2.properties).
const metricsAge = 11 * time.Second

// clientCalls sums the calls a NameNode answered, without those of DataNodes
// (DatanodeProtocol).
func clientCalls(bean map[string]any) int64 {
	notClients := []string{
		"SendHeartbeat", "BlockReport", "BlockReceivedAndDeleted", "VersionRequest", "RegisterDatanode",
		"ErrorReport", "CacheReport", "CommitBlockSynchronization", "ReportBadBlocks",
	}
	var calls int64
	for _, name := range slices.Sorted(maps.Keys(bean)) {
		method, counts := strings.CutSuffix(name, "NumOps")
		if counts && !strings.HasPrefix(method, "Deferred") && !slices.Contains(notClients, method) {
			calls += int64(number(bean, name))
		}
	}
	return calls
}

// measured adds to a run's cost what the daemons spent meanwhile.
func (w *HDFSWorld) measured(ctx context.Context, run func() (Cost, error)) (Cost, error) {
	before, err := w.spent(ctx)
	if err != nil {
		return Cost{}, err
	}
	cost, err := run()
	if err != nil {
		return Cost{}, err
	}
	after, err := w.spent(ctx)
	cost.Servers = after - before
	return cost, err
}

// counted adds to a run's cost the calls NameNodes answered meanwhile. It takes
// twice metricsAge longer than the run.
func (w *HDFSWorld) counted(ctx context.Context, run func() (Cost, error)) (Cost, error) {
	before, err := w.answered(ctx)
	if err != nil {
		return Cost{}, err
	}
	cost, err := run()
	if err != nil {
		return Cost{}, err
	}
	after, err := w.answered(ctx)
	cost.Calls = after - before
	return cost, err
}

const (
	// deletionWait bounds the wait for blocks to be deleted.
	deletionWait = 5 * time.Minute
	// quietLooks is how often in a row nothing must be left to delete: between
	// the NameNode's queue and the DataNode's, work is in neither.
	quietLooks = 5
)

// awaitDeleted returns when no NameNode has blocks to delete any more, and no
// DataNode their files: what is measured next must not wait for their disks.
func awaitDeleted(ctx context.Context, daemons []daemon) error {
	ctx, cancel := context.WithTimeout(ctx, deletionWait)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for quiet := 0; ; {
		left, err := undeleted(ctx, daemons)
		if err != nil {
			return err
		}
		if quiet++; left > 0 {
			quiet = 0
		}
		if quiet == quietLooks {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("wait for %v blocks to be deleted", left), ctx.Err())
		case <-tick.C:
		}
	}
}

// undeleted counts what NameNodes have still to order, and DataNodes to do.
func undeleted(ctx context.Context, daemons []daemon) (left float64, err error) {
	for _, d := range daemons {
		bean, count := "Hadoop:service=DataNode,name=FSDatasetState", "PendingAsyncDeletions"
		if d.nameNode {
			bean, count = "Hadoop:service=NameNode,name=FSNamesystem", "PendingDeletionBlocks"
		}
		found, err := d.bean(ctx, bean)
		if err != nil {
			return 0, err
		}
		left += number(found, count)
	}
	return left, nil
}
