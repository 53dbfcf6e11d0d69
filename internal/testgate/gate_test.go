package main

import (
	"strings"
	"testing"
)

func TestGate(t *testing.T) {
	for _, tc := range []struct {
		name, events string
		wrong        string // part of the verdict, "" for none
		printed      string
	}{
		{
			"a passing test",
			`{"Action":"output","Package":"p","Test":"TestA","Output":"quiet\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}`,
			"", "ok  \tp\t0.1s\ntestgate: 1 passed",
		},
		{
			"a skipped test",
			`{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"no cluster\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p"}`,
			"skipped: p.TestB", "no cluster",
		},
		{
			"a failing test shows its output",
			`{"Action":"output","Package":"p","Test":"TestA","Output":"got 1, want 2\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			"failed: p.TestA", "got 1, want 2",
		},
		{
			"a test that dies shows its output",
			`{"Action":"output","Package":"p","Test":"TestA","Output":"panic: no\n"}
{"Action":"fail","Package":"p"}`,
			"0 tests passed", "panic: no",
		},
		{
			"a package of which nothing ran",
			`{"Action":"pass","Package":"q","Test":"TestA"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s [no tests to run]\n"}
{"Action":"pass","Package":"p"}`,
			"no test ran in p", "no tests to run",
		},
		{
			"a package without test files is fine",
			`{"Action":"pass","Package":"q","Test":"TestA"}
{"Action":"output","Package":"p","Output":"?   \tp\t[no test files]\n"}
{"Action":"skip","Package":"p"}`,
			"", "1 passed",
		},
		{"nothing at all", "", "at least 1", "0 passed"},
		{"a build that fails", `{"ImportPath":"p","Action":"build-output","Output":"x.go:1: no\n"}`, "at least 1", "x.go:1: no"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			g := gate{out: &out}
			if err := g.read(strings.NewReader(tc.events)); err != nil {
				t.Fatal(err)
			}
			err := g.verdict(1)
			if got := errorText(err); (tc.wrong == "") != (err == nil) || !strings.Contains(got, tc.wrong) {
				t.Errorf("verdict %q, want %q", got, tc.wrong)
			}
			if !strings.Contains(out.String(), tc.printed) {
				t.Errorf("printed %q, want %q in it", out.String(), tc.printed)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
