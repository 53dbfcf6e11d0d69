// Package tree makes HDFS trees to mirror and keeps changing them. All of it is
// drawn from a seed: Generate gives the nodes of a tree with every name, size
// and attribute HDFS allows, Mutator the changes to it, and a Model follows both
// in memory, so that a test knows what must be there without asking the HDFS it
// tests. Write and Apply carry them out. Writer is an application that never
// stops writing, with a ledger of what was acknowledged.
package tree
