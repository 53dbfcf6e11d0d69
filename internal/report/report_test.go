package report_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drover/internal/preflight"
	"drover/internal/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func at(minute int) time.Time { return time.Date(2026, 11, 21, 8, minute, 0, 0, time.UTC) }

func ptr[T any](v T) *T { return &v }

func completed() report.Record {
	return report.Record{
		Runbook: "HBaseMigration", Title: "shop:orders", Site: "a -> b",
		WorkflowID: "hbase-a-b-orders", RunID: "0d9f", StartedBy: "ann",
		StartedAt: at(0), EndedAt: at(12),
		Outcome: "completed", Verdict: report.Match,
		Committed: "the target opens for writes", CommittedAt: ptr(at(11)),
		Rows: 120_000, Cells: 1_450_312, Bytes: 1_234_567_890,
		Tables: []report.Table{
			{Name: "shop:orders", Verdict: report.Match, Method: "every cell compared, then delta proof", Rows: 120_000, Cells: 1_450_312, Bytes: 1_234_567_890},
		},
		Acked: ptr(int64(23_456)), Lost: ptr(int64(0)),
		FreezeMillis: ptr(int64(5230)),
		Freeze:       []report.Span{{Name: "fence", Millis: 1200}, {Name: "drain", Millis: 2030}, {Name: "delta proof", Millis: 1500}, {Name: "open", Millis: 500}},
		Steps:        []report.Span{{Name: "preflight", Millis: 850}, {Name: "export", Millis: 61_000}, {Name: "verify", Millis: 3_725_000}},
		Findings: []preflight.Finding{
			{ID: "versions", Severity: preflight.Info, Subject: "a, b", Seen: "2.5.13 and 2.6.4"},
			{ID: "wal-compression", Severity: preflight.Warn, Subject: "a", Seen: "cannot be known | by RPC", Do: "look into hbase-site.xml"},
		},
		Decisions: []report.Decision{{
			Gate: "cutover", Approved: true, By: "bob", Reason: "looks right", Door: "update decide", At: at(9), Digest: "0123456789ab",
			Facts: []report.Fact{{Name: "rows that differ", Value: "0"}, {Name: "replication lag", Value: "0 s"}},
		}},
		Refusals: []report.Line{{At: at(8), Text: "signal approve: no input"}},
		Notes:    []report.Line{{At: at(7), Text: "pause by bob: lunch"}},
		Left:     []string{"snapshot drover-x on site a"},
	}
}

func aborted() report.Record {
	return report.Record{
		Runbook: "HBaseMigration", Title: "shop:orders", WorkflowID: "hbase-a-b-orders",
		StartedAt: at(0), EndedAt: at(3), Outcome: "aborted", Reason: "run aborted by bob: wrong table", Verdict: report.Unproven,
		Undone: []report.Undone{
			{What: "lift fence", Result: "shop:orders is writable on a"},
			{What: "remove peer", Error: "a does not answer"},
			{What: "remove snapshot"},
		},
	}
}

func differing() report.Record {
	return report.Record{
		Runbook: "HBaseMigration", WorkflowID: "x", Outcome: "completed", Verdict: report.Differ,
		Lost: ptr(int64(1234)), Acked: ptr(int64(20_000)),
		Tables: []report.Table{{
			Name: "t", Verdict: report.Differ, Method: "every cell compared", Rows: 1,
			Differences: []string{`row "r<1>": value of f:q at 17 differs`, "row \"r2\n\": missing on the target"},
		}},
	}
}

func mirrored() report.Record {
	return report.Record{
		Runbook: "HDFSMirror", Title: "/data/a", Site: "a -> b", WorkflowID: "m", Outcome: "completed", Verdict: report.Match, Bytes: 98_765_432,
		Tree: &report.Tree{
			Name: "/data/a", Verdict: report.Match, Files: 12_345, Directories: 678, Bytes: 98_765_432, Method: "content by checksum and attributes",
			Rounds: 4, Baseline: report.Brought{Files: 12_000, Bytes: 98_000_000}, Changes: report.Brought{Files: 345, Bytes: 765_432},
			LastCommon: "drover-k-00004", WayBack: "drover start HDFSMirror --from drover-k-00004 --source b --target a --source-path /data/a",
			Differences: []string{"x: mode: source 0755, target 0700"},
		},
		Left: []string{"snapshots drover-k-* kept by ann: the way back"},
	}
}

func TestGolden(t *testing.T) {
	records := map[string]report.Record{"completed": completed(), "aborted": aborted(), "differing": differing(), "mirrored": mirrored(), "empty": {}}
	for name, r := range records {
		t.Run(name, func(t *testing.T) {
			page, err := report.HTML(r)
			if err != nil {
				t.Fatal(err)
			}
			text, err := report.JSON(r)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".md", report.Markdown(r))
			golden(t, name+".html", page)
			golden(t, name+".json", string(text))
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run: go test ./internal/report -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-golden +got), go test ./internal/report -update accepts it:\n%s", name, diff)
	}
}

func TestLeadSaysTheWorst(t *testing.T) {
	cases := []struct {
		name string
		r    report.Record
		want string
	}{
		{"equal", report.Record{Outcome: "completed", Verdict: report.Match}, "everything was compared and is equal"},
		{"not compared is not equal", report.Record{Outcome: "completed", Verdict: report.Unproven}, "equality is unproven"},
		{"no verdict is not equal", report.Record{Outcome: "completed"}, "equality is unproven"},
		{"different", report.Record{Outcome: "completed", Verdict: report.Differ}, "source and target DIFFER"},
		{"lost", report.Record{Outcome: "completed", Verdict: report.Match, Lost: ptr(int64(2))}, "2 acknowledged writes are LOST"},
		{"failed", report.Record{Outcome: "failed", Reason: "disk is full"}, "Failed: disk is full"},
		{"running", report.Record{Verdict: report.Match}, "The run is not over."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			lead := strings.Split(report.Markdown(c.r), "\n")[2]
			if !strings.Contains(lead, c.want) {
				t.Errorf("lead = %q, want %q", lead, c.want)
			}
		})
	}
}

func TestValuesStayInTheirCells(t *testing.T) {
	page, err := report.HTML(differing())
	if err != nil {
		t.Fatal(err)
	}
	text := report.Markdown(differing())
	if strings.Contains(page, "r<1>") || strings.Contains(text, "r<1>") {
		t.Error("a row key reaches the page as a tag")
	}
	if strings.Contains(text, "r2\n") {
		t.Error("a line end in a row key ends the line of the list")
	}
}

// The demo and CI read these keys.
func TestJSONKeysForPrograms(t *testing.T) {
	text, err := report.JSON(completed())
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Verdict      string
		Acked        int64
		Lost         *int64
		FreezeMillis int64
		Steps        []struct {
			Name   string
			Millis int64
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Verdict != "match" || got.Acked != 23_456 || got.Lost == nil || *got.Lost != 0 || got.FreezeMillis != 5230 || len(got.Steps) != 3 {
		t.Errorf("report.JSON = %s, want verdict, acked, lost, freezeMillis and steps", text)
	}
}
