package main

import (
	"time"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/primitives"
)

// serverConfig describes a cluster of one process: four services on loopback
// ports, one history shard, no archival, no metrics.
func serverConfig(o options) (*config.Config, error) {
	db, err := store(o)
	if err != nil {
		return nil, err
	}
	services, err := services(o)
	if err != nil {
		return nil, err
	}
	conf := &config.Config{
		Services: services,
		Persistence: config.Persistence{
			DefaultStore:     "sqlite",
			VisibilityStore:  "sqlite",
			NumHistoryShards: 1,
			DataStores:       map[string]config.DataStore{"sqlite": {SQL: db}},
		},
		ClusterMetadata: clusterOfOne(o),
		PublicClient:    config.PublicClient{HostPort: hostPort(o.IP, o.Port)},
	}
	conf.Global.Membership.MaxJoinDuration = 30 * time.Second
	conf.Global.Membership.BroadcastAddress = o.IP
	conf.DCRedirectionPolicy.Policy = "noop"
	conf.Archival.History.State = "disabled"
	conf.Archival.Visibility.State = "disabled"
	conf.NamespaceDefaults.Archival.History.State = "disabled"
	conf.NamespaceDefaults.Archival.Visibility.State = "disabled"
	return conf, nil
}

func clusterOfOne(o options) *cluster.Config {
	return &cluster.Config{
		FailoverVersionIncrement: 10,
		MasterClusterName:        clusterName,
		CurrentClusterName:       clusterName,
		ClusterInformation: map[string]cluster.ClusterInformation{
			clusterName: {
				Enabled:                true,
				InitialFailoverVersion: 1,
				RPCAddress:             hostPort(o.IP, o.Port),
				HTTPAddress:            hostPort(o.IP, o.HTTPPort),
				// Names a new database; an existing one keeps the id it has.
				ClusterID: primitives.NewUUID().String(),
			},
		},
	}
}

func services(o options) (map[string]config.Service, error) {
	var frontend config.Service
	frontend.RPC.BindOnIP = o.IP
	frontend.RPC.GRPCPort = o.Port
	frontend.RPC.HTTPPort = o.HTTPPort
	all := map[string]config.Service{string(primitives.FrontendService): frontend}
	for _, name := range []primitives.ServiceName{
		primitives.HistoryService, primitives.MatchingService, primitives.WorkerService,
	} {
		port, err := freePort(o.IP)
		if err != nil {
			return nil, err
		}
		var svc config.Service
		svc.RPC.BindOnIP = o.IP
		svc.RPC.GRPCPort = port
		all[string(name)] = svc
	}
	return all, nil
}
