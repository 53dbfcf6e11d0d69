package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drover/internal/config"
)

const minimal = `sites:
  a:
    hbase: {quorum: "h1,h2:2182", rootDir: "hdfs://nn:9000/hbase", user: hbase}
`

func TestLoadReadsSiteFilesRelativeToTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a/hbase-site.xml": `<configuration>
<property><name>hbase.rootdir</name><value>/hbase</value></property>
<property><name>hbase.zookeeper.quorum</name><value>zk1,zk2</value></property>
<property><name>zookeeper.znode.parent</name><value>/hbase-a</value></property>
<property><name>hbase.replication.bulkload.enabled</name><value>true</value></property></configuration>`,
		"a/core-site.xml": `<configuration><property><name>fs.defaultFS</name><value>hdfs://prod</value></property></configuration>`,
		"a/hdfs-site.xml": `<configuration><property><name>dfs.nameservices</name><value>prod</value></property>
<property><name>dfs.ha.namenodes.prod</name><value>x,y</value></property>
<property><name>dfs.namenode.rpc-address.prod.x</name><value>h1:8020</value></property>
<property><name>dfs.namenode.rpc-address.prod.y</name><value>h2:8020</value></property></configuration>`,
		"drover.yaml": `sites:
  a:
    hbase: {site: a/hbase-site.xml, user: hbase}
    hdfs: {coreSite: a/core-site.xml, hdfsSite: a/hdfs-site.xml}
worker: {stateDir: state}
`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(filepath.Join(dir, "drover.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	site := cfg.Sites["a"]
	wantHBase := config.HBase{
		Site: filepath.Join(dir, "a/hbase-site.xml"), Quorum: "zk1:2181,zk2:2181",
		ZNodeParent: "/hbase-a", RootDir: "hdfs://prod/hbase", User: "hbase",
	}
	if diff := cmp.Diff(wantHBase, site.HBase); diff != "" {
		t.Errorf("hbase (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"h1:8020", "h2:8020"}, site.HDFS.NameNodes); diff != "" {
		t.Errorf("name nodes (-want +got):\n%s", diff)
	}
	if got, _ := site.Properties().Get("hbase.replication.bulkload.enabled"); got != "true" {
		t.Errorf("a property of the site file = %q, want true", got)
	}
	if want := filepath.Join(dir, "state"); cfg.Worker.StateDir != want {
		t.Errorf("stateDir = %q, want %q", cfg.Worker.StateDir, want)
	}
	if diff := cmp.Diff([]string{"runbooks", "site-a", "copy-a"}, cfg.WorkerQueues()); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
}

func TestParseFillsDefaults(t *testing.T) {
	cfg, err := config.Parse([]byte(minimal), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	site := cfg.Sites["a"]
	if site.HBase.Quorum != "h1:2181,h2:2182" || site.HBase.ZNodeParent != "/hbase" ||
		site.HDFS.NameNode != "nn:9000" || site.HDFS.User != "hbase" {
		t.Errorf("completed site = %+v", site)
	}
	if cfg.Worker.StateDir == "" {
		t.Error("stateDir is empty, want a directory in the cache")
	}
}

func TestHooksAreCompleted(t *testing.T) {
	dir := t.TempDir()
	cfg, err := config.Parse([]byte(minimal+`hooks:
  clients: {command: [bin/repoint, a b], env: {TOKEN: "file:token"}, timeout: 90s}
  mail: {command: [mail]}
`), dir)
	if err != nil {
		t.Fatal(err)
	}
	clients, mail := cfg.Hooks["clients"], cfg.Hooks["mail"]
	if path, _ := clients.Env["TOKEN"].Path(); path != filepath.Join(dir, "token") || clients.Timeout != 90*time.Second {
		t.Errorf("clients = %+v", clients)
	}
	if diff := cmp.Diff([]string{filepath.Join(dir, "bin/repoint"), "a b"}, clients.Command); diff != "" {
		t.Errorf("command (-want +got):\n%s", diff)
	}
	if mail.Command[0] != "mail" || mail.Timeout != 10*time.Minute {
		t.Errorf("mail = %+v, want it looked for in PATH, and the default timeout", mail)
	}
}

func TestParseRefusesInWords(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"an unknown top key", minimal + "temporl: {}\n", `line 4: unknown key "temporl", did you mean "temporal"?`},
		{"an unknown site key", "sites:\n  a:\n    hbase:\n      zonde: x\n", `line 4: unknown key "sites.a.hbase.zonde"`},
		{"another case", "sites: {a: {hbase: {rootdir: x}}}", `did you mean "rootDir"?`},
		{"a doubled key", minimal + "sites: {}\n", "already defined"},
		{"no document", "", "one YAML document"},
		{"two documents", minimal + "---\n" + minimal, "one YAML document"},
		{"a list", "- a\n", "a block of keys is expected"},
		{"a text for a site", "sites: {a: x}", "sites.a is a string"},
		{"broken yaml", "sites: {", "line 1"},
		{"no sites", "temporal: {}", "sites is empty"},
		{"a bad site name", strings.Replace(minimal, "  a:", "  A_1:", 1), `site "A_1"`},
		{"no quorum", "sites: {a: {hbase: {rootDir: hdfs://nn:1/hbase}}}", "hbase.quorum is missing"},
		{"no root directory", "sites: {a: {hbase: {quorum: h}}}", "hbase.rootDir is missing"},
		{"a root without address", `sites: {a: {hbase: {quorum: h, rootDir: "/hbase"}}}`, "fs.defaultFS is not set"},
		{"another storage", `sites: {a: {hbase: {quorum: h, rootDir: "oss://b/hbase"}, hdfs: {namenode: "n:1"}}}`, "only hdfs is supported"},
		{"the root of the file system", `sites: {a: {hbase: {quorum: h, rootDir: "hdfs://nn:1/"}}}`, "is the root of the file system"},
		{"a bad znode", strings.Replace(minimal, "quorum", "znodeParent: hbase/, quorum", 1), "hbase.znodeParent"},
		{"an absent site file", "sites: {a: {hbase: {site: gone.xml}}}", "gone.xml"},
		{"a bad address", minimal + "temporal: {address: localhost}\n", "write host:port"},
		{"a bad UI", minimal + "temporal: {ui: localhost}\n", "temporal.ui"},
		{"a hook without a command", minimal + "hooks: {h: {timeout: 5m}}\n", "hook h: command is empty"},
		{"a hook as a line of shell", minimal + "hooks: {h: {command: \"rm -r x\"}}\n", "line 4"},
		{"a hook with a secret in it", minimal + "hooks: {h: {command: [x], env: {A: hush}}}\n", "by reference only"},
		{"a hook with a variable of ours", minimal + "hooks: {h: {command: [x], env: {DROVER_KEY: \"env:A\"}}}\n", "set by the run"},
		{"a hook that takes for ever", minimal + "hooks: {h: {command: [x], timeout: 100h}}\n", "at most 24h"},
		{"an unknown key of a hook", minimal + "hooks: {h: {comand: [x]}}\n", `did you mean "command"?`},
		{"a secret in a command's environment", minimal + "    hadoop: {env: {DB_PASSWORD: x}}\n", "hadoop.env.DB_PASSWORD stands for a secret"},
		{"a relative directory of commands", minimal + "    hadoop: {bin: hadoop/bin}\n", "hadoop.bin \"hadoop/bin\": write an absolute path"},
		{"ssh without a directory", minimal + "    hadoop: {ssh: {host: edge}}\n", "hadoop.ssh.dir"},
		{"ssh without a host", minimal + "    hadoop: {ssh: {dir: /var/lib/jobs}}\n", "hadoop.ssh.host is missing"},
		{"a command host that is a side", minimal + "commandHosts: {target: {}}\n", `command host "target"`},
		{"an unknown key of a command host", minimal + "commandHosts: {edge: {ssh: {hots: x}}}\n", `unknown key "commandHosts.edge.ssh.hots"`},
		{"an unknown queue", minimal + "worker: {queues: [site-b]}\n", `unknown queue "site-b", did you mean "site-a"?`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := config.Parse([]byte(tc.text), t.TempDir())
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Parse(%q)\n got %v\nwant an error with %q", tc.text, err, tc.want)
			}
		})
	}
}

