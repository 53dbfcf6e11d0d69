package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

func TestNamedServiceWinsInOrder(t *testing.T) {
	all := map[string]string{
		"TEMPORAL_ADDRESS": "temporal.example:7233", "TEMPORAL_PROFILE": "prod", "TEMPORAL_CONFIG_FILE": "t.toml",
	}
	without := func(names ...string) map[string]string {
		env := map[string]string{}
		for k, v := range all {
			env[k] = v
		}
		for _, n := range names {
			delete(env, n)
		}
		return env
	}
	wish := Wish{Address: "configured:7233", Profile: "configured"}
	for _, c := range []struct {
		name string
		env  map[string]string
		wish Wish
		want Service
		ok   bool
	}{
		{
			"the address before everything", all, wish,
			Service{Source: FromAddress, Address: "temporal.example:7233", Profile: "prod"},
			true,
		},
		{
			"a profile before a file", without("TEMPORAL_ADDRESS"), wish,
			Service{Source: FromProfile, Profile: "prod"},
			true,
		},
		{
			"a profile file before the configuration", without("TEMPORAL_ADDRESS", "TEMPORAL_PROFILE"), wish,
			Service{Source: FromConfigFile},
			true,
		},
		{
			"a configured address before a configured profile", nil, wish,
			Service{Source: FromConfigAddress, Address: "configured:7233", Profile: "configured"},
			true,
		},
		{
			"a configured profile", nil,
			Wish{Profile: "configured"},
			Service{Source: FromConfigProfile, Profile: "configured"},
			true,
		},
		{"nothing", nil, Wish{}, Service{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := Named(func(k string) string { return c.env[k] }, c.wish)
			if got != c.want || ok != c.ok {
				t.Errorf("got %+v, %t; want %+v, %t", got, ok, c.want, c.ok)
			}
		})
	}
}

func TestResolveStartsNothingWhenAServiceIsNamed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // a start would fail on it
	svc, err := Resolve(ctx, func(string) string { return "" }, Wish{Address: "configured:7233"}, Options{Dir: t.TempDir()})
	if err != nil || svc.Server != nil {
		t.Errorf("got %+v, %v; want the configured address only", svc, err)
	}
}

func TestStateSurvivesItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.json")
	want := state{
		PID: 42, Version: "1.2.3", Binary: "/bin/x", Args: []string{"a", "b"}, Ports: Ports{1, 2, 3},
		DBFile: "d", LogFile: "l", Detached: true, Started: time.Unix(1, 0).UTC(),
	}
	if err := want.write(path); err != nil {
		t.Fatal(err)
	}
	got, err := readState(path)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readState(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("half a file: got %v, want an error naming it", err)
	}
}

// A pid file as left by a killed server, whose number another process has now.
func TestAPidNobodyHoldsIsNotRunning(t *testing.T) {
	o := Options{Dir: t.TempDir(), BinDir: t.TempDir()}
	writePID(t, o, os.Getpid())
	if err := (state{PID: os.Getpid()}).write(o.stateFile()); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(t.Context(), o); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v, want %v", err, ErrNotRunning)
	}
}

func TestAHeldPidThatTheStateDoesNotKnowIsNamed(t *testing.T) {
	o := Options{Dir: t.TempDir(), BinDir: t.TempDir()}
	writePID(t, o, 4711)
	lock := flock.New(o.pidFile())
	if ok, err := lock.TryLock(); !ok {
		t.Fatal(err)
	}
	defer lock.Unlock()
	if _, err := Find(t.Context(), o); err == nil || !strings.Contains(err.Error(), "4711") {
		t.Errorf("no state: got %v, want an error naming process 4711", err)
	}
	if err := (state{PID: 4712}).write(o.stateFile()); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(t.Context(), o); err == nil || !strings.Contains(err.Error(), "4711") {
		t.Errorf("other state: got %v, want an error naming process 4711", err)
	}
}

