package main

import (
	"io"
	"net"
	"reflect"
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/dynamicconfig"
)

// The argument list of testsuite.StartDevServer in the Go SDK.
func TestTheSDKsArgumentsAreAccepted(t *testing.T) {
	o, err := parse(strings.Fields("server start-dev --ip 127.0.0.1 --port 7000 --namespace default "+
		"--dynamic-config-value frontend.enableServerVersionCheck=false --log-level warn --log-format pretty "+
		"--headless --db-filename x.db --ui-port 8000 --search-attribute MigrationPhase=Keyword"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"default"}; !reflect.DeepEqual(o.Namespaces, want) {
		t.Errorf("namespaces: got %v, want %v", o.Namespaces, want)
	}
	if got := o.DynamicConfig[dynamicconfig.MakeKey("frontend.enableServerVersionCheck")]; got != false {
		t.Errorf("dynamic config: got %v, want false", got)
	}
	if got := o.SearchAttributes["MigrationPhase"]; got != enumspb.INDEXED_VALUE_TYPE_KEYWORD {
		t.Errorf("search attribute: got %v, want a keyword", got)
	}
	if !o.Headless || o.Port != 7000 || o.UIPort != 8000 {
		t.Errorf("got %+v", o)
	}
}

func TestWholeNumbersBecomeInts(t *testing.T) {
	for text, want := range map[string]any{
		"50": 50, "0.5": 0.5, "true": true, `"x"`: "x", "[1,2.5]": []any{1, 2.5}, `{"a":1}`: map[string]any{"a": 1},
	} {
		got, err := dynamicValue(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, %v; want %#v", text, got, err, want)
		}
	}
}

func TestAGivenValueReplacesTheDefault(t *testing.T) {
	// Keys are compared without case, as the server does.
	o, err := parse([]string{"--dynamic-config-value", "history.TRANSFERprocessorMaxPollRPS=7"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if got := o.DynamicConfig[dynamicconfig.MakeKey("history.transferProcessorMaxPollRPS")]; got != 7 {
		t.Errorf("got %v, want 7", got)
	}
}

func TestBadArgumentsAreRefusedInWords(t *testing.T) {
	for args, want := range map[string]string{
		"--ip 0.0.0.0":                      "no authentication",
		"--ip nowhere":                      "--ip",
		"--log-level loud":                  "never",
		"--log-format xml":                  "json",
		"--search-attribute X=Colour":       "Colour",
		"--search-attribute X":              "name=type",
		"--dynamic-config-value limit.x=1,": "limit.x",
		"--dynamic-config-value limit.x":    "key=json",
		"--db-filename a?b.db":              "db-filename",
		"server start-dev extra":            "extra",
	} {
		if _, err := parse(strings.Fields(args), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", args, err, want)
		}
	}
}

func TestATakenPortIsNamedByItsFlag(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := options{IP: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Headless: true}
	if err := o.checkPorts(); err == nil || !strings.Contains(err.Error(), "--port") {
		t.Errorf("got %v, want an error about --port", err)
	}
}
