//go:build cluster

package main

import (
	"strings"
	"testing"

	"drover/internal/sandbox/sandboxtest"
)

// TestPlanTellsTheCommandsOfDistcp on two real HDFS and with the real command.
func TestPlanTellsTheCommandsOfDistcp(t *testing.T) {
	box := sandboxtest.Shared(t)
	t.Setenv("DROVER_CONFIG", box.ConfigPath())
	plan := []string{
		"plan", "HDFSMirror", "--source", "a", "--target", "b", "--source-path", "/hbase", "--target-path", "/copy-of-hbase",
		"--engine", "distcp", "--accept", "not-superuser",
	}
	a, b := "hdfs://"+box.Sites()["a"].NameNode, "hdfs://"+box.Sites()["b"].NameNode
	baseline := "hadoop distcp -prbugpcaxt " + a + "/hbase/.snapshot/drover-plan-00000 " + b + "/copy-of-hbase"
	round := "hadoop distcp -diff drover-plan-00000 drover-plan-00001 -update -prbugpcaxt " + a + "/hbase " + b + "/copy-of-hbase"
	// Once: the real command is asked whether it reaches both sides.
	said := must(t, codeOK, "a run starts these commands", plan...)
	for _, want := range []string{baseline + "\n", round + "\n"} {
		if !strings.Contains(said.out, want) {
			t.Errorf("plan says\n%s, want %s", said.out, want)
		}
	}
}
