//go:build cluster

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drover/internal/config"
	"drover/internal/hbase"
	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
	"drover/workers"
	"drover/workflows"
)

// onSandbox is the program beside the shared sandbox.
func onSandbox(t *testing.T) (*built, *sandbox.Sandbox) {
	t.Helper()
	box := sandboxtest.Shared(t)
	b := build(t)
	b.env = append(b.env, "DROVER_SANDBOX_DIR="+box.Dir(), "DROVER_CONFIG="+box.ConfigPath())
	return b, box
}

// sites opens both clusters of the sandbox.
func sites(t *testing.T, box *sandbox.Sandbox) map[string]*hbase.Cluster {
	t.Helper()
	cfg, err := config.Load(box.ConfigPath())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*hbase.Cluster{}
	for name, site := range cfg.Sites {
		c, err := hbase.Open(hbase.Config{Quorum: site.HBase.Quorum, ZNodeParent: site.HBase.ZNodeParent, RootDir: site.HBase.RootDir, User: site.HBase.User})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
		all[name] = c
	}
	return all
}

// loaded makes a table at site a with "sandbox load" and removes it, and what
// there is of it at b, with the test.
func (b *built) loaded(box *sandbox.Sandbox, rows int) hbase.TableName {
	b.t.Helper()
	name := hbase.TableName{Namespace: fmt.Sprintf("cli%d", time.Now().UnixNano()), Qualifier: "t"}
	clusters := sites(b.t, box)
	b.t.Cleanup(func() {
		for _, c := range clusters {
			if err := c.DropTable(context.Background(), name, 0); err != nil && !errors.Is(err, hbase.ErrTableNotFound) {
				b.t.Error(err)
			}
			if err := c.DeleteNamespace(context.Background(), name.Namespace, 0); err != nil {
				b.t.Error(err)
			}
		}
	})
	got := b.must(codeOK, "", "sandbox", "load", "--table", name.String(), "--rows", fmt.Sprint(rows), "--regions", "2", "--json")
	var answer sandboxLoaded
	if err := json.Unmarshal([]byte(got.out), &answer); err != nil || answer.Made == nil || answer.Made.Rows != rows || answer.Table != name.String() {
		b.t.Fatalf("load answered %s (%v), want %d rows in %s", got.out, err, rows, name)
	}
	return name
}

