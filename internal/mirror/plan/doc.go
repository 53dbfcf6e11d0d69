// Package plan turns what changed between two snapshots of an HDFS tree into an
// ordered list of operations that make a copy of the older state into the newer
// one, and the list of what is then left to copy. It is pure: no I/O, no clock,
// and the same difference always gives the same plan.
//
// # What a difference says
//
// The NameNode walks the tree of the earlier snapshot. For every directory that
// is still somewhere in the tree it reports the names that appeared and went;
// for every file whether its length, mode, owner, ACL, extended attributes,
// replication or storage policy changed. Therefore
//
//   - an M, and the directory part of a + and of a -, are paths in the earlier
//     tree, whatever a directory is called now;
//   - an R goes from a path in the earlier tree to a path in the later one; the
//     renames of its parents are in both and are not to be applied again;
//   - a new directory is one +, its content is not listed; but what came into it
//     by rename from inside the tree is an R of its own, and must not be copied;
//   - a deleted directory is one -, and what left it by rename before it was
//     deleted is a + (a copy) where its parent is an old directory, and nothing
//     at all inside a new one;
//   - an M of a directory may stand for a change that was undone;
//   - a change of times alone is not reported, nor is a file that was truncated
//     and then grew to its old length. Only a comparison of the trees finds them.
//
// When the earlier snapshot is the one asked to be reached (Backward), the
// report's kinds are turned round but its paths still name the earlier tree.
//
// # What a plan does
//
// Everything that moves or goes is first parked in a staging directory, the
// deepest first, so that every path is still the one of the older tree; then a
// mark is set; then directories are made and what was parked is placed, parents
// first. Swaps, chains and cycles of renames need no thought this way. What was
// deleted stays parked until the round is known to be good: until then undoing
// is a matter of renames. The mark is what makes every operation repeatable:
// before it nothing has been placed, so a path that exists is the old one;
// after it nothing is parked any more.
package plan
