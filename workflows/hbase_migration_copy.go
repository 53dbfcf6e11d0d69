package workflows

import (
	"context"
	"slices"

	"go.temporal.io/sdk/workflow"

	"drover/activities"
	"drover/internal/hbase"
	"drover/workflows/step"
)

// tablesAtOnce bounds how many tables one phase works on side by side.
const tablesAtOnce = 4

func (m *hbaseMigration) peerID() string { return "drover_" + m.key }

// snapshotName is legal in HBase: letters, digits, "_", "-" and ".".
func (m *hbaseMigration) snapshotName(table string) string {
	return activities.SnapshotName(m.key, table, "base")
}

func (m *hbaseMigration) at(site, table string) activities.TableAt {
	return activities.TableAt{Site: site, Table: table}
}

// recordWrites makes the source keep every write from now on: first the peer,
// disabled, known to every region server; then the scope, which only a
// reopened region writes into its WAL keys (HRegion.replicationScope, filled
// when it opens). A snapshot taken after both leaves no gap.
func (m *hbaseMigration) recordWrites(ctx workflow.Context) error {
	m.run.Phase(ctx, PhasePeer, "adding replication peer "+m.peerID()+", disabled")
	peer := activities.PeerInput{Pair: m.pair, PeerID: m.peerID(), Tables: m.in.Tables}
	if err := undo(control(ctx, m.in.Source), m, "remove replication peer "+m.peerID(), hb.RemoveReplicationPeer, peer); err != nil {
		return err
	}
	if _, err := step.Once(control(ctx, m.in.Source), m.run, "peer", hb.AddReplicationPeer, peer); err != nil {
		return err
	}
	m.run.Phase(ctx, PhaseScope, "setting the replication scope of every family")
	return m.eachTable(ctx, func(ctx workflow.Context, i int, table string) error {
		restore := activities.ScopesInput{TableAt: m.at(m.in.Source, table), Scopes: m.base.Tables[i].Scopes, Key: m.key + "/scope-undo/" + table}
		if err := undo(control(ctx, m.in.Source), m, "restore replication scopes of "+table, hb.RestoreReplicationScopes, restore); err != nil {
			return err
		}
		set := activities.ScopesInput{TableAt: m.at(m.in.Source, table), Key: m.key + "/scope/" + table}
		_, err := step.Once(control(ctx, m.in.Source), m.run, "scope/"+table, hb.SetReplicationScopes, set)
		return err
	})
}

// copyHistory brings what was written before to the target: snapshot, native
// export into the target's archive, clone.
func (m *hbaseMigration) copyHistory(ctx workflow.Context) error {
	m.run.Phase(ctx, PhaseSnapshot, "taking a snapshot of every table")
	if err := m.eachTable(ctx, m.snapshot); err != nil {
		return err
	}
	m.run.Phase(ctx, PhaseExport, "copying the snapshots' files")
	for _, table := range m.in.Tables {
		if err := m.export(ctx, table); err != nil {
			return err
		}
	}
	m.run.Phase(ctx, PhaseRestore, "cloning the snapshots into tables at the target")
	return m.eachTable(ctx, m.restore)
}

func (m *hbaseMigration) snapshot(ctx workflow.Context, _ int, table string) error {
	in := activities.SnapshotInput{TableAt: m.at(m.in.Source, table), Snapshot: m.snapshotName(table), Key: m.key + "/snapshot/" + table}
	if err := undo(control(ctx, m.in.Source), m, "delete snapshot "+in.Snapshot+" at "+m.in.Source, hb.DeleteSnapshot, in); err != nil {
		return err
	}
	_, err := step.Once(control(ctx, m.in.Source), m.run, "snapshot/"+table, hb.TakeSnapshot, in)
	return err
}

// export copies one snapshot by ranges of its file list, bounded so that the
// history stays small whatever the table holds.
func (m *hbaseMigration) export(ctx workflow.Context, table string) error {
	in := activities.ExportInput{
		Pair: m.pair, Table: table, Snapshot: m.snapshotName(table),
		Parallel: m.in.ExportParallel, BytesPerSecond: m.in.ExportBytesPerSecond,
		SourceFull: slices.Contains(m.in.Accept, "source-space"),
	}
	gone := activities.SnapshotInput{TableAt: m.at(m.in.Target, table), Snapshot: in.Snapshot}
	if err := undo(control(ctx, m.in.Target), m, "delete snapshot "+in.Snapshot+" at "+m.in.Target, hb.DeleteSnapshot, gone); err != nil {
		return err
	}
	plan, err := step.Once(bulk(ctx, m.in.Target), m.run, "export-plan/"+table, hb.PublishSnapshot, in)
	if err != nil {
		return err
	}
	size := batchSize(plan.Files, len(m.in.Tables))
	err = m.run.Batches(ctx, step.BatchOptions{Name: "export/" + table, Count: int64(plan.Files), Size: size, Parallel: 2, Unit: "files"},
		func(ctx workflow.Context, first, last int64) error {
			res, err := step.Do(bulk(ctx, m.in.Target), hb.CopySnapshotFiles, activities.CopyRangeInput{ExportInput: in, Digest: plan.Digest, First: int(first), Last: int(last)})
			if err != nil {
				return err
			}
			return m.tally(ctx, res)
		})
	if err != nil {
		return err
	}
	_, err = step.Once(bulk(ctx, m.in.Target), m.run, "export-verify/"+table, hb.VerifySnapshotCopy, in)
	return err
}

