package main

import "github.com/spf13/cobra"

// verbs lists every command of drover, in the order of a migration.
func verbs(a *app) []*cobra.Command {
	return []*cobra.Command{
		newDemoCmd(a),
		newSandboxCmd(a),
		newDevCmd(a),
		newPlanCmd(a),
		newStartCmd(a),
		newListCmd(a),
		newStatusCmd(a),
		newWatchCmd(a),
		newApproveCmd(a),
		newRejectCmd(a),
		newRemeasureCmd(a),
		newRoundCmd(a),
		newPauseCmd(a),
		newResumeCmd(a),
		newAbortCmd(a),
		newReportCmd(a),
		newSchemaCmd(a),
		newDiffCmd(a),
		newVerifyCmd(a),
		newChecksumCmd(a),
		newSnapshotsCmd(a),
	}
}
