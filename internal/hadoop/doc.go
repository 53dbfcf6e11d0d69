// Package hadoop reads Hadoop's and HBase's site files the way their Java
// classes do, and answers what drover needs from them: where HBase keeps its
// ZooKeeper quorum and root directory, and which NameNodes serve a file system.
//
// Semantics follow org.apache.hadoop.conf.Configuration: later files win unless
// an earlier one marked the property final, values are expanded at reading time
// through ${name} and ${env.NAME:-default}, names are trimmed.
package hadoop
