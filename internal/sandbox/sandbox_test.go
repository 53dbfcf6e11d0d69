package sandbox

import (
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drover/internal/config"
)

// testSandbox has a state and a directory but no process.
func testSandbox(t *testing.T) *Sandbox {
	t.Helper()
	return &Sandbox{
		dir: t.TempDir(), log: newProgress(nil),
		state: state{BasePort: 20000, Libs: "/jars", Daemons: map[string]process{}},
	}
}

func TestPortsAreTheSameEachTime(t *testing.T) {
	free := func(int) bool { return true }
	first, err := choosePorts("/some/dir", free)
	if err != nil {
		t.Fatal(err)
	}
	second, err := choosePorts("/some/dir", free)
	if err != nil {
		t.Fatal(err)
	}
	if first != second {
		t.Errorf("second choice = %v, want %v as before", second, first)
	}
}

func TestPortsAvoidASlotInUse(t *testing.T) {
	taken, err := choosePorts("/some/dir", func(int) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	got, err := choosePorts("/some/dir", func(port int) bool { return port != taken.regionServer("b") })
	if err != nil {
		t.Fatal(err)
	}
	for _, port := range got.all() {
		if slices.Contains(taken.all(), port) {
			t.Errorf("port %d is of the slot in use", port)
		}
	}
	if _, err := choosePorts("/some/dir", func(int) bool { return false }); err == nil {
		t.Error("no free port at all: got no error")
	}
}

func TestPortsDifferAndStayBelowTheEphemeralRange(t *testing.T) {
	last := ports{base: firstPort + (slotCount-1)*slotSize}
	seen := map[int]bool{}
	for _, port := range last.all() {
		if seen[port] {
			t.Errorf("port %d is used twice", port)
		}
		seen[port] = true
		if port < last.base || port >= last.base+slotSize || port >= 32768 {
			t.Errorf("port %d is outside its slot or in the ephemeral range", port)
		}
	}
	for _, daemon := range DaemonNames() {
		if !seen[last.main(daemon)] {
			t.Errorf("%s listens on %d, which is not probed", daemon, last.main(daemon))
		}
	}
}

func TestSiteXMLKeepsEveryValue(t *testing.T) {
	want := properties{"b": "two", "a": `<&">`, "empty": ""}
	body, err := want.encode()
	if err != nil {
		t.Fatal(err)
	}
	var doc xmlConfiguration
	if err := xml.Unmarshal(body, &doc); err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	got := []xmlProperty{{"a", `<&">`}, {"b", "two"}, {"empty", ""}}
	if diff := cmp.Diff(got, doc.Properties); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
}

func TestBulkLoadReplicationIsOffUnlessAskedFor(t *testing.T) {
	s := testSandbox(t)
	if got := s.hbaseSite("a")["hbase.replication.bulkload.enabled"]; got != "false" {
		t.Errorf("by default bulkload.enabled = %q, want false", got)
	}
	s.state.BulkLoadReplication = true
	got := s.hbaseSite("b")
	if got["hbase.replication.bulkload.enabled"] != "true" || got["hbase.replication.cluster.id"] != "b" {
		t.Errorf("asked for: enabled %q, cluster id %q", got["hbase.replication.bulkload.enabled"], got["hbase.replication.cluster.id"])
	}
	// The sink looks for <conf.dir>/<cluster id>/*.xml of its source.
	if dir := filepath.Join(got["hbase.replication.conf.dir"], "a"); dir != s.confDir("a") {
		t.Errorf("configuration of source a is sought in %s, want %s", dir, s.confDir("a"))
	}
}

func TestExtraPropertiesWin(t *testing.T) {
	s := testSandbox(t)
	s.state.HBaseSite = map[string]string{"hbase.regionserver.handler.count": "3"}
	if got := s.daemonsHBaseSite("a")["hbase.regionserver.handler.count"]; got != "3" {
		t.Errorf("handler count of a daemon = %q, want 3", got)
	}
	if got := s.hbaseSite("a")["hbase.regionserver.handler.count"]; got == "3" {
		t.Error("tools see what was asked for the daemons")
	}
}

func TestConfigFileLoads(t *testing.T) {
	s := testSandbox(t)
	if err := s.writeConf(); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(s.ConfigPath())
	if err != nil {
		t.Fatalf("load %s: %v", ConfigFile, err)
	}
	for name, want := range s.Sites() {
		got := cfg.Sites[name]
		if got.HBase.Quorum != want.Quorum || got.HBase.ZNodeParent != want.ZNodeParent || got.HBase.RootDir != want.RootDir {
			t.Errorf("site %s: hbase = %+v, want %+v", name, got.HBase, want)
		}
		if !slices.Equal(got.HDFS.NameNodes, []string{want.NameNode}) {
			t.Errorf("site %s: name nodes = %v, want %s", name, got.HDFS.NameNodes, want.NameNode)
		}
	}
}

func TestStateSurvivesTheProcess(t *testing.T) {
	s := testSandbox(t)
	s.state.HBaseSite = map[string]string{"k": "v"}
	s.state.Daemons["a/master"] = process{PID: 7, LogOffset: 100}
	if err := s.writeState(); err != nil {
		t.Fatal(err)
	}
	got, err := Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.state, got.state); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
}

func TestOpenSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); !errors.Is(err, errNoState) || !strings.Contains(err.Error(), "drover sandbox up") {
		t.Errorf("open of an empty directory: %v, want errNoState and the command to run", err)
	}
	if err := os.WriteFile(filepath.Join(dir, stateFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("open with half a state file: %v, want it called damaged", err)
	}
}

func TestOtherSettingsAreRefused(t *testing.T) {
	tests := []struct {
		name string
		made state
		opts Options
		want bool // refused
	}{
		{"nothing asked of a plain one", state{}, Options{}, false},
		{"nothing asked of a special one", state{FullJIT: true, HBaseSite: map[string]string{"k": "v"}}, Options{}, false},
		{"the same", state{HBaseSite: map[string]string{"k": "v"}}, Options{HBaseSite: map[string]string{"k": "v"}}, false},
		{"other properties", state{HBaseSite: map[string]string{"k": "v"}}, Options{HBaseSite: map[string]string{"k": "w"}}, true},
		{"the full compiler", state{}, Options{FullJIT: true}, true},
		{"bulk load replication", state{}, Options{BulkLoadReplication: true}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &Sandbox{dir: "/d", state: tt.made}
			if err := s.sameSettings(tt.opts); (err != nil) != tt.want {
				t.Errorf("sameSettings = %v, want refused %v", err, tt.want)
			}
		})
	}
}

func TestDaemonNames(t *testing.T) {
	if got := len(DaemonNames()); got != 9 {
		t.Errorf("%d daemons, want 9", got)
	}
	if err := checkDaemon("a/master"); err != nil {
		t.Error(err)
	}
	if err := checkDaemon("a/masters"); err == nil || !strings.Contains(err.Error(), "b/regionserver") {
		t.Errorf("unknown daemon: %v, want an error listing those there are", err)
	}
}

func TestHDFSAloneNeedsFourDaemons(t *testing.T) {
	want := []string{"a/namenode", "b/namenode", "a/datanode", "b/datanode"}
	if diff := cmp.Diff(want, daemonsFor(true)); diff != "" {
		t.Errorf("daemons (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(DaemonNames(), daemonsFor(false)); diff != "" {
		t.Errorf("all daemons (-want +got):\n%s", diff)
	}
	for name, alive := range map[string]map[string]int{
		"nothing": {}, "HDFS": {"a/namenode": 1, "b/datanode": 2}, "a tool": {"tool": 3, "a/format": 4},
	} {
		if runsHBase(alive) {
			t.Errorf("%s runs: taken for HBase", name)
		}
	}
	if !runsHBase(map[string]int{"zookeeper": 1}) || !runsHBase(map[string]int{"b/master": 1}) {
		t.Error("a daemon of HBase is not noticed")
	}
}

// TestStatusHidesNoDaemonThatRuns: a sandbox of HDFS alone lists its own four
// daemons, and whatever else runs in its directory.
func TestStatusHidesNoDaemonThatRuns(t *testing.T) {
	s := testSandbox(t)
	for _, tc := range []struct {
		only, zookeeper bool
		want            int
	}{{false, false, 9}, {true, false, 4}, {true, true, 5}} {
		s.state.OnlyHDFS = tc.only
		if err := s.writeState(); err != nil {
			t.Fatal(err)
		}
		if tc.zookeeper {
			linger(t, marker+s.dir+"/"+ZooKeeper)
		}
		got, err := s.Status(t.Context())
		if err != nil || len(got) != tc.want {
			t.Errorf("only HDFS %v, ZooKeeper runs %v: %d daemons, %v, want %d", tc.only, tc.zookeeper, len(got), err, tc.want)
		}
	}
}

func TestDaemonsCarryTheirMarkerAndCompiler(t *testing.T) {
	s := testSandbox(t)
	for _, daemon := range DaemonNames() {
		args := s.daemonArgs(daemon)
		if !slices.Contains(args, marker+s.dir+"/"+daemon) || !slices.Contains(args, "-XX:TieredStopAtLevel=1") {
			t.Errorf("%s: arguments lack the marker or the compiler flag: %q", daemon, args)
		}
	}
	s.state.FullJIT = true
	if slices.Contains(s.daemonArgs("a/master"), "-XX:TieredStopAtLevel=1") {
		t.Error("the full compiler was asked for, but is off")
	}
}

func TestDirectoriesHadoopCannotTakeAreRefused(t *testing.T) {
	for _, dir := range []string{"/with space", "/with,comma"} {
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "must hold no space") {
			t.Errorf("open %q: %v, want it refused", dir, err)
		}
	}
}
