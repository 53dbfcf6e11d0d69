//go:build cluster

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover/internal/config"
	"drover/internal/hadoop/namenode"
	"drover/internal/sandbox"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage/open"
	"drover/internal/storage/storagetest"
)

// TestTreesAreComparedFromTheCommandLine runs verify, diff and checksum against
// two real HDFS named by site, by URI and with a tree of this machine, and holds
// the checksums against Hadoop's own.
func TestTreesAreComparedFromTheCommandLine(t *testing.T) {
	box := sandboxtest.Shared(t)
	t.Setenv("DROVER_CONFIG", box.ConfigPath())
	me, err := user.Current() // who runs the NameNode is its superuser
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HADOOP_USER_NAME", me.Username)
	dir := fmt.Sprintf("/mirror-test/cli-%d", time.Now().UnixNano())
	here := t.TempDir()
	local := map[string][]byte{"f a%20": storagetest.Bytes(5), "fü": storagetest.Bytes(0), "d/large": storagetest.Bytes(3 << 20)}
	for name, data := range local {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(here, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(here, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	nodes := map[string]*namenode.Client{}
	for name, site := range box.Sites() {
		store, root, err := open.Root("hdfs://"+site.NameNode+dir, config.HDFS{NameNodes: []string{site.NameNode}, User: me.Username})
		if err != nil {
			t.Fatal(err)
		}
		nn, err := namenode.Open(namenode.Config{Addresses: []string{site.NameNode}, User: me.Username})
		if err != nil {
			t.Fatal(err)
		}
		nodes[name] = nn
		t.Cleanup(func() { endCompared(t, nn, store, root) })
		for file, data := range local {
			storagetest.Put(t, store, root+"/"+file, data)
		}
	}
	a, b := "a:"+dir, "hdfs://"+box.Sites()["b"].NameNode+dir
	for _, pair := range [][2]string{{a, b}, {a, here}, {here, b}} {
		if got := drover(t, "verify", pair[0], pair[1]); got.code != codeOK || !strings.Contains(got.out, "match: 3 files, 2 directories") {
			t.Errorf("verify %v: %+v, want a match", pair, got)
		}
	}
	sameAsHadoop(t, box, dir)

	nn := nodes["a"]
	if err := nn.AllowSnapshot(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if _, err := nn.CreateSnapshot(t.Context(), dir, "s1"); err != nil {
		t.Fatal(err)
	}
	if err := nn.Rename(t.Context(), dir+"/d", dir+"/e", false); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		want string
		args []string
	}{
		{"R\t./d -> ./e", []string{"diff", "--from", "s1", a}},
		{"extra         e (directory)", []string{"diff", a + "/.snapshot/s1", a}},
		{"missing       e (directory)", []string{"verify", a, b}},
		{"differ: 0 created, 0 deleted, 1 renamed, 1 modified", []string{"diff", "--from", "s1", a}},
		{`"t":"e"`, []string{"diff", "--from", "s1", a, "--json"}},
	} {
		if got := drover(t, tc.args...); got.code != codeFailed || !strings.Contains(got.out, tc.want) {
			t.Errorf("%v: %+v, want exit %d and %q", tc.args, got, codeFailed, tc.want)
		}
	}
	textOfTheTool(t, box, nn, a, dir)
	// The only snapshot alone keeps what is deleted after it.
	if _, err := nn.Delete(t.Context(), dir+"/e", true); err != nil {
		t.Fatal(err)
	}
	if got := drover(t, "snapshots", a, "--json"); got.code != codeOK || !strings.Contains(got.out, `"location": "`) || !strings.Contains(got.out, `"name": "s1"`) || !strings.Contains(got.out, `"bytes": 3145728`) {
		t.Errorf("snapshots: %+v, want s1 and the 3 MiB that only it keeps", got)
	}
	must(t, codeUsage, "-allowSnapshot "+dir, "snapshots", b)
	for _, args := range [][]string{{"verify", a + "/absent", b}, {"diff", "--from", "s9", a}, {"checksum", a + "/absent"}, {"snapshots", a + "/absent"}, {"snapshots", here}} {
		if got := drover(t, args...); got.code == codeOK || got.code == codeUnproven {
			t.Errorf("%v: %+v, want an error", args, got)
		}
	}
}

// textOfTheTool reads what hdfs snapshotDiff prints about a directory with the
// snapshot s1.
func textOfTheTool(t *testing.T, box *sandbox.Sandbox, nn *namenode.Client, location, dir string) {
	t.Helper()
	if _, err := nn.CreateSnapshot(t.Context(), dir, "s2"); err != nil {
		t.Fatal(err)
	}
	launcher, err := box.Launcher("a", "hdfs")
	if err != nil {
		t.Fatal(err)
	}
	text, err := exec.CommandContext(t.Context(), launcher, "snapshotDiff", dir, "s2", "s1").Output() // the way back
	if err != nil {
		t.Fatalf("hdfs snapshotDiff: %v", err)
	}
	file := filepath.Join(t.TempDir(), "diff.txt")
	for _, tc := range []struct {
		text, location, want string
		code                 int
	}{
		{string(text), location, "R\t./e -> ./d\n", codeFailed},
		{string(text), location, "differ: 0 created, 0 deleted, 1 renamed, 1 modified\n", codeFailed},
		{strings.TrimSpace(string(text)), location, "it may have been cut\n", codeFailed},
		{strings.Replace(string(text), "./d", "./x", 1), location, "the snapshots do not", codeUsage},
		{string(text), location + "/e", "not of " + dir + "/e", codeUsage},
		{"no report", location, "Difference between", codeUsage},
	} {
		if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		must(t, tc.code, tc.want, "diff", "--text", file, tc.location)
	}
	if err := nn.DeleteSnapshot(t.Context(), dir, "s2"); err != nil {
		t.Fatal(err)
	}
}

// sameAsHadoop compares what checksum prints with `hdfs dfs -checksum`.
func sameAsHadoop(t *testing.T, box *sandbox.Sandbox, dir string) {
	t.Helper()
	const files = 3
	// Patterns, because the JVM's command line is ASCII where the locale is.
	full := "hdfs://" + box.Sites()["a"].NameNode + dir
	args := []string{"-checksum", full + "/f*", full + "/d/*"}
	hadoop, err := box.RunJava(t.Context(), "a", sandbox.JavaOptions{}, "org.apache.hadoop.fs.FsShell", args...)
	if err != nil || hadoop.ExitCode != 0 {
		t.Fatalf("FsShell %v: %v, exit %d\n%s", args, err, hadoop.ExitCode, hadoop.Stderr)
	}
	got := drover(t, "checksum", "a:"+dir)
	for _, line := range strings.Split(strings.TrimSpace(got.out), "\n") {
		_, sum, _ := strings.Cut(line, "\t")
		if !strings.Contains(string(hadoop.Stdout), sum) {
			t.Errorf("checksum prints %q, Hadoop\n%s", line, hadoop.Stdout)
		}
	}
	if got.code != codeOK || strings.Count(got.out, "\n") != files {
		t.Errorf("checksum: %+v, want %d lines", got, files)
	}
}

// endCompared removes what the test made.
func endCompared(t *testing.T, nn *namenode.Client, store open.Store, dir string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), deadline)
	defer cancel()
	errs := []error{}
	if all, err := nn.Snapshots(ctx, dir); err == nil {
		for _, s := range all {
			errs = append(errs, nn.DeleteSnapshot(ctx, dir, s.Name))
		}
		errs = append(errs, nn.DisallowSnapshot(ctx, dir))
	}
	errs = append(errs, store.RemoveAll(ctx, dir), nn.Close(), store.Close())
	if err := errors.Join(errs...); err != nil {
		t.Errorf("clean up %s: %v", dir, err)
	}
}
