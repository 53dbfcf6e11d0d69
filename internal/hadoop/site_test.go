package hadoop_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drover/internal/hadoop"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadMergesAsHadoopDoes(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "extra.xml", `<configuration><property><name>included</name><value>yes</value></property></configuration>`)
	first := write(t, dir, "core-site.xml", `<?xml version="1.0"?>
<!-- a comment -->
<configuration xmlns:xi="http://www.w3.org/2001/XInclude">
  <property><name> fs.default.name </name><value>hdfs://nn:9000</value></property>
  <property><name>locked</name><value>first</value><final>true</final></property>
  <property><name>open</name><value>first</value></property>
  <property><name>twice</name><value>one</value></property>
  <property><name>twice</name><value>two</value></property>
  <property name="attribute" value="short form"/>
  <property><name>no value</name></property>
  <unknown><deep/></unknown>
  <xi:include href="extra.xml"/>
</configuration>`)
	second := write(t, dir, "hbase-site.xml", `<configuration>
  <property><name>locked</name><value>second</value></property>
  <property><name>open</name><value>second</value></property>
</configuration>`)
	site, err := hadoop.Load(first, second)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, name := range site.Names() {
		got[name], _ = site.Get(name)
	}
	want := map[string]string{
		"fs.defaultFS": "hdfs://nn:9000", "locked": "first", "open": "second",
		"twice": "two", "attribute": "short form", "included": "yes",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("merged properties (-want +got):\n%s", diff)
	}
	if source := site.Source("open"); source != second {
		t.Errorf("source of open = %s, want %s", source, second)
	}
}

func TestExpansion(t *testing.T) {
	env := func(name string) (string, bool) {
		value, ok := map[string]string{"ROOT": "/data", "EMPTY": ""}[name]
		return value, ok
	}
	site := hadoop.NewSite([]hadoop.Property{
		{Name: "a", Value: "x${b}z"},
		{Name: "b", Value: "[${c}]"},
		{Name: "c", Value: "y"},
		{Name: "unknown", Value: "${nobody}/t"},
		{Name: "self", Value: "${self}"},
		{Name: "ping", Value: "${pong}"},
		{Name: "pong", Value: "${ping}"},
		{Name: "env", Value: "${env.ROOT}/hbase"},
		{Name: "unset", Value: "${env.NONE}"},
		{Name: "default", Value: "${env.NONE-fallback}"},
		{Name: "empty", Value: "<${env.EMPTY-fallback}>"},
		{Name: "emptyToo", Value: "${env.EMPTY:-fallback}"},
		{Name: "nested", Value: "${${which}}"},
		{Name: "which", Value: "c"},
		{Name: "odd", Value: "${} ${a b} }${"},
	}).WithEnv(env)
	for name, want := range map[string]string{
		"a": "x[y]z", "unknown": "${nobody}/t", "self": "${self}", "ping": "${pong}",
		"env": "/data/hbase", "unset": "${env.NONE}", "default": "fallback",
		"empty": "<>", "emptyToo": "fallback", "nested": "y", "odd": "${} ${a b} }${",
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := site.Get(name); got != want {
				t.Errorf("Get(%q) = %q, want %q", name, got, want)
			}
		})
	}
}

func TestUnreadableFilesAreNamed(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct{ name, text, want string }{
		{"not xml", "<configuration><property>", "line 1"},
		{"another root", "<html/>", "<configuration> is expected"},
		{"nothing", "", "no <configuration>"},
		{"an absent include", `<configuration><include href="gone.xml"/></configuration>`, "gone.xml"},
		{"a circle", `<configuration><include href="a circle.xml"/></configuration>`, "include each other"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := write(t, dir, tc.name+".xml", tc.text)
			_, err := hadoop.Load(path)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Load = %v, want %s and the text %q", err, path, tc.want)
			}
		})
	}
	if _, err := hadoop.Load(filepath.Join(dir, "absent.xml")); err == nil {
		t.Error("an absent file loads, want an error")
	}
}

