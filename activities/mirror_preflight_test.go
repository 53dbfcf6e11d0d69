package activities_test

import (
	"slices"
	"testing"

	"drover/activities"
	"drover/internal/hadoop/rpc/rpctest"
	"drover/internal/hadoop/wire"
	"drover/internal/preflight"
)

// TestAUserWhoIsNoSuperuserIsNamed lets a NameNode refuse what it tells
// superusers only: the sandbox has nobody who is none.
func TestAUserWhoIsNoSuperuserIsNamed(t *testing.T) {
	dir := wire.Message(nil).Uint(1, 1).Str(2, "").Uint(3, 0).Raw(4, wire.Message(nil).Uint(1, 0o755)).
		Str(5, "ada").Str(6, "staff").Uint(7, 1).Uint(8, 1)
	s := rpctest.Serve(t, func(r rpctest.Request) rpctest.Reply {
		switch r.Method {
		case "listOpenFiles":
			return rpctest.Reply{Class: "org.apache.hadoop.security.AccessControlException", Text: "Access denied for user ada. Superuser privilege is required"}
		case "getFileInfo", "getFileLinkInfo":
			return rpctest.Reply{Body: wire.Message(nil).Raw(1, dir)}
		case "getContentSummary":
			return rpctest.Reply{Body: wire.Message(nil).Raw(1, wire.Message(nil).Uint(1, 0).Uint(2, 0).Uint(3, 1))}
		}
		return rpctest.Reply{}
	})
	hdfs := "{hdfs: {namenode: \"" + s.Addr + "\", user: ada}}\n"
	sites := sitesOf(t, "sites:\n  a: "+hdfs+"  b: "+hdfs)
	at := activities.MirrorAt{Pair: activities.Pair{Source: "a", Target: "b"}, SourcePath: "/s", TargetPath: "/t"}
	res, err := activities.NewMirror(sites).PreflightMirror(t.Context(), activities.MirrorPreflightInput{MirrorAt: at})
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"/s at a", "/t at b"} {
		if !slices.ContainsFunc(res.Findings, func(f preflight.Finding) bool {
			return f.ID == "not-superuser" && f.Severity == preflight.Block && f.Subject == subject && f.Do != ""
		}) {
			t.Errorf("no finding not-superuser for %s among %+v", subject, res.Findings)
		}
	}
}

// TestWhatTheSwitchWouldMissIsNamedFirst: a hook that no configuration has, a way
// back into a tree that its own freeze still keeps full, permissions that nobody
// checks.
func TestWhatTheSwitchWouldMissIsNamedFirst(t *testing.T) {
	dir := wire.Message(nil).Uint(1, 1).Str(2, "").Uint(3, 0).Raw(4, wire.Message(nil).Uint(1, 0o755)).
		Str(5, "ada").Str(6, "staff").Uint(7, 1).Uint(8, 1)
	s := rpctest.Serve(t, func(r rpctest.Request) rpctest.Reply {
		switch r.Method {
		case "getFileInfo", "getFileLinkInfo":
			return rpctest.Reply{Body: wire.Message(nil).Raw(1, dir)}
		case "getContentSummary":
			return rpctest.Reply{Body: wire.Message(nil).Raw(1, wire.Message(nil).Uint(2, 5).Uint(3, 1).Int(4, 1).Int(6, 0))}
		}
		return rpctest.Reply{}
	})
	hdfs := "{hdfs: {namenode: \"" + s.Addr + "\", user: ada}}\n"
	sites := sitesOf(t, "sites:\n  a: "+hdfs+"  b: "+hdfs+"hooks:\n  stop: {command: [stop]}\n")
	at := activities.MirrorAt{Pair: activities.Pair{Source: "a", Target: "b"}, SourcePath: "/s", TargetPath: "/t"}
	in := activities.MirrorPreflightInput{MirrorAt: at, From: "s1", Freeze: "permissions", Hooks: []string{"stop", "start"}}
	res, err := activities.NewMirror(sites).PreflightMirror(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for id, subject := range map[string]string{"hook-unknown": "hook start", "target-quota": "/t at b", "freeze-unchecked": "/s at a"} {
		same := func(f preflight.Finding) bool { return f.ID == id }
		i := slices.IndexFunc(res.Findings, same)
		if i < 0 || res.Findings[i].Subject != subject || res.Findings[i].Severity != preflight.Block || slices.IndexFunc(res.Findings[i+1:], same) >= 0 {
			t.Errorf("want one blocking finding %s for %s among %+v", id, subject, res.Findings)
		}
	}
}
