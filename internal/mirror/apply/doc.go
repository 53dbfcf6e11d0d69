// Package apply carries a plan out on a target tree on HDFS, and takes it back.
//
// A round on the target goes PrepareStaging, Ops, the plan's copies, Finish, and
// then the snapshot that commits it. PrepareStaging takes the snapshot to come
// back to. Until Finish nothing is gone: what the plan deletes is parked in the
// staging directory, and Restore moves it back. After Finish, Restore copies it
// back from the snapshot.
//
// # Where staging is
//
// The staging directory lies in the root of the tree, under a name that package
// plan reserves, with mode 0700. Beside the root it would often be forbidden (a
// parent that is not ours, a quota, an encryption zone's border), and what is
// moved out of a snapshottable directory is reported as deleted, so that an undo
// would copy it back. Inside the root it is seen by who lists the target during
// a round, and it must be gone before the snapshot that commits: that is
// Finish. The difference to the earlier snapshot shows a staging directory that
// was left behind as drift, and Restore removes it.
//
// # What a crash leaves
//
// Every operation may be done again, also when it succeeded and was not
// recorded, also from the first one on, as long as the staging directory is
// there: see package plan. Restore keeps no record at all; it looks at what
// differs, and may be started again at any time.
package apply