func writePID(t *testing.T, o Options, pid int) {
	t.Helper()
	if err := os.WriteFile(o.pidFile(), []byte(strconv.Itoa(pid)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPortsAreDistinctAndFree(t *testing.T) {
	got, err := choosePorts(Ports{})
	if err != nil {
		t.Fatal(err)
	}
	if got.GRPC == got.HTTP || got.HTTP == got.UI || got.GRPC == got.UI {
		t.Errorf("got %+v, want three ports", got)
	}
	for _, p := range []int{got.GRPC, got.HTTP, got.UI} {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
		if err != nil {
			t.Errorf("port %d: %v", p, err)
			continue
		}
		defer l.Close()
	}
	again, err := choosePorts(Ports{})
	if err != nil {
		t.Fatal(err)
	}
	if again.GRPC == got.GRPC || again.HTTP == got.HTTP || again.UI == got.UI {
		t.Errorf("while %+v are taken: got %+v", got, again)
	}
	if _, err := choosePorts(Ports{UI: got.UI}); err == nil || !strings.Contains(err.Error(), "UI port") {
		t.Errorf("forced port %d that is taken: got %v, want an error about the UI port", got.UI, err)
	}
}

func TestSourceIsFoundBesideThisFile(t *testing.T) {
	src, err := findSource()
	if err != nil {
		t.Fatal(err)
	}
	if src.version == "" || len(src.hash) != 12 {
		t.Errorf("got %+v, want a version and a hash", src)
	}
}

func TestBinaryNameFollowsTheSource(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	name := func() string {
		t.Helper()
		src, err := readSource(dir)
		if err != nil {
			t.Fatal(err)
		}
		return src.binary()
	}
	if _, err := readSource(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty directory: got %v, want %v", err, os.ErrNotExist)
	}
	write("go.mod", "module x\n\nrequire go.temporal.io/server v1.2.3\n")
	write("go.sum", "")
	write("main.go", "package main\n")
	first := name()
	if !strings.HasPrefix(first, "temporal-dev-1.2.3-") {
		t.Errorf("got %s, want the server's version in it", first)
	}
	write("main_test.go", "package main\n")
	if got := name(); got != first {
		t.Errorf("a test file changed the name from %s to %s", first, got)
	}
	write("main.go", "package main // changed\n")
	if got := name(); got == first {
		t.Errorf("a changed source kept the name %s", got)
	}
	write("go.mod", "module x\n")
	if _, err := readSource(dir); err == nil {
		t.Error("a module without the server: want an error")
	}
}

func TestModuleRootIsFoundUpwards(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	// A nested module on the way is not it.
	for path, text := range map[string]string{root: "module drover\n", filepath.Dir(deep): "module drover/other\n"} {
		if err := os.WriteFile(filepath.Join(path, "go.mod"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, ok := moduleRoot(deep); !ok || got != root {
		t.Errorf("got %s, %t; want %s", got, ok, root)
	}
}

func TestBuildOutputIsCountedAndComplaintsKept(t *testing.T) {
	var out buildOutput
	for _, part := range []string{
		"go: downloading example.org/a v1.0.0\ngo: downl", "oading example.org/b v1.0.0\n",
		"example.org/a/v2/x-y\nerrors\n", "# example.org/b\nb.go:1:2: undefined: x\nlast words",
	} {
		if _, err := out.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := out.progress(), "2 modules downloaded, 2 packages compiled"; got != want {
		t.Errorf("progress: got %q, want %q", got, want)
	}
	if got, want := out.complaint(), "# example.org/b\nb.go:1:2: undefined: x\nlast words"; got != want {
		t.Errorf("complaint: got %q, want %q", got, want)
	}
}

func TestProgressStopsWhenAsked(t *testing.T) {
	reports := make(chan time.Duration, 100)
	stop := every(time.Millisecond, func(d time.Duration) { reports <- d })
	if d := <-reports; d <= 0 {
		t.Errorf("passed time: got %s", d)
	}
	stop()
	close(reports) // a report after stop would panic
}

func TestArgumentsAreTheSameForTheSameOptions(t *testing.T) {
	o := Options{
		Dir: "/d", SearchAttributes: map[string]string{"B": "Int", "A": "Keyword"},
		DynamicConfig: map[string]any{"limit.x": 50, "a.b": true},
	}
	st, err := describe(o, Binary{Path: "/b/temporal", Version: "9.9.9"}, Ports{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	want := "server start-dev --ip 127.0.0.1 --port 1 --http-port 2 --ui-port 3 --db-filename /d/temporal-9.9.9.db " +
		"--pid-file /d/server.pid --log-format json --exit-on-stdin-close --search-attribute A=Keyword --search-attribute B=Int " +
		"--dynamic-config-value a.b=true --dynamic-config-value limit.x=50"
	if got := strings.Join(st.Args, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
