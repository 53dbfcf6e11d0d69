package temporalclient_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sdklog "go.temporal.io/sdk/log"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"drover/internal/config"
	"drover/internal/embedded"
	"drover/internal/fault"
	"drover/internal/secret"
	"drover/internal/temporalclient"
)

// lonely clears what the environment says about Temporal and returns options
// of an embedded server that does not run.
func lonely(t *testing.T) embedded.Options {
	t.Helper()
	for _, name := range []string{"TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE", "TEMPORAL_NAMESPACE", "TEMPORAL_API_KEY"} {
		t.Setenv(name, "")
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	return embedded.Options{Dir: t.TempDir(), BinDir: t.TempDir()}
}

func TestResolveSaysWhoNamedTheService(t *testing.T) {
	file := filepath.Join(t.TempDir(), "temporal.toml")
	toml := "[profile.default]\naddress = \"file:1\"\n[profile.prod]\naddress = \"prod:1\"\nnamespace = \"moves\"\n"
	if err := os.WriteFile(file, []byte(toml), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name                     string
		env                      map[string]string
		cfg                      config.Temporal
		address, namespace, from string
	}{
		{"the address in the environment", map[string]string{"TEMPORAL_ADDRESS": "env:1"}, config.Temporal{Address: "cfg:1"}, "env:1", "default", "TEMPORAL_ADDRESS"},
		{"a profile in the environment", map[string]string{"TEMPORAL_PROFILE": "prod", "TEMPORAL_CONFIG_FILE": file}, config.Temporal{Address: "cfg:1"}, "prod:1", "moves", "TEMPORAL_PROFILE"},
		{"a file in the environment", map[string]string{"TEMPORAL_CONFIG_FILE": file}, config.Temporal{}, "file:1", "default", "TEMPORAL_CONFIG_FILE"},
		{"the configuration", nil, config.Temporal{Address: "cfg:1", Namespace: "n"}, "cfg:1", "n", "temporal.address in the configuration"},
		{"a namespace in the environment", map[string]string{"TEMPORAL_NAMESPACE": "e"}, config.Temporal{Address: "cfg:1", Namespace: "n"}, "cfg:1", "e", "temporal.address in the configuration"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := lonely(t)
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			_, got, err := temporalclient.Resolve(t.Context(), tc.cfg, server)
			if err != nil {
				t.Fatal(err)
			}
			if got.Address != tc.address || got.Namespace != tc.namespace || got.From != tc.from {
				t.Errorf("Resolve = %+v, want %s %s from %s", got, tc.address, tc.namespace, tc.from)
			}
		})
	}
}

func TestResolveRefusesInWords(t *testing.T) {
	unset, err := secret.ParseRef("env:DROVER_TEST_UNSET")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		cfg  config.Temporal
		kind fault.Kind
		want string
	}{
		{"nothing named, nothing runs", config.Temporal{}, fault.Unavailable, "drover dev"},
		{"no port", config.Temporal{Address: "host"}, fault.InvalidInput, "write host:port"},
		{"an absent key", config.Temporal{Address: "h:1", APIKey: unset}, fault.InvalidInput, "DROVER_TEST_UNSET"},
		{"an absent profile", config.Temporal{Profile: "nobody"}, fault.InvalidInput, "nobody"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := temporalclient.Resolve(t.Context(), tc.cfg, lonely(t))
			if err == nil || fault.KindOf(err) != tc.kind || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Resolve = %v (kind %q), want kind %q and %q", err, fault.KindOf(err), tc.kind, tc.want)
			}
		})
	}
}

func TestDialTriesAgainThenSaysWhatToDo(t *testing.T) {
	server := lonely(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	tries := 0
	_, _, err = temporalclient.Dial(t.Context(), temporalclient.Options{
		Config: config.Temporal{Address: address}, Server: server, Wait: 400 * time.Millisecond,
		Retrying: func(temporalclient.Endpoint, error) { tries++ },
	})
	if err == nil || fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), address) || !strings.Contains(err.Error(), "drover dev") {
		t.Errorf("Dial = %v, want an error of kind Unavailable that names %s and what to do", err, address)
	}
	if tries == 0 {
		t.Error("Dial gave up at its first try")
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("operator pressed Ctrl-C")
	_, _, err := temporalclient.Dial(ctx, temporalclient.Options{
		Config: config.Temporal{Address: "127.0.0.1:1"}, Server: lonely(t), Wait: time.Hour,
		Retrying: func(temporalclient.Endpoint, error) { cancel(stopped) },
	})
	if !errors.Is(err, stopped) {
		t.Errorf("Dial = %v, want %v", err, stopped)
	}
}

func TestLinks(t *testing.T) {
	e := temporalclient.Endpoint{Namespace: "default", UI: "http://ui"}
	if got, want := e.RunLink("a/b", "r1"), "http://ui/namespaces/default/workflows/a%2Fb/r1/history"; got != want {
		t.Errorf("RunLink = %s, want %s", got, want)
	}
	if got, want := e.StartLink("HBaseMigration", "runbooks"), "http://ui/namespaces/default/workflows/start-workflow?taskQueue=runbooks&workflowType=HBaseMigration"; got != want {
		t.Errorf("StartLink = %s, want %s", got, want)
	}
	e.UI = ""
	if e.RunLink("x", "") != "" || e.StartLink("x", "y") != "" {
		t.Error("there are links without a UI, want none")
	}
}

func TestLoggerKeepsLevelFieldsAndCaller(t *testing.T) {
	core, seen := observer.New(zap.DebugLevel)
	logger := temporalclient.Logger(zap.New(core, zap.AddCaller()))
	sdklog.With(logger, "queue", "runbooks").Warn("slow", "millis", 7)
	entries := seen.All()
	if len(entries) != 1 {
		t.Fatalf("%d entries, want 1", len(entries))
	}
	entry := entries[0]
	fields := entry.ContextMap()
	if entry.Level != zap.WarnLevel || entry.Message != "slow" || fields["queue"] != "runbooks" || fields["millis"] != int64(7) {
		t.Errorf("entry = %v %q %v", entry.Level, entry.Message, fields)
	}
	if !strings.HasSuffix(entry.Caller.File, "client_test.go") {
		t.Errorf("caller = %s, want this file", entry.Caller)
	}
}
