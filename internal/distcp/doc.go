// Package distcp drives Hadoop's own distcp where it has to be used, because
// YARN must do the copying: it writes the commands of the snapshot procedure,
// refuses what distcp would misread, runs them as jobs that outlive the process
// that asked for them (package command), and turns what distcp says into
// progress, counters and a cause with advice.
//
// What distcp does not do stays the caller's work: taking the snapshots, proving
// the target untouched before and equal after, and restoring it when a round
// failed half way. DistCpSync renames and deletes at the target before the copy
// starts and takes nothing back; a round that fails after that cannot simply be
// repeated, because the next one finds the target modified. Failure.TargetTouched
// says when that is so.
//
// The remote diff: -diff asks the NameNode of the source path, whoever it may
// be, so with full URIs distcp runs beside either cluster or beside neither.
// hdfs snapshotDiff instead asks the NameNode of fs.defaultFS, and beside the
// target that one knows no such snapshot; -fs names the source's.
//
// Texts, exit codes and counters were taken from distcp 3.4.2, most of them by
// provoking them; see the table in rules.go.
package distcp
