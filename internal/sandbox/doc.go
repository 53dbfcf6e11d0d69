// Package sandbox runs two real HBase clusters, "a" and "b", each on an HDFS
// cluster of its own, on this machine: what tests, the demo and the benchmarks
// migrate between. Nothing in it imitates HBase or HDFS.
//
// Nine JVMs run: one ZooKeeper, and per cluster a NameNode, a DataNode, an
// HMaster and an HRegionServer; with Options.OnlyHDFS the four of HDFS alone.
// They are separate so that a test can kill one.
// They outlive the process that started them; Down ends them. Everything they
// write stays under one directory:
//
//	state.json   ports, settings and process ids
//	drover.yaml  a Drover configuration with the two sites
//	conf/        XML configuration: a, b (daemons and clients), a-tools, b-tools, a-cli, b-cli
//	bin/         a/hadoop, a/hdfs, a/mapred and the same for b: Launcher
//	data/        what the daemons store
//	logs/        one file per daemon, appended to over restarts
//
// The jars come from Maven, once per user, into the user's cache directory.
//
// Each cluster has one DataNode. When it is killed the HMaster of the cluster
// aborts about three seconds later, because it can no longer write its own
// store, and has to be started again as well.
package sandbox
