package export_test

import (
	"strings"
	"testing"

	"drover/internal/fault"
	"drover/internal/hbase/export"
	"drover/internal/hbase/snapshot"
	"drover/internal/storage/mem"
)

// TestBatchOfADeletedSnapshotIsNotTriedForEver: a batch begins by reading the
// list of files, and what that met counted as worth another try.
func TestBatchOfADeletedSnapshotIsNotTriedForEver(t *testing.T) {
	for name, lost := range map[string][]string{
		"all of it":     {snapshot.DescriptionFile, snapshot.ManifestFile},
		"the manifest":  {snapshot.ManifestFile},
		"the beginning": {snapshot.DescriptionFile},
	} {
		t.Run(name, func(t *testing.T) {
			from, _ := source(t)
			for _, file := range lost {
				if err := from.Remove(t.Context(), snapshot.Path(sourceRoot, "s")+"/"+file); err != nil {
					t.Fatal(err)
				}
			}
			_, err := export.PlanRange(t.Context(), job(from, mem.New()), 0, fileCount)
			if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "snapshot s is gone from the source") {
				t.Errorf("error %v (%q), want a conflict that names the snapshot", err, fault.KindOf(err))
			}
		})
	}
}
