package activities

import (
	"context"
	"fmt"
	"maps"
	"strings"
)

// owned reports whether a snapshot's or table's name carries the run's key, as
// SnapshotName and the delta proof make them.
func owned(name, runKey string) bool { return strings.Contains(name, "drover-"+runKey+"-") }

// ListLeftovers lists what a finished run still has.
func (a *HBase) ListLeftovers(ctx context.Context, in CleanupInput) (Leftovers, error) {
	defer beat(ctx).end()
	var out Leftovers
	for _, name := range []string{in.Source, in.Target} {
		s, err := a.sites.get(name)
		if err != nil {
			return out, err
		}
		snaps, err := ownSnapshots(ctx, s, in.RunKey)
		if err != nil {
			return out, err
		}
		for _, sn := range snaps {
			out.Items = append(out.Items, "snapshot "+sn+" at "+name)
		}
	}
	return out, nil
}

// Cleanup deletes the run's snapshots on both sides and puts the source's
// replication scopes back as found. The source tables stay, READONLY.
func (a *HBase) Cleanup(ctx context.Context, in CleanupInput) (string, error) {
	defer beat(ctx).end()
	deleted := 0
	for _, name := range []string{in.Source, in.Target} {
		s, err := a.sites.get(name)
		if err != nil {
			return "", err
		}
		snaps, err := ownSnapshots(ctx, s, in.RunKey)
		if err != nil {
			return "", err
		}
		for _, sn := range snaps {
			if err := s.cluster.DeleteSnapshot(ctx, sn); err != nil {
				return "", err
			}
			deleted++
		}
	}
	for _, t := range in.Baseline.Tables {
		scopes := ScopesInput{TableAt: TableAt{Site: in.Source, Table: t.Table}, Scopes: maps.Clone(t.Scopes), Key: in.RunKey + "/scope-cleanup/" + t.Table}
		if _, err := a.RestoreReplicationScopes(ctx, scopes); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("deleted %d snapshots of this run; replication scopes of the source are as they were found", deleted), nil
}

// ownSnapshots lists the completed snapshots whose names carry the run's key.
func ownSnapshots(ctx context.Context, s *site, runKey string) ([]string, error) {
	all, err := s.cluster.Snapshots(ctx)
	if err != nil {
		return nil, err
	}
	var own []string
	for _, sn := range all {
		if owned(sn.Name, runKey) {
			own = append(own, sn.Name)
		}
	}
	return own, nil
}
