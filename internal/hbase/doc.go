// Package hbase talks to an HBase 2.5 or 2.6 cluster over its own wire
// protocol and its ZooKeeper: tables and schemas, regions, snapshots and
// restores, replication peers and queues, and the proof that a peer's queues
// have drained.
//
// A Cluster may be used by any number of goroutines. Every call takes a
// context and returns soon after it ends. Calls that meet a master which is
// starting, failing over or away are repeated until the context ends, but only
// where a repetition cannot do harm: the call was refused before it began, it
// only reads, or it carries a nonce by which the master recognises it.
package hbase
