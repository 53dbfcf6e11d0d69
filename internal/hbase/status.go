package hbase

import (
	"cmp"
	"context"
	"slices"

	"drover/internal/hbase/hbasepb"
)

// Status is what the master reports about its cluster. Region servers refresh
// their part every hbase.regionserver.msginterval, 3 s by default.
type Status struct {
	Version             string // HBase's, for example 2.5.13-hadoop3
	ClusterID           string
	Master              ServerName
	BackupMasters       []ServerName
	Live                []Server
	Dead                []ServerName
	RegionsInTransition int
	MasterCoprocessors  []string
	BalancerOn          bool
}

// Server is one live region server.
type Server struct {
	Name         ServerName
	Requests     uint64 // since its start
	UsedHeapMB   int
	MaxHeapMB    int
	Coprocessors []string
	Regions      []RegionLoad
	ReplSources  []ReplSource
}

// RegionLoad is one region's share of a server. Sizes are whole MB, as HBase
// reports them: a small table shows 0.
type RegionLoad struct {
	Name                string // full region name
	StoreFiles          int
	StoreFileMB         int
	MemStoreMB          int
	CompactingCells     uint64
	LastMajorCompaction uint64 // ms since 1970; 0 = never, or files of unknown origin
}

// ReplSource is one replication source of one region server, for display.
// None of it proves that a queue has drained: SizeOfLogQueue counts the open
// WAL, and Lag is 0 before anything was shipped and while a reader is behind.
type ReplSource struct {
	Peer              string
	AgeOfLastShipped  uint64 // ms
	SizeOfLogQueue    uint32 // WAL files, the open one included
	LastShipped       uint64 // ms since 1970
	Lag               uint64 // ms
	NextToReplicate   uint64 // ms since 1970; 0 = nothing about to ship
	QueueID           string
	Recovered         bool
	Running           bool
	EditsSinceRestart bool
	EditsRead         uint64
	OperationsShipped uint64
}

// Status asks the master for the cluster's state.
func (c *Cluster) Status(ctx context.Context) (Status, error) {
	req := &hbasepb.GetClusterStatusRequest{Options: []hbasepb.Option{
		hbasepb.Option_HBASE_VERSION, hbasepb.Option_CLUSTER_ID, hbasepb.Option_LIVE_SERVERS, hbasepb.Option_DEAD_SERVERS,
		hbasepb.Option_MASTER, hbasepb.Option_BACKUP_MASTERS, hbasepb.Option_MASTER_COPROCESSORS,
		hbasepb.Option_REGIONS_IN_TRANSITION, hbasepb.Option_BALANCER_ON,
	}}
	var resp hbasepb.GetClusterStatusResponse
	if err := c.call(ctx, reading, "GetClusterStatus", req, &resp); err != nil {
		return Status{}, failed("read status of", c.cfg.ClusterKey(), err)
	}
	p := resp.GetClusterStatus()
	s := Status{
		Version: p.GetHbaseVersion().GetVersion(), ClusterID: p.GetClusterId().GetClusterId(),
		Master: serverNameOf(p.GetMaster()), RegionsInTransition: len(p.GetRegionsInTransition()),
		MasterCoprocessors: coprocessorNames(p.GetMasterCoprocessors()), BalancerOn: p.GetBalancerOn(),
	}
	for _, b := range p.GetBackupMasters() {
		s.BackupMasters = append(s.BackupMasters, serverNameOf(b))
	}
	for _, d := range p.GetDeadServers() {
		s.Dead = append(s.Dead, serverNameOf(d))
	}
	for _, l := range p.GetLiveServers() {
		s.Live = append(s.Live, serverOf(l))
	}
	slices.SortFunc(s.Live, func(a, b Server) int { return cmp.Compare(a.Name.String(), b.Name.String()) })
	return s, nil
}

func coprocessorNames(ps []*hbasepb.Coprocessor) []string {
	var out []string
	for _, p := range ps {
		out = append(out, p.GetName())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func serverOf(p *hbasepb.LiveServerInfo) Server {
	l := p.GetServerLoad()
	s := Server{
		Name: serverNameOf(p.GetServer()), Requests: l.GetTotalNumberOfRequests(),
		UsedHeapMB: int(l.GetUsedHeap_MB()), MaxHeapMB: int(l.GetMaxHeap_MB()),
		Coprocessors: coprocessorNames(l.GetCoprocessors()),
	}
	for _, r := range l.GetRegionLoads() {
		s.Regions = append(s.Regions, RegionLoad{
			Name: string(r.GetRegionSpecifier().GetValue()), StoreFiles: int(r.GetStorefiles()),
			StoreFileMB: int(r.GetStorefileSize_MB()), MemStoreMB: int(r.GetMemStoreSize_MB()),
			CompactingCells:     r.GetTotalCompacting_KVs() - min(r.GetTotalCompacting_KVs(), r.GetCurrentCompacted_KVs()),
			LastMajorCompaction: r.GetLastMajorCompactionTs(),
		})
	}
	for _, r := range l.GetReplLoadSource() {
		s.ReplSources = append(s.ReplSources, ReplSource{
			Peer: r.GetPeerID(), AgeOfLastShipped: r.GetAgeOfLastShippedOp(), SizeOfLogQueue: r.GetSizeOfLogQueue(),
			LastShipped: r.GetTimeStampOfLastShippedOp(), Lag: r.GetReplicationLag(),
			NextToReplicate: r.GetTimeStampOfNextToReplicate(), QueueID: r.GetQueueId(), Recovered: r.GetRecovered(),
			Running: r.GetRunning(), EditsSinceRestart: r.GetEditsSinceRestart(), EditsRead: r.GetEditsRead(),
			OperationsShipped: r.GetOPsShipped(),
		})
	}
	return s
}