// batchSize cuts a list of files so that all tables of a run together make at
// most about 64 activities, and small tables one: enough for as many workers. Each
// reads the snapshot's list again, twice, and one that is lost goes on where it was.
func batchSize(files, tables int) int64 {
	const activitiesPerRun, least = 64, 100
	perTable := max(1, activitiesPerRun/max(1, tables))
	return int64(max(least, (files+perTable-1)/perTable))
}

func (m *hbaseMigration) restore(ctx workflow.Context, i int, table string) error {
	name, err := hbase.ParseTableName(table)
	if err != nil {
		return err
	}
	if m.base.Tables[i].NamespaceAbsent {
		ns := activities.NamespaceInput{Site: m.in.Target, Namespace: name.Namespace, Key: m.key + "/namespace/" + name.Namespace}
		if err := undo(control(ctx, m.in.Target), m, "delete namespace "+ns.Namespace+" at "+m.in.Target, hb.DeleteNamespace, ns); err != nil {
			return err
		}
		if _, err := step.Once(control(ctx, m.in.Target), m.run, "namespace/"+ns.Namespace, hb.CreateNamespace, ns); err != nil {
			return err
		}
	}
	in := activities.RestoreInput{
		TableAt: m.at(m.in.Target, table), Snapshot: m.snapshotName(table),
		Scopes: m.base.Tables[i].Scopes, Key: m.key + "/restore/" + table,
	}
	if err := undo(control(ctx, m.in.Target), m, "drop table "+table+" at "+m.in.Target, hb.DropRestoredTable, in); err != nil {
		return err
	}
	_, err = step.Once(control(ctx, m.in.Target), m.run, "restore/"+table, hb.RestoreSnapshot, in)
	return err
}

// replayWrites lets the peer ship what it kept. Only now: a peer whose target
// table is missing retries for ever and blocks every table it carries.
func (m *hbaseMigration) replayWrites(ctx workflow.Context) error {
	m.run.Phase(ctx, PhaseCatchUp, "replaying what was written since the snapshot")
	peer := activities.PeerInput{Pair: m.pair, PeerID: m.peerID(), Tables: m.in.Tables}
	if _, err := step.Once(control(ctx, m.in.Source), m.run, "enable-peer", hb.EnableReplicationPeer, peer); err != nil {
		return err
	}
	_, err := step.Once(bulk(ctx, m.in.Source), m.run, "catch-up", hb.AwaitCatchUp, peer)
	return err
}

// tally adds to the run's count of what was copied, and says once that the
// source is running full.
func (m *hbaseMigration) tally(ctx workflow.Context, res activities.CopyResult) error {
	sum, _ := step.Recall[activities.CopyResult](m.run, "exported")
	if res.SourceLow != "" && sum.SourceLow == "" {
		m.run.Note(ctx, "%s", res.SourceLow)
	}
	sum.Add(res)
	return step.Remember(m.run, "exported", sum)
}

// undo declares how to take a step back, before the step: it may have happened
// although it looks as if it failed. ctx says where the undo would run.
func undo[In, Out any](ctx workflow.Context, m *hbaseMigration, what string, act func(context.Context, In) (Out, error), in In) error {
	if err := m.run.Checkpoint(ctx); err != nil {
		return err
	}
	return step.Undo(ctx, m.run, what, act, in)
}

// eachTable runs fn for every table, a few at a time, and returns the first
// error in the order of the tables once all have ended.
func (m *hbaseMigration) eachTable(ctx workflow.Context, fn func(ctx workflow.Context, i int, table string) error) error {
	errs := make([]error, len(m.in.Tables))
	slots := workflow.NewSemaphore(ctx, tablesAtOnce)
	wg := workflow.NewWaitGroup(ctx)
	for i, table := range m.in.Tables {
		if err := slots.Acquire(ctx, 1); err != nil {
			errs[i] = err
			break
		}
		wg.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer wg.Done()
			defer slots.Release(1)
			errs[i] = fn(ctx, i, table)
		})
	}
	wg.Wait(ctx)
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
