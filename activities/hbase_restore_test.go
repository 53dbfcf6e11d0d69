package activities

import (
	"errors"
	"strings"
	"testing"

	"drover/internal/fault"
	"drover/internal/hbase"
)

// TestCloneWithoutItsFilesIsNotTriedForEver: the error promised that they would
// be copied again, which nothing did.
func TestCloneWithoutItsFilesIsNotTriedForEver(t *testing.T) {
	in := RestoreInput{TableAt: TableAt{Site: "b", Table: "t"}, Snapshot: "s"}
	err := uncloned(in, &hbase.RemoteError{Class: "org.apache.hadoop.hbase.snapshot.CorruptedSnapshotException", Message: "Missing parent hfile"})
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "from the target's archive") || !strings.Contains(err.Error(), "abort and start again") {
		t.Errorf("error %v (%q), want a conflict that says what to do", err, fault.KindOf(err))
	}
	if err := uncloned(in, errors.New("away")); fault.KindOf(err).Permanent() {
		t.Errorf("error %v is permanent, want it tried again", err)
	}
}
