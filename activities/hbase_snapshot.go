package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"drover/internal/fault"
	"drover/internal/hbase"
	"drover/internal/hbase/export"
	"drover/internal/hbase/snapshot"
)

// TakeSnapshot flushes and snapshots a table, without an end of life. One of
// that name and table that completed is adopted.
func (a *HBase) TakeSnapshot(ctx context.Context, in SnapshotInput) (string, error) {
	defer beat(ctx).end()
	s, t, err := a.table(in.TableAt)
	if err != nil {
		return "", err
	}
	return "", s.cluster.Snapshot(ctx, hbase.SnapshotSpec{Name: in.Snapshot, Table: t, Nonce: hbase.NonceFor(in.Key)})
}

// DeleteSnapshot deletes a snapshot of the table; one that is absent is no
// error. One of another table under that name is not this run's: it stays, and
// the text says so.
func (a *HBase) DeleteSnapshot(ctx context.Context, in SnapshotInput) (string, error) {
	defer beat(ctx).end()
	s, t, err := a.table(in.TableAt)
	if err != nil {
		return "", err
	}
	if err := s.cluster.AwaitSnapshotSettled(ctx, in.Snapshot, t); err != nil {
		return "", err
	}
	found, err := s.cluster.FindSnapshot(ctx, in.Snapshot)
	if errors.Is(err, hbase.ErrSnapshotNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if found.Table != t {
		return "kept snapshot " + in.Snapshot + " at " + s.name + ": it is of table " + found.Table.String() + ", not of " + t.String() + ", and so not this run's", nil
	}
	if err := s.cluster.DeleteSnapshot(ctx, in.Snapshot); err != nil {
		return "", err
	}
	return "deleted snapshot " + in.Snapshot + " at " + s.name, nil
}

func (a *HBase) exportJob(in ExportInput) (export.Job, error) {
	source, target, err := a.sites.pair(in.Pair)
	if err != nil {
		return export.Job{}, err
	}
	return export.Job{
		Source: source.store, Target: target.store, SourceRoot: source.root, TargetRoot: target.root,
		Snapshot: in.Snapshot, Parallel: in.Parallel, BytesPerSecond: in.BytesPerSecond,
	}, nil
}

// PublishSnapshot writes the snapshot's metadata into its final place at the
// target, from where it protects every file from the target's cleaner, and
// counts the files.
func (a *HBase) PublishSnapshot(ctx context.Context, in ExportInput) (ExportPlan, error) {
	defer beat(ctx).end()
	job, err := a.exportJob(in)
	if err != nil {
		return ExportPlan{}, err
	}
	if job.Plan, err = export.Plan(ctx, job); err != nil {
		return ExportPlan{}, err
	}
	if err := export.PublishMetadata(ctx, job); err != nil {
		return ExportPlan{}, err
	}
	return exportPlan(job), nil
}

func exportPlan(job export.Job) ExportPlan {
	return ExportPlan{Files: job.Plan.Count, Bytes: job.Plan.Bytes, Digest: job.Plan.Digest}
}

// CopySnapshotFiles copies a range of the snapshot's files. Files that an
// earlier attempt completed are adopted by length and checksum.
func (a *HBase) CopySnapshotFiles(ctx context.Context, in CopyRangeInput) (CopyResult, error) {
	p := beat(ctx)
	defer p.end()
	job, err := a.exportJob(in.ExportInput)
	if err != nil {
		return CopyResult{}, err
	}
	logs, err := a.logWatch(in.ExportInput)
	if err != nil {
		return CopyResult{}, err
	}
	ctx = watchLogs(ctx, lookAtLogsEvery, logs)
	job.Progress = func(pr export.Progress) {
		p.show(Progress{Name: "copy " + in.Snapshot, Done: pr.Bytes, Total: pr.BytesTotal, Unit: "bytes"})
	}
	res, err := copyRange(ctx, job, in)
	if full := logs.end(ctx); full != nil {
		return CopyResult{}, full
	}
	res.SourceLogs, res.SourceLow = logs.most, logs.low
	return res, err
}

func copyRange(ctx context.Context, job export.Job, in CopyRangeInput) (_ CopyResult, err error) {
	if job.Plan, err = export.PlanRange(ctx, job, in.First, in.Last); err != nil {
		return CopyResult{}, err
	}
	if err := job.Plan.Matches(in.Digest); err != nil {
		return CopyResult{}, fmt.Errorf("snapshot %s: %w", in.Snapshot, err)
	}
	res, err := export.CopyRange(ctx, job, in.First, in.Last)
	if err != nil {
		return CopyResult{}, err
	}
	return CopyResult{Files: in.Last - in.First, Bytes: res.CopiedBytes, Copied: int(res.Copied), Adopted: int(res.Adopted)}, nil
}

// VerifySnapshotCopy looks at every file of the snapshot at the target and
// copies again what is not complete, until nothing is missing.
func (a *HBase) VerifySnapshotCopy(ctx context.Context, in ExportInput) (ExportPlan, error) {
	p := beat(ctx)
	defer p.end()
	job, err := a.exportJob(in)
	if err != nil {
		return ExportPlan{}, err
	}
	job.Progress = func(pr export.Progress) {
		p.show(Progress{Name: "copy " + in.Snapshot, Done: pr.Bytes, Total: pr.BytesTotal, Unit: "bytes"})
	}
	if job.Plan, err = export.Plan(ctx, job); err != nil {
		return ExportPlan{}, err
	}
	if _, err := export.Complete(ctx, job); err != nil {
		return ExportPlan{}, err
	}
	return exportPlan(job), nil
}

// CreateNamespace creates a namespace that preflight found absent.
func (a *HBase) CreateNamespace(ctx context.Context, in NamespaceInput) (string, error) {
	defer beat(ctx).end()
	s, err := a.sites.get(in.Site)
	if err != nil {
		return "", err
	}
	_, err = s.cluster.CreateNamespace(ctx, in.Namespace, hbase.NonceFor(in.Key))
	return "", err
}

// DeleteNamespace deletes a namespace this run created. One that somebody has
// put other tables into meanwhile stays, and the text says so.
func (a *HBase) DeleteNamespace(ctx context.Context, in NamespaceInput) (string, error) {
	defer beat(ctx).end()
	s, err := a.sites.get(in.Site)
	if err != nil {
		return "", err
	}
	if err := s.cluster.AwaitNamespaceSettled(ctx, in.Namespace); err != nil {
		return "", err
	}
	exists, err := s.cluster.NamespaceExists(ctx, in.Namespace)
	if err != nil || !exists {
		return "", err
	}
	tables, err := s.cluster.TableNames(ctx)
	if err != nil {
		return "", err
	}
	for _, t := range tables {
		if t.Namespace == in.Namespace {
			return "kept namespace " + in.Namespace + " at " + in.Site + ": it holds table " + t.String() + ", which is not this run's", nil
		}
	}
	if err := s.cluster.DeleteNamespace(ctx, in.Namespace, hbase.NonceFor(in.Key+"/undo")); err != nil {
		return "", err
	}
	return "deleted namespace " + in.Namespace + " at " + in.Site, nil
}

// RestoreSnapshot clones the snapshot into the table and gives its families
// the replication scopes the source's had before the run, so that the target's
// own peers forward nothing by surprise. A table that is already there is
// adopted only when it is a clone of this very snapshot.
func (a *HBase) RestoreSnapshot(ctx context.Context, in RestoreInput) (RestoreResult, error) {
	defer beat(ctx).end()
	s, t, err := a.table(in.TableAt)
	if err != nil {
		return RestoreResult{}, err
	}
	_, err = s.cluster.Table(ctx, t)
	switch {
	case errors.Is(err, hbase.ErrTableNotFound):
		if err := a.clone(ctx, s, t, in); err != nil {
			return RestoreResult{}, err
		}
	case err != nil:
		return RestoreResult{}, err
	}
	m, encoded, err := regionsOf(ctx, s, in.Snapshot)
	if err != nil {
		return RestoreResult{}, err
	}
	ours, err := clonedFrom(ctx, s, t, encoded)
	if err != nil {
		return RestoreResult{}, err
	}
	if !ours {
		return RestoreResult{}, fault.As(fault.Conflict, fmt.Errorf("table %s at %s was made by somebody else since preflight: drop or rename it", t, in.Site))
	}
	if _, err := s.cluster.EnsureScopes(ctx, t, hbase.ScopesOf(in.Scopes), hbase.NonceFor(in.Key+"/scopes")); err != nil {
		return RestoreResult{}, err
	}
	regions, err := restored(ctx, s, t, m)
	return RestoreResult{Regions: len(regions)}, err
}

// restored waits until the whole table serves and holds its families against
// the snapshot's, which are the source's: the peer is enabled on the strength
// of it. Scopes are the one thing that is meant to differ.
func restored(ctx context.Context, s *site, t hbase.TableName, m *snapshot.Manifest) ([]hbase.Region, error) {
	regions, err := s.cluster.AwaitServing(ctx, t)
	if err != nil {
		return nil, err
	}
	table, err := s.cluster.Table(ctx, t)
	if err != nil {
		return nil, err
	}
	want := &hbase.Table{Schema: m.Schema}
	if d := want.DiffFamilies(table); len(d) > 0 {
		return nil, fault.As(fault.Mismatch, fmt.Errorf("families of table %s at %s are not those of snapshot %s (%s): somebody altered the table or the source's during the run; abort, and start again", t, s.name, m.Name, strings.Join(d, "; ")))
	}
	return regions, nil
}

// clone restores; when something took files since the copy was verified, HBase
// refuses. Nothing copies them again: the export of a run ends once.
func (a *HBase) clone(ctx context.Context, s *site, t hbase.TableName, in RestoreInput) error {
	return uncloned(in, s.cluster.RestoreSnapshot(ctx, in.Snapshot, t, hbase.NonceFor(in.Key)))
}

func uncloned(in RestoreInput, err error) error {
	if hbase.IsClass(err, "CorruptedSnapshotException") {
		return fault.As(fault.Conflict, fmt.Errorf("clone snapshot %s at %s: files of it are missing there: something deleted them from the target's archive since the copy was verified; abort and start again: %w", in.Snapshot, in.Site, err))
	}
	return err
}

// regionsOf reads a snapshot's schema, and the encoded names of its regions.
func regionsOf(ctx context.Context, s *site, name string) (*snapshot.Manifest, map[string]bool, error) {
	encoded := map[string]bool{}
	m, err := snapshot.Walk(ctx, s.store, s.root, name, snapshot.Visitor{Region: func(r snapshot.Region) { encoded[r.Encoded] = true }})
	return m, encoded, err
}

// clonedFrom reports whether the table's regions come from the snapshot of
// these: a clone keeps every region's start key and id, and so its encoded name
// (RestoreSnapshotHelper.cloneRegionInfo). Parents of later splits count too.
func clonedFrom(ctx context.Context, s *site, t hbase.TableName, encoded map[string]bool) (bool, error) {
	regions, err := s.cluster.Regions(ctx, t)
	if err != nil {
		return false, err
	}
	for _, r := range regions {
		if encoded[r.Encoded] {
			return true, nil
		}
	}
	return false, nil
}

// DropRestoredTable drops the table that this run cloned, and no other.
func (a *HBase) DropRestoredTable(ctx context.Context, in RestoreInput) (string, error) {
	defer beat(ctx).end()
	s, t, err := a.table(in.TableAt)
	if err != nil {
		return "", err
	}
	// A clone whose client died goes on at the master.
	if err := s.cluster.AwaitTableSettled(ctx, t); err != nil {
		return "", err
	}
	if _, err := s.cluster.TableState(ctx, t); err != nil {
		if errors.Is(err, hbase.ErrTableNotFound) {
			return "", nil
		}
		return "", err
	}
	_, encoded, err := regionsOf(ctx, s, in.Snapshot)
	if err != nil {
		return "", err
	}
	ours, err := clonedFrom(ctx, s, t, encoded)
	if err != nil {
		return "", err
	}
	if !ours {
		return "kept table " + t.String() + " at " + in.Site + ": it cannot be shown to be this run's; drop it by hand if it is", nil
	}
	if err := s.cluster.DropTable(ctx, t, hbase.NonceFor(in.Key+"/drop")); err != nil {
		return "", err
	}
	return "dropped table " + t.String() + " at " + in.Site, nil
}
