package main

import "go.temporal.io/server/common/dynamicconfig"

// dynamicDefaults are the settings a single-shard SQLite server needs to be
// quick. The poll limits matter most: the server allows each queue processor
// of a shard 20 polls a second, and with the one shard there is every activity
// then waits 45 to 100 ms for its dispatch instead of 5.
func dynamicDefaults() dynamicconfig.StaticClient {
	return dynamicconfig.StaticClient{
		dynamicconfig.MakeKey("history.transferProcessorMaxPollRPS"):   10_000,
		dynamicconfig.MakeKey("history.timerProcessorMaxPollRPS"):      10_000,
		dynamicconfig.MakeKey("history.visibilityProcessorMaxPollRPS"): 1_000,
		dynamicconfig.MakeKey("history.outboundProcessorMaxPollRPS"):   1_000,
		// A cache for a cluster's load would be most of this process's memory.
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key(): 8_096,
		// Ten list calls a second are used up by two open browser tabs.
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): 100,
	}
}
