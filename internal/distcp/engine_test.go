package distcp_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drover/internal/command"
	"drover/internal/distcp"
	"drover/internal/fault"
)

// replay returns an engine whose hadoop runs the body as a shell script. What
// its mapred is asked goes to the file returned.
func replay(t *testing.T, body string) (e distcp.Engine, kills string) {
	t.Helper()
	bin := t.TempDir()
	kills = filepath.Join(bin, "kills")
	for name, text := range map[string]string{
		"hadoop": body,
		"mapred": `echo "$@" >>"` + kills + `"`,
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	host, err := command.Local(filepath.Join(bin, "jobs"))
	if err != nil {
		t.Fatal(err)
	}
	return distcp.Engine{Host: host, Bin: bin}, kills
}

func recording(t *testing.T, name string) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRunReportsWhatDistcpDid(t *testing.T) {
	e, _ := replay(t, fmt.Sprintf(`cat %q >&2; echo "$@" >>"$RUNS"`, recording(t, "baseline.0.log")))
	runs := filepath.Join(t.TempDir(), "runs")
	e.Env = map[string]string{"RUNS": runs}
	argv := distcp.Baseline(distcp.Copy{Source: "/data/a", Target: "/data/a_target"}, "s1")
	var last distcp.Progress
	for range 2 { // the second time it adopts the ended run
		got, err := e.Run(t.Context(), "round-1", argv, func(p distcp.Progress) { last = p })
		if err != nil {
			t.Fatal(err)
		}
		if got.JobID != "job_local960115463_0001" || got.Counters.FilesCopied != 2 || last.JobID != got.JobID || last.MapPercent != 100 || last.PID == 0 {
			t.Errorf("result %+v, last progress %+v", got, last)
		}
	}
	body, err := os.ReadFile(runs)
	if err != nil || string(body) != "distcp /data/a/.snapshot/s1 /data/a_target\n" {
		t.Errorf("distcp ran as %q, %v, want once", body, err)
	}
	for _, name := range []string{"round-1", "never-begun"} {
		if err := e.Cancel(t.Context(), name); err != nil {
			t.Errorf("cancel of %s, which does not run: %v", name, err)
		}
	}
}

func TestRunFailsWithTheCause(t *testing.T) {
	e, _ := replay(t, fmt.Sprintf(`cat %q >&2; exit 25`, recording(t, "modified.25.log")))
	argv := distcp.Round(distcp.Copy{Source: "/data/a", Target: "/data/a_target"}, "s1", "s2")
	_, err := e.Run(t.Context(), "round-1", argv, quiet)
	if f := (*distcp.Failure)(nil); !errors.As(err, &f) || f.ID != "target-modified" || fault.KindOf(err) != fault.Mismatch {
		t.Errorf("got %v, want target-modified", err)
	}
}

// TestCancelKillsTheYarnJobToo waits in one caller, gives that up, and cancels
// in another: the client would leave its job on YARN.
func TestCancelKillsTheYarnJobToo(t *testing.T) {
	e, kills := replay(t, `echo "INFO tools.DistCp: DistCp job-id: job_1700000000000_0042" >&2; exec sleep 300`)
	ctx, giveUp := context.WithCancelCause(t.Context())
	gone := errors.New("the worker is stopped")
	_, err := e.Run(ctx, "round-1", []string{"distcp", "x", "y"}, func(p distcp.Progress) {
		if p.JobID != "" {
			giveUp(gone)
		}
	})
	if !errors.Is(err, gone) {
		t.Fatalf("got %v, want %v", err, gone)
	}
	if state, err := e.Host.Look(t.Context(), "round-1"); err != nil || state.Phase != command.Running {
		t.Fatalf("after the caller left: %+v, %v, want it running", state, err)
	}
	if err := e.Cancel(t.Context(), "round-1"); err != nil {
		t.Fatal(err)
	}
	asked, err := os.ReadFile(kills)
	if err != nil || string(asked) != "job -kill job_1700000000000_0042\n" {
		t.Errorf("mapred was asked %q, %v", asked, err)
	}
	_, err = e.Run(t.Context(), "round-1", []string{"distcp", "x", "y"}, quiet)
	if f := (*distcp.Failure)(nil); !errors.As(err, &f) || f.ID != "cancelled" || fault.KindOf(err) != fault.Aborted {
		t.Errorf("the cancelled run: %v", err)
	}
}

func TestCheckReachNamesTheSideAndTheCause(t *testing.T) {
	e, _ := replay(t, `case $4 in *absent*) echo "ls: java.net.UnknownHostException: absent" >&2; exit 1 ;; esac`)
	found := e.CheckReach(t.Context(), "hdfs://absent/data", "hdfs://b/x")
	if len(found) != 1 || found[0].ID != distcp.FindingReach || found[0].Subject != "hdfs://absent/data" || !strings.Contains(found[0].Do, "dfs.nameservices") {
		t.Errorf("got %+v, want the source's nameservice named", found)
	}
	e.Bin = t.TempDir()
	found = e.CheckReach(t.Context(), "hdfs://a/data", "hdfs://b/x")
	if len(found) != 1 || found[0].ID != distcp.FindingHost || !strings.Contains(found[0].Do, "hadoop.bin") {
		t.Errorf("got %+v, want the missing command named once", found)
	}
}

func quiet(distcp.Progress) {}
