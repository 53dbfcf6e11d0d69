package activities_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"drover/activities"
	"drover/internal/fault"
	"drover/internal/hadoop/rpc/rpctest"
	"drover/internal/hadoop/wire"
	"drover/internal/preflight"
)

// oneDirectory serves an HDFS that holds an empty directory at every path.
func oneDirectory(t *testing.T) string {
	t.Helper()
	dir := wire.Message(nil).Uint(1, 1).Str(2, "").Uint(3, 0).Raw(4, wire.Message(nil).Uint(1, 0o755)).
		Str(5, "ada").Str(6, "staff").Uint(7, 1).Uint(8, 1)
	return rpctest.Serve(t, func(r rpctest.Request) rpctest.Reply {
		switch r.Method {
		case "getFileInfo", "getFileLinkInfo":
			return rpctest.Reply{Body: wire.Message(nil).Raw(1, dir)}
		case "getDatanodeReport":
			return rpctest.Reply{Class: "org.apache.hadoop.security.AccessControlException", Text: "Access denied for user ada"}
		case "getContentSummary":
			return rpctest.Reply{Body: wire.Message(nil).Raw(1, wire.Message(nil).Uint(1, 0).Uint(2, 0).Uint(3, 1))}
		}
		return rpctest.Reply{}
	}).Addr
}

func TestPreflightOfATargetWithoutSnapshots(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "there"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sites := sitesOf(t, fmt.Sprintf("sites:\n  a: {hdfs: {namenode: %q, user: ada}}\n  disk: {local: {root: %q}, ledger: /ledgers}\n", oneDirectory(t), root))
	for name, c := range map[string]struct {
		path, from string
		want       []string // findings that block
	}{
		"nothing is there":         {"/new", "", nil},
		"something is there":       {"/there", "", []string{"target-exists"}},
		"it would hold the ledger": {"/ledgers", "", []string{"ledger-in-tree"}},
		"it would be in a ledger":  {"/ledgers/new", "", []string{"ledger-in-tree"}},
		"no ledger to go on from":  {"/there", "s1", []string{"from-missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			at := activities.MirrorAt{Pair: activities.Pair{Source: "a", Target: "disk"}, SourcePath: "/s", TargetPath: c.path}
			res, err := activities.NewMirror(sites).PreflightMirror(t.Context(), activities.MirrorPreflightInput{MirrorAt: at, From: c.from})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range preflight.Blocking(res.Findings) {
				got = append(got, f.ID)
			}
			if !slices.Equal(got, c.want) || !res.Ledger {
				t.Errorf("blocking %q, ledger %t, want %q", got, res.Ledger, c.want)
			}
		})
	}
}

// oneFile serves an HDFS whose every directory holds a file f of three bytes, of
// which no block can be had.
func oneFile(t *testing.T) string {
	t.Helper()
	status := func(kind uint64, name string, size uint64) wire.Message {
		return wire.Message(nil).Uint(1, kind).Str(2, name).Uint(3, size).Raw(4, wire.Message(nil).Uint(1, 0o755)).
			Str(5, "ada").Str(6, "staff").Uint(7, 1).Uint(8, 1).Uint(10, 1).Uint(11, 1<<20)
	}
	return rpctest.Serve(t, func(r rpctest.Request) rpctest.Reply {
		switch {
		case r.Method == "getListing":
			return rpctest.Reply{Body: wire.Message(nil).Raw(1, wire.Message(nil).Raw(1, status(2, "f", 3)).Uint(2, 0))}
		case r.Method != "getFileInfo" && r.Method != "getFileLinkInfo":
			return rpctest.Reply{Class: "java.io.IOException", Text: "zero blocklocations"}
		case strings.Contains(string(r.Body), "/f"):
			return rpctest.Reply{Body: wire.Message(nil).Raw(1, status(2, "", 3))}
		}
		return rpctest.Reply{Body: wire.Message(nil).Raw(1, status(1, "", 0))}
	}).Addr
}

// TestABlockThatCannotBeReadIsNoVerdictOnABucket: where the target keeps no
// snapshots it was one, which ended the mirror and deleted its copy.
func TestABlockThatCannotBeReadIsNoVerdictOnABucket(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "copy"), 0o755); err != nil {
		t.Fatal(err)
	}
	f := filepath.Join(root, "copy", "f")
	if err := errors.Join(os.WriteFile(f, []byte("abc"), 0o600), os.Chtimes(f, time.UnixMilli(1), time.UnixMilli(1))); err != nil {
		t.Fatal(err)
	}
	sites := sitesOf(t, fmt.Sprintf("sites:\n  a: {hdfs: {namenode: %q, user: ada}}\n  disk: {local: {root: %q}, ledger: /ledgers}\nworker: {stateDir: %q}\n", oneFile(t), root, t.TempDir()))
	at := activities.MirrorAt{Pair: activities.Pair{Source: "a", Target: "disk"}, SourcePath: "/s", TargetPath: "/copy"}
	res, err := activities.NewMirror(sites).VerifyLedgerMirror(t.Context(), activities.LedgerInput{MirrorAt: at, Snapshot: "s1"})
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "1 entries could not be compared, f the first") || !strings.Contains(err.Error(), "both sides are up") {
		t.Errorf("verdict %q, %v, want an error that is tried again and names the file", res.Verdict, err)
	}
}

func TestATreeIsNotMirroredFromAPlaceWithoutSnapshots(t *testing.T) {
	sites := sitesOf(t, fmt.Sprintf("sites:\n  disk: {local: {root: %q}}\n  b: {hdfs: {namenode: \"127.0.0.1:1\", user: ada}}\n", t.TempDir()))
	at := activities.MirrorAt{Pair: activities.Pair{Source: "disk", Target: "b"}, SourcePath: "/s", TargetPath: "/t"}
	_, err := activities.NewMirror(sites).PreflightMirror(t.Context(), activities.MirrorPreflightInput{MirrorAt: at})
	if fault.KindOf(err) != fault.InvalidInput || !strings.Contains(err.Error(), "disk is no HDFS") {
		t.Errorf("got %v, want a refusal in words", err)
	}
	probed, err := activities.NewMirror(sites).ProbeTreeSite(t.Context(), activities.TreeAt{Site: "disk"})
	if err != nil || probed.Problem != "" {
		t.Errorf("probe: %+v, %v, want the place reached", probed, err)
	}
}
