package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drover/internal/config"
	"drover/internal/fault"
)

// hdfsOnly is a configuration with a site of each way to name an HDFS and one
// with HBase.
func hdfsOnly(t *testing.T) config.Config {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"core-site.xml": `<configuration><property><name>fs.defaultFS</name><value>hdfs://prod/</value></property></configuration>`,
		"hdfs-site.xml": `<configuration><property><name>dfs.nameservices</name><value>prod,dr</value></property>
<property><name>dfs.ha.namenodes.prod</name><value>x,y</value></property>
<property><name>dfs.namenode.rpc-address.prod.x</name><value>h1:8020</value></property>
<property><name>dfs.namenode.rpc-address.prod.y</name><value>h2:8020</value></property>
<property><name>dfs.namenode.rpc-address.dr</name><value>h3:9000</value></property></configuration>`,
		"drover.yaml": `sites:
  prod:
    hdfs: {coreSite: core-site.xml, hdfsSite: hdfs-site.xml, user: etl}
  dr:
    hdfs: {namenode: "h3:9000", user: mirror}
  tables:
    hbase: {quorum: zk1, rootDir: "hdfs://h4:8020/hbase", user: hbase}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(filepath.Join(dir, "drover.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestASiteMayConsistOfHDFSAlone(t *testing.T) {
	t.Setenv("HADOOP_USER_NAME", "olga")
	cfg := hdfsOnly(t)
	prod, dr := cfg.Sites["prod"], cfg.Sites["dr"]
	if prod.HasHBase() || dr.HasHBase() || !cfg.Sites["tables"].HasHBase() {
		t.Error("HasHBase is wrong for one of the sites")
	}
	if diff := cmp.Diff([]string{"h1:8020", "h2:8020"}, prod.HDFS.NameNodes); diff != "" || prod.HDFS.URI != "hdfs://prod" || prod.HDFS.User != "etl" {
		t.Errorf("prod = %+v (-want +got):\n%s", prod.HDFS, diff)
	}
	if got := cfg.Sites["tables"].HDFS.URI; got != "hdfs://h4:8020" {
		t.Errorf("file system under HBase = %s, want hdfs://h4:8020", got)
	}
	alone, err := config.Parse([]byte(`sites: {x: {hdfs: {namenode: "n:1"}}}`), t.TempDir())
	if err != nil || alone.Sites["x"].HDFS.User != "olga" {
		t.Errorf("a namenode alone: %+v, %v, want the user of the process", alone.Sites["x"].HDFS, err)
	}
	for text, want := range map[string]string{
		`sites: {x: {hdfs: {user: u}}}`:                     "fs.defaultFS is not set",
		`sites: {x: {hdfs: {namenode: "host"}}}`:            "write host:port",
		`sites: {x: {hdfs: {namenode: "hdfs://"}}}`:         "write host:port",
		`sites: {x: {hdfs: {namenode: "hdfs://n:1/data"}}}`: "without a path",
		`sites: {x: {}}`: "hbase.quorum is missing",
	} {
		if _, err := config.Parse([]byte(text), t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%s) = %v, want an error with %q", text, err, want)
		}
	}
}

// TestASiteMayBeAFullURI: of a cluster whose Hadoop files are not at hand.
func TestASiteMayBeAFullURI(t *testing.T) {
	for uri, want := range map[string]string{"hdfs://n:9000": "n:9000", "hdfs://n": "n:8020", "hdfs://n/": "n:8020", "n:9000": "n:9000"} {
		cfg, err := config.Parse([]byte(`sites: {x: {hdfs: {namenode: "`+uri+`"}}}`), t.TempDir())
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		if at := cfg.Sites["x"].HDFS; at.URI != "hdfs://"+want || !slices.Equal(at.NameNodes, []string{want}) {
			t.Errorf("%s: %+v, want %s", uri, at, want)
		}
	}
}

func TestLocate(t *testing.T) {
	t.Setenv("HADOOP_USER_NAME", "olga")
	cfg := hdfsOnly(t)
	here, err := filepath.Abs("a:x")
	if err != nil {
		t.Fatal(err)
	}
	prod := []string{"h1:8020", "h2:8020"}
	for text, want := range map[string]config.Location{
		"prod:/a//b/":                  {Site: "prod", URI: "hdfs://prod", NameNodes: prod, User: "etl", Path: "/a/b"},
		"tables:/hbase":                {Site: "tables", URI: "hdfs://h4:8020", NameNodes: []string{"h4:8020"}, User: "hbase", Path: "/hbase"},
		"hdfs://prod/a%20b":            {Site: "prod", URI: "hdfs://prod", NameNodes: prod, User: "etl", Path: "/a%20b"},
		"hdfs://prod":                  {Site: "prod", URI: "hdfs://prod", NameNodes: prod, User: "etl", Path: "/"},
		"hdfs://dr/x":                  {Site: "dr", URI: "hdfs://dr", NameNodes: []string{"h3:9000"}, User: "mirror", Path: "/x"},
		"hdfs://h2:8020/x":             {Site: "prod", URI: "hdfs://h2:8020", NameNodes: []string{"h2:8020"}, User: "etl", Path: "/x"},
		"hdfs://other/x y/.snapshot/s": {URI: "hdfs://other", NameNodes: []string{"other:8020"}, User: "olga", Path: "/x y/.snapshot/s"},
		"hdfs://[::1]:9000/x":          {URI: "hdfs://[::1]:9000", NameNodes: []string{"[::1]:9000"}, User: "olga", Path: "/x"},
		"file:///tmp/../x":             {Path: "/x"},
		"/tmp/a%b":                     {Path: "/tmp/a%b"},
		"a:x":                          {Path: here},
	} {
		t.Run(text, func(t *testing.T) {
			got, err := cfg.Locate(text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Locate(%q) (-want +got):\n%s", text, diff)
			}
		})
	}
}

func TestLocateRefusesInWords(t *testing.T) {
	cfg := hdfsOnly(t)
	for _, tc := range []struct {
		text, want string
		kind       fault.Kind
	}{
		{"", "the location is empty", fault.InvalidInput},
		{"prodd:/x", `drover.yaml has no site "prodd", did you mean "prod"?`, fault.NotFound},
		{"gs://bucket/x", "gs is not supported", fault.Unsupported},
		{"hdfs:///x", "write hdfs://namenode:8020/x", fault.InvalidInput},
		{"hdfs://u@h/x", "neither host:port nor a nameservice", fault.InvalidInput},
		{"file://host/x", "write file:///path", fault.InvalidInput},
	} {
		t.Run(tc.text, func(t *testing.T) {
			_, err := cfg.Locate(tc.text)
			if err == nil || !strings.Contains(err.Error(), tc.want) || fault.KindOf(err) != tc.kind {
				t.Errorf("Locate(%q) = %v (%s), want %q (%s)", tc.text, err, fault.KindOf(err), tc.want, tc.kind)
			}
		})
	}
	if _, err := (config.Config{}).Locate("a:/x"); err == nil || !strings.Contains(err.Error(), "no configuration with a site") {
		t.Errorf("a site without any configuration: %v", err)
	}
}

func TestANameserviceThatSitesKnowDifferentlyIsAmbiguous(t *testing.T) {
	dir := t.TempDir()
	var yaml strings.Builder
	yaml.WriteString("sites:\n")
	for _, name := range []string{"a", "b"} {
		text := `<configuration><property><name>fs.defaultFS</name><value>hdfs://ns</value></property>
<property><name>dfs.nameservices</name><value>ns</value></property>
<property><name>dfs.namenode.rpc-address.ns</name><value>` + name + `:1</value></property></configuration>`
		if err := os.WriteFile(filepath.Join(dir, name+".xml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		yaml.WriteString("  " + name + ": {hdfs: {coreSite: " + name + ".xml}}\n")
	}
	cfg, err := config.Parse([]byte(yaml.String()), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cfg.Locate("hdfs://ns/x"); err == nil || !strings.Contains(err.Error(), "sites a and b know different NameNodes for ns") {
		t.Errorf("Locate = %v, want it refused as ambiguous", err)
	}
}