func TestASecretInTheWrongPlaceIsNotRepeated(t *testing.T) {
	const hush = "s3cr3t-key"
	for _, text := range []string{
		minimal + "temporal: {apiKey: " + hush + "}\n",
		minimal + "temporal:\n  apiKey: [" + hush + "]\n",
	} {
		_, err := config.Parse([]byte(text), t.TempDir())
		if err == nil || strings.Contains(err.Error(), hush) {
			t.Errorf("Parse = %v, want an error that does not repeat the secret", err)
		}
	}
}

func TestAnAbsentFileIsErrNotExist(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "drover.yaml"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load = %v, want fs.ErrNotExist", err)
	}
}

// FuzzParse holds that no text makes the reader panic, and that what it accepts
// is complete.
func FuzzParse(f *testing.F) {
	f.Add(minimal)
	f.Add("sites: &x {a: {hbase: {quorum: h, rootDir: hdfs://n:1/h}}}\ntemporal: {namespace: x}\n")
	f.Add("sites:\n\ta: x")
	f.Add("sites: {a: {hdfs: {namenode: n:1}}}")
	f.Add("? a\n: b\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := config.Parse([]byte(text), dir)
		if err != nil {
			return
		}
		for name, site := range cfg.Sites {
			noHBase := site.HBase.Quorum == "" || site.HBase.RootDir == ""
			if site.HasHBase() && noHBase || len(site.HDFS.NameNodes) == 0 || site.HDFS.URI == "" {
				t.Fatalf("%q is accepted with an incomplete site %s: %+v", text, name, site)
			}
		}
	})
}
