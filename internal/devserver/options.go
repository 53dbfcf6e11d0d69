package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/dynamicconfig"
)

// options is the parsed command line.
type options struct {
	IP         string // a loopback address
	Port       int    // gRPC
	HTTPPort   int    // HTTP API; 0 picks a free one
	UIPort     int    // 0 means Port+1000, as in the official tool
	Headless   bool
	Namespaces []string // "default" is always the first
	DBFile     string   // empty keeps everything in memory
	LogLevel   string
	LogFormat  string // "console" or "json"

	SearchAttributes map[string]enumspb.IndexedValueType
	DynamicConfig    dynamicconfig.StaticClient

	// PIDFile is locked for the lifetime of the process and holds its pid.
	PIDFile          string
	ExitOnStdinClose bool
}

// parse reads `server start-dev [flags]`. The two words may be left out.
func parse(args []string, stderr io.Writer) (options, error) {
	if len(args) > 0 && args[0] == "server" {
		args = args[1:]
	}
	if len(args) > 0 && args[0] == "start-dev" {
		args = args[1:]
	}
	o := options{
		Namespaces:       []string{"default"},
		SearchAttributes: map[string]enumspb.IndexedValueType{},
		DynamicConfig:    dynamicDefaults(),
	}
	fs := o.flags(stderr)
	if err := fs.Parse(args); err != nil {
		return options{}, err
	}
	if fs.NArg() > 0 {
		return options{}, fmt.Errorf("unknown argument %q: usage is `server start-dev [flags]`", fs.Arg(0))
	}
	return o, o.normalize()
}

func (o *options) flags(stderr io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet("server start-dev", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.IP, "ip", "127.0.0.1", "loopback `address` to listen on")
	fs.IntVar(&o.Port, "port", 7233, "gRPC `port`")
	fs.IntVar(&o.HTTPPort, "http-port", 0, "HTTP API `port` (0: a free one)")
	fs.IntVar(&o.UIPort, "ui-port", 0, "web UI `port` (0: gRPC port + 1000)")
	fs.BoolVar(&o.Headless, "headless", false, "no web UI")
	fs.StringVar(&o.DBFile, "db-filename", "", "SQLite `file` (none: in memory)")
	fs.StringVar(&o.LogLevel, "log-level", "warn", "debug, info, warn, error or never")
	fs.StringVar(&o.LogFormat, "log-format", "text", "text, pretty or json")
	fs.StringVar(&o.PIDFile, "pid-file", "", "`file` to lock and to write the pid to")
	fs.BoolVar(&o.ExitOnStdinClose, "exit-on-stdin-close", false, "stop when stdin ends, that is when the parent dies")
	fs.Func("namespace", "`name` of a namespace to create (repeatable)", o.addNamespace)
	fs.Func("search-attribute", "`name=type` of a search attribute (repeatable)", o.addSearchAttribute)
	fs.Func("dynamic-config-value", "`key=json` of a dynamic config value (repeatable)", o.addDynamicConfig)
	return fs
}

func (o *options) addNamespace(name string) error {
	if name == "" {
		return errors.New("a namespace needs a name")
	}
	if name != "default" {
		o.Namespaces = append(o.Namespaces, name)
	}
	return nil
}

func (o *options) addSearchAttribute(s string) error {
	name, kind, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return errors.New("want name=type, for example MigrationPhase=Keyword")
	}
	for known, value := range enumspb.IndexedValueType_shorthandValue {
		if value != 0 && strings.EqualFold(known, kind) {
			o.SearchAttributes[name] = enumspb.IndexedValueType(value)
			return nil
		}
	}
	return fmt.Errorf("unknown type %q: one of Text, Keyword, Int, Double, Bool, Datetime, KeywordList", kind)
}

func (o *options) addDynamicConfig(s string) error {
	key, text, ok := strings.Cut(s, "=")
	if !ok || key == "" {
		return errors.New("want key=json, for example limit.maxIDLength=255")
	}
	value, err := dynamicValue(text)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	o.DynamicConfig[dynamicconfig.MakeKey(key)] = value
	return nil
}

// dynamicValue decodes one JSON value. Whole numbers become int: the server
// silently ignores an integer setting that arrives as the float64 that
// encoding/json makes of every number.
func dynamicValue(text string) (any, error) {
	dec := json.NewDecoder(bytes.NewBufferString(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("decode %q as json: %w", text, err)
	}
	if dec.More() {
		return nil, fmt.Errorf("decode %q as json: more than one value", text)
	}
	return plainNumbers(v)
}

func plainNumbers(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case json.Number:
		if n, intErr := v.Int64(); intErr == nil {
			return int(n), nil
		}
		return v.Float64()
	case []any:
		for i := range v {
			if v[i], err = plainNumbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = plainNumbers(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// normalize fills in what depends on other flags and refuses what cannot work.
func (o *options) normalize() error {
	if o.IP == "localhost" {
		o.IP = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(o.IP)
	if err != nil {
		return fmt.Errorf("--ip %q: %w", o.IP, err)
	}
	if !ip.IsLoopback() {
		return fmt.Errorf("--ip %s is not a loopback address: this server has no authentication, "+
			"use the Compose file or a real cluster to serve other machines", o.IP)
	}
	if o.UIPort == 0 {
		o.UIPort = min(o.Port+1000, 65535)
	}
	switch o.LogFormat {
	case "text", "pretty", "":
		o.LogFormat = "console"
	case "json":
	default:
		return fmt.Errorf("--log-format %q: one of text, pretty, json", o.LogFormat)
	}
	switch o.LogLevel {
	case "debug", "info", "warn", "error":
	case "never":
		o.LogLevel = "fatal"
	default:
		return fmt.Errorf("--log-level %q: one of debug, info, warn, error, never", o.LogLevel)
	}
	if o.DBFile == "" {
		return nil
	}
	// The file name becomes a part of a SQLite URI, in which these would start
	// the query, the fragment or an escape.
	if strings.ContainsAny(o.DBFile, "?#%") {
		return fmt.Errorf("--db-filename %q: none of ?, # and %% may be in it", o.DBFile)
	}
	o.DBFile, err = filepath.Abs(o.DBFile)
	return err
}
