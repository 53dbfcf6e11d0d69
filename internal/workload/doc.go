// Package workload makes the data and the load that the demo, the end-to-end
// tests and the benchmarks share: a table with many versions, deletes and a
// split after the load; a writer that keeps a ledger of every write that was
// acknowledged; and the check that reads each of them back.
package workload
