// Package rows writes and reads rows of HBase tables: for workloads, for
// sentinel rows and for looking single rows up. It is the only package that
// uses gohbase; scans of whole tables are package scan's, on a connection that
// notices lost batches.
package rows