func TestQuorum(t *testing.T) {
	for _, tc := range []struct{ name, quorum, port, want string }{
		{"the default port", "h1,h2", "", "h1:2181,h2:2181"},
		{"another port", "h1, h2 ,", "2999", "h1:2999,h2:2999"},
		{"mixed", "h1:2182,h2", "2181", "h1:2182,h2:2181"},
		{"none", "", "2181", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			site := hadoop.NewSite([]hadoop.Property{
				{Name: "hbase.zookeeper.quorum", Value: tc.quorum},
				{Name: "hbase.zookeeper.property.clientPort", Value: tc.port},
			})
			if got, err := site.Quorum(); err != nil || got != tc.want {
				t.Errorf("Quorum of %q = %q, %v, want %q", tc.quorum, got, err, tc.want)
			}
		})
	}
	for _, bad := range []string{"h1:x", "h1:0", "h 1", ":2181", "h1:2181:/hbase"} {
		if got, err := hadoop.NormalizeQuorum(bad, ""); err == nil {
			t.Errorf("NormalizeQuorum(%q) = %q, want an error", bad, got)
		}
	}
}

func TestRootDirAndNameNodes(t *testing.T) {
	ha := []hadoop.Property{
		{Name: "fs.defaultFS", Value: "hdfs://prod"},
		{Name: "dfs.nameservices", Value: "prod,lonely,broken"},
		{Name: "dfs.ha.namenodes.prod", Value: "nn1, nn2"},
		{Name: "dfs.namenode.rpc-address.prod.nn1", Value: "h1:9000"},
		{Name: "dfs.namenode.rpc-address.prod.nn2", Value: "h2"},
		{Name: "dfs.namenode.rpc-address.lonely", Value: "h3:8020"},
		{Name: "dfs.ha.namenodes.broken", Value: "nn1"},
	}
	site := hadoop.NewSite(append(ha, hadoop.Property{Name: "hbase.rootdir", Value: "/hbase/"}))
	if got, err := site.RootDir(); err != nil || got != "hdfs://prod/hbase" {
		t.Errorf("RootDir = %q, %v, want hdfs://prod/hbase", got, err)
	}
	for _, tc := range []struct {
		uri  string
		want []string
	}{
		{"", []string{"h1:9000", "h2:8020"}},
		{"hdfs:///hbase", []string{"h1:9000", "h2:8020"}},
		{"hdfs://lonely/x", []string{"h3:8020"}},
		{"hdfs://other/x", []string{"other:8020"}},
		{"hdfs://other:9/x", []string{"other:9"}},
	} {
		got, err := site.NameNodes(tc.uri)
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("NameNodes(%q): %v (-want +got):\n%s", tc.uri, err, diff)
		}
	}
	for _, bad := range []string{"hdfs://broken/x", "oss://bucket/x", "s3:///x", "%zz"} {
		if got, err := site.NameNodes(bad); err == nil {
			t.Errorf("NameNodes(%q) = %v, want an error", bad, got)
		}
	}
	if _, err := (hadoop.Site{}).NameNodes(""); err == nil {
		t.Error("an empty site has NameNodes, want an error")
	}
	if _, err := (hadoop.Site{}).Qualify("/hbase"); err == nil {
		t.Error("a bare path without fs.defaultFS qualifies, want an error")
	}
}

// FuzzParse holds that no text makes the reader panic or loop, and that every
// property it yields has a name and can be expanded.
func FuzzParse(f *testing.F) {
	f.Add(`<configuration><property><name>a</name><value>${a}${b}</value></property></configuration>`)
	f.Add(`<configuration><property name="a" value="${env.X:-${b}}" final="true"/><configuration/></configuration>`)
	f.Add(`<configuration><property><name>a</name><value>${`)
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "include") {
			t.Skip("includes reach for files")
		}
		properties, err := hadoop.Parse("fuzz.xml", strings.NewReader(text))
		if err != nil {
			return
		}
		site := hadoop.NewSite(properties)
		for _, name := range site.Names() {
			if name == "" {
				t.Fatalf("%q yields a property without a name", text)
			}
			site.Get(name)
		}
	})
}
