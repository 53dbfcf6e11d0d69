// Package ledger mirrors an HDFS tree, by snapshots, to a place that has none: a
// bucket, or a directory of this machine. What the target's own snapshot is
// between two HDFS, the ledger is here: a record of every file as it was
// brought, committed as one generation for each snapshot of the source. A round
// is what changed at the source since the snapshot of the last generation;
// drift is what a listing of the target shows and the ledger does not.
//
// # A round
//
// The plan of package plan speaks of renames, which an object store has not. A
// renamed file is copied at the target, where the store can, and its old name
// goes last; a renamed directory is that for each file in it. The steps:
//
//  1. Copies of old files whose name will be given to something else are put
//     into a staging directory, and so is whatever cannot be put at its place
//     yet, because a file is there where a directory has to be, or the reverse.
//  2. All else is put at its place.
//  3. Everything is there and was read back. Only now names go: old ones are
//     removed, what was staged is put at its place, attributes are set.
//  4. The new generation is written. That is the commit point.
//
// A round that was cut off is simply run again: what 1 and 2 have done is
// recorded in parts, chunk by chunk, and no step destroys what another that may
// be repeated needs. After a step that failed for good the source's snapshot of the last generation
// is still there, and Restore brings the target back to it.
//
// # What is proved
//
// The checksum of the bytes that were sent is compared with the one that HDFS
// keeps, and the file is read back from the target and summed again, before it
// counts as brought.
package ledger
