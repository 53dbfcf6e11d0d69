package scan

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase"
)

// Caller is what a scanner needs of a connection to a region server.
type Caller interface {
	Call(ctx context.Context, method string, req, resp proto.Message) ([]byte, error)
}

// Source tells where the regions of a table are and connects to their servers.
// Regions leaves out the parents of splits.
type Source interface {
	Regions(ctx context.Context) ([]hbase.Region, error)
	Client(ctx context.Context, server string) (Caller, error)
}

// Cluster gives the scannable form of a table of c.
func Cluster(c *hbase.Cluster, name hbase.TableName) *Table {
	return NewTable(name.String(), clusterSource{c, name})
}

type clusterSource struct {
	cluster *hbase.Cluster
	table   hbase.TableName
}

func (s clusterSource) Regions(ctx context.Context) ([]hbase.Region, error) {
	return s.cluster.ServingRegions(ctx, s.table)
}

func (s clusterSource) Client(ctx context.Context, server string) (Caller, error) {
	return s.cluster.RegionServer(ctx, server, hbase.ClientService)
}

// Table is a table to be scanned by any number of scanners, which share what is
// known of its regions. It is safe for concurrent use.
type Table struct {
	name   string
	source Source

	mu      sync.Mutex
	regions []hbase.Region
	version int // of regions; a scanner can only forget what it has seen
}

// NewTable gives the table that source describes; name is for messages.
func NewTable(name string, source Source) *Table {
	return &Table{name: name, source: source}
}

// Name gives the table's name.
func (t *Table) Name() string { return t.name }

// Regions lists the table's regions by start key, read anew.
func (t *Table) Regions(ctx context.Context) ([]hbase.Region, error) {
	t.mu.Lock()
	t.regions = nil
	t.mu.Unlock()
	if _, _, err := t.known(ctx); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.regions), nil
}

// known gives the regions last read, reading them when there are none. Scanners
// that lost their region at the same time share one reading.
func (t *Table) known(ctx context.Context) ([]hbase.Region, int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.regions != nil {
		return t.regions, t.version, nil
	}
	regions, err := t.source.Regions(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("locate regions of %s: %w", t.name, err)
	}
	slices.SortFunc(regions, func(a, b hbase.Region) int { return bytes.Compare(a.Start, b.Start) })
	t.regions = regions
	t.version++
	return t.regions, t.version, nil
}

// forget drops the regions of a version, unless they were read anew meanwhile.
func (t *Table) forget(version int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.version == version {
		t.regions = nil
	}
}

// locate gives the one region that holds key. While regions split, merge or
// move there may be none, or none with a server: that is an error like any
// other, and the caller asks again later.
func (t *Table) locate(ctx context.Context, key []byte) (hbase.Region, int, error) {
	regions, version, err := t.known(ctx)
	if err != nil {
		return hbase.Region{}, version, err
	}
	// A parent and its daughters can stand in hbase:meta together for a moment.
	// Which of them serves is decided by the region server; a scan is right in
	// whichever answers, as a region's name fixes its borders.
	found := -1
	for i, r := range regions {
		if !r.Contains(key) {
			continue
		}
		if found >= 0 {
			return hbase.Region{}, version, fmt.Errorf("locate row %q of %s: regions %q and %q both hold it", key, t.name, regions[found].Name, r.Name)
		}
		found = i
	}
	if found < 0 {
		return hbase.Region{}, version, fmt.Errorf("locate row %q of %s: no region holds it", key, t.name)
	}
	if regions[found].Server == "" {
		return hbase.Region{}, version, fmt.Errorf("locate row %q of %s: region %q is in transition", key, t.name, regions[found].Name)
	}
	return regions[found], version, nil
}