// aspect is all that a migration of the table could change, on both clusters.
func aspect(t *testing.T, clusters map[string]*hbase.Cluster, name hbase.TableName) map[string]string {
	t.Helper()
	seen := map[string]string{}
	for site, c := range clusters {
		table, err := c.Table(t.Context(), name)
		switch {
		case errors.Is(err, hbase.ErrTableNotFound):
			seen[site+" table"] = "absent"
		case err != nil:
			t.Fatal(err)
		default:
			seen[site+" table"] = fmt.Sprint(table.Schema)
		}
		peers, err := c.Peers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range peers {
			if slices.Contains(p.Tables, name) || p.ID == "drover_plan" {
				seen[site+" peer "+p.ID] = fmt.Sprint(p)
			}
		}
		snaps, err := c.Snapshots(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range snaps {
			if s.Table == name {
				seen[site+" snapshot"] = s.Name
			}
		}
		there, err := c.NamespaceExists(t.Context(), name.Namespace)
		if err != nil {
			t.Fatal(err)
		}
		seen[site+" namespace"] = fmt.Sprint(there)
		procedures, err := c.Procedures(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range procedures {
			seen[fmt.Sprintf("%s procedure %d", site, p.ID)] = p.Class
		}
	}
	return seen
}

// TestPlanAndBadInputChangeNothing plans a migration that can be, some that
// cannot, and starts what is no input; the clusters are as they were.
func TestPlanAndBadInputChangeNothing(t *testing.T) {
	b, box := onSandbox(t)
	name := b.loaded(box, 100)
	clusters := sites(t, box)
	before := aspect(t, clusters, name)
	at := []string{"HBaseMigration", "--source", "a", "--target", "b", "--table"}
	with := func(verb string, more ...string) []string { return slices.Concat([]string{verb}, at, more) }

	got := b.must(codeOK, `"ready": true`, with("plan", name.String(), "--json")...)
	var answer planned
	if err := json.Unmarshal([]byte(got.out), &answer); err != nil || !answer.Ready || answer.Blocking != 0 || !strings.Contains(answer.Title, name.String()) {
		t.Errorf("plan answered %s (%v)", got.out, err)
	}
	b.must(codeOK, name.String(), with("plan", name.String())...)
	b.must(codeRefused, "table-missing", with("plan", name.Namespace+":absent")...)
	b.must(codeUsage, "are both", "plan", "HBaseMigration", "--source", "a", "--target", "a", "--table", name.String())
	b.must(codeNotFound, `"c"`, "plan", "HBaseMigration", "--source", "a", "--target", "c", "--table", name.String())

	b.must(codeUsage, "no/such name", with("start", "no/such name")...)
	b.must(codeUsage, "between 1 and 64", with("start", name.String(), "--export-parallel", "-3")...)
	b.must(codeUsage, "too short", with("start", name.String(), "--evidence-max-age", "1s")...)
	b.must(codeUsage, `did you mean "--table"?`, with("start", name.String(), "--tabel", "x")...)
	b.must(codeNotFound, `did you mean "HBaseMigration"?`, "start", "HBaseMigrations", "--source", "a", "--target", "b", "--table", name.String())
	if diff := cmp.Diff(before, aspect(t, clusters, name)); diff != "" {
		t.Errorf("plan or a refused start changed something (-before +after):\n%s", diff)
	}
}

// TestSandboxVerbs has the program show the daemons, kill one, say that it is
// gone, and start it again.
func TestSandboxVerbs(t *testing.T) {
	b, box := onSandbox(t)
	daemons := func(text string) map[string]sandbox.DaemonStatus {
		t.Helper()
		var r sandboxReport
		if err := json.Unmarshal([]byte(text), &r); err != nil || r.Dir != box.Dir() {
			t.Fatalf("%v in %s", err, text)
		}
		all := map[string]sandbox.DaemonStatus{}
		for _, d := range r.Daemons {
			all[d.Name] = d
		}
		return all
	}
	was := daemons(b.must(codeOK, `"ready": true`, "sandbox", "status", "--json").out)
	if len(was) != len(sandbox.DaemonNames()) {
		t.Errorf("status shows %d daemons, want %d", len(was), len(sandbox.DaemonNames()))
	}
	b.must(codeOK, "serves", "sandbox", "status")
	b.must(codeUsage, `there is no daemon "b/regionsrver"`, "sandbox", "kill", "b/regionsrver")
	b.must(codeUsage, "needs the name of a daemon", "sandbox", "kill")

	const victim = "b/master"
	t.Cleanup(func() { b.must(codeOK, "", "sandbox", "up") }) // whatever the test came to
	killed := daemons(b.must(codeOK, `"ready": false`, "sandbox", "kill", victim, "--json").out)
	if d := killed[victim]; d.Running || d.Problem == "" {
		t.Errorf("%s after kill: %+v, want it ended and why it does not serve", victim, d)
	}
	b.must(codeFailed, "not every daemon serves", "sandbox", "status")
	now := daemons(b.must(codeOK, `"ready": true`, "sandbox", "start", victim, "--json").out)
	for name, d := range now {
		if (d.PID != was[name].PID) != (name == victim) {
			t.Errorf("%s has process %d, before %d: only %s was killed and started", name, d.PID, was[name].PID, victim)
		}
	}

	name := b.loaded(box, 50)
	b.must(codeRefused, "take another name", "sandbox", "load", "--table", name.String(), "--rows", "50")
	got := b.must(codeOK, `"ledger"`, "sandbox", "load", "--table", name.String(), "--rows", "0", "--rate", "50", "--for", "2s", "--json")
	var wrote sandboxLoaded
	if err := json.Unmarshal([]byte(got.out), &wrote); err != nil || wrote.Made != nil || wrote.Wrote == nil || wrote.Wrote.Acked == 0 {
		t.Errorf("load with a rate answered %s (%v), want acknowledged writes", got.out, err)
	}
}

// TestDevServesARunAndEndsWithCtrlC has dev run Temporal, UI and worker; a
// migration is started, watched on a terminal and elsewhere, and aborted.
func TestDevServesARunAndEndsWithCtrlC(t *testing.T) {
	b, box := onSandbox(t)
	name := b.loaded(box, 1000)
	clusters := sites(t, box)
	before := aspect(t, clusters, name)
	dev := b.start("dev", "--json")
	dev.says(`"forms"`)
	dev.says("\n}")
	var answer devAnswer
	if err := json.Unmarshal([]byte(dev.out.String()), &answer); err != nil {
		t.Fatalf("dev answered %s: %v", dev.out.String(), err)
	}
	if len(answer.Forms) != 2 || !slices.Contains(answer.Queues, workflows.RunbooksQueue) || answer.HTTP == "" {
		t.Errorf("dev answered %+v, want a form for each runbook, the queues and the HTTP API", answer)
	}
	for _, form := range answer.Forms {
		if !strings.Contains(form.Link, "workflowType="+form.Runbook) || !strings.Contains(form.Link, "taskQueue="+workflows.RunbooksQueue) {
			t.Errorf("form of %s: %s", form.Runbook, form.Link)
		}
		b.served(form.Link)
	}
	b.env = append(b.env, "TEMPORAL_ADDRESS="+answer.Temporal)

	// Slow enough to be watched.
	b.must(codeOK, "", "start", workers.HBaseMigration, "--source", "a", "--target", "b", "--table", name.String(), "--export-bytes-per-second", "40000", "--accept", "leftover")
	id := runID(t, b)
	plain := b.start("watch", id)
	terminal := b.onTerminal("watch", id)
	plain.says("phase export")
	plain.says("copy drover-")
	terminal.says("copy drover-")
	terminal.says("\x1b[") // a bar moves by the terminal's own codes
	b.must(codeOK, "", "abort", id, "--reason", "seen enough")
	for how, w := range map[string]*running{"elsewhere": plain, "on a terminal": terminal} {
		got := w.end(2 * time.Minute)
		if got.code != codeRefused || !strings.Contains(got.out+got.talked, "aborted") {
			t.Errorf("watch %s ended with %d, want %d and that the run was aborted:\n%s", how, got.code, codeRefused, got.out+got.talked)
		}
	}
	if text := plain.out.String() + plain.talk.String(); strings.Contains(text, "\x1b") || !strings.Contains(text, " bytes (") {
		t.Errorf("watch without a terminal, want plain lines with bytes and no codes:\n%q", text)
	}
	after := aspect(t, clusters, name)
	for key := range after {
		if strings.Contains(key, " procedure ") && before[key] == "" {
			delete(after, key) // of the run, which put back what they did
		}
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("after the abort (-before +after):\n%s", diff)
	}
	dev.interrupt()
	if got := dev.end(time.Minute); got.code != codeOK || !strings.Contains(got.talked, "stopping") {
		t.Errorf("dev ended with %d after Ctrl-C, want %d:\n%s", got.code, codeOK, got.talked)
	}
	if left := b.family(); len(left) > 0 {
		t.Errorf("after Ctrl-C there are still %v", left)
	}
}

// served fetches a page of the UI.
func (b *built) served(link string) {
	b.t.Helper()
	resp, err := http.Get(link)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(strings.ToLower(string(text)), "<html") {
		b.t.Errorf("%s: status %s, %v, %.100q", link, resp.Status, err, text)
	}
}

// runID is that of the only run there is.
func runID(t *testing.T, b *built) string {
	t.Helper()
	got := b.must(codeOK, "", "status", "--json")
	var v view
	if err := json.Unmarshal([]byte(got.out), &v); err != nil || v.Status.WorkflowID == "" {
		t.Fatalf("status answered %s: %v", got.out, err)
	}
	return v.Status.WorkflowID
}
