//go:build cluster

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drover/internal/config"
	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage/open"
	"drover/internal/storage/oss/osstest"
	"drover/internal/storage/s3/s3test"
	"drover/internal/storage/storagetest"
)

// TestAnyTwoLocationsAreCompared runs verify, diff and checksum between a real
// HDFS, a real S3 server, the stand-in for OSS and directories of this machine.
func TestAnyTwoLocationsAreCompared(t *testing.T) {
	c := newComparedPlaces(t)
	names := []string{"a:" + c.dir, "archive:/copies/x", "oss://" + osstest.Bucket + "/copies/x", "disk:/x", c.here}
	for _, name := range names {
		c.write(t, name)
	}
	for i, one := range names {
		other := names[(i+1)%len(names)]
		must(t, codeOK, "match: 3 files, 2 directories", "verify", one, other)
		// Times are those of the writing, and buckets have no others.
		timed := []string{"diff", one, other, "--ignore", "mtime"}
		if strings.Contains(one+other, "copies") {
			timed = timed[:3]
		}
		must(t, codeOK, "unproven: 3 files", timed...)
	}
	// What HDFS keeps of a file is what is computed of the same bytes elsewhere.
	_, want, _ := strings.Cut(must(t, codeOK, "MD5-of-", "checksum", names[0]+"/d/large").out, "\t")
	for _, name := range names[1:] {
		must(t, codeOK, "\t"+want, "checksum", name+"/d/large")
	}
	for _, name := range names[1:] {
		must(t, codeUsage, "only an HDFS has snapshots", "diff", "--from", "s1", name)
		must(t, codeNotFound, "absent", "verify", name+"/absent", names[0])
		must(t, codeNotFound, "absent", "diff", names[0], name+"/absent")
		must(t, codeNotFound, "absent", "checksum", name+"/absent")
		c.change(t, name)
		found := must(t, codeFailed, "content       d/large: other bytes from offset 0\n", "verify", names[0], name)
		for _, line := range []string{"missing       fü (file)\n", "extra         more (directory)\n", "differ: 2 files, "} {
			if !strings.Contains(found.out, line) {
				t.Errorf("verify %s %s: %+v, want %q", names[0], name, found, line)
			}
		}
		must(t, codeFailed, "differ: 2 files, 2 directories", "diff", names[0], name, "--ignore", "mtime")
	}
	must(t, codeOK, `"verdict": "unproven"`, "diff", names[1], names[2], "--json")
	must(t, codeRefused, "denied", "verify", "locked:/copies/x", names[0])
}

// comparedPlaces are the sites of a configuration file.
type comparedPlaces struct {
	cfg       config.Config
	dir, here string
}

func newComparedPlaces(t *testing.T) *comparedPlaces {
	t.Helper()
	box := sandboxtest.Shared(t)
	me, err := user.Current() // who runs the NameNode is its superuser
	if err != nil {
		t.Fatal(err)
	}
	c := &comparedPlaces{dir: fmt.Sprintf("/mirror-test/places-%d", time.Now().UnixNano()), here: t.TempDir()}
	for name, value := range map[string]string{"S3_ID": s3test.AccessKey, "S3_SECRET": s3test.SecretKey, "OSS_ID": osstest.KeyID, "OSS_SECRET": osstest.Secret} {
		t.Setenv(name, value)
	}
	bucket := fmt.Sprintf(`endpoint: %q, bucket: %s, region: %s, accessKey: "env:S3_ID", pathStyle: true`, s3test.Start(t), s3test.Bucket, s3test.Region)
	text := fmt.Sprintf(`sites:
  a: {hdfs: {namenode: "hdfs://%s", user: %s}}
  disk: {local: {root: %q}}
  archive: {s3: {%s, secretKey: "env:S3_SECRET"}}
  locked: {s3: {%[4]s, secretKey: "env:OSS_SECRET_OF_ANOTHER"}}
  cloud: {oss: {endpoint: %q, bucket: %s, accessKeyId: "env:OSS_ID", accessKeySecret: "env:OSS_SECRET"}}
`, box.Sites()["a"].NameNode, me.Username, t.TempDir(), bucket, osstest.Start(t).URL, osstest.Bucket)
	t.Setenv("OSS_SECRET_OF_ANOTHER", "not-the-secret")
	file := filepath.Join(t.TempDir(), "drover.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DROVER_CONFIG", file)
	if c.cfg, err = config.Load(file); err != nil {
		t.Fatal(err)
	}
	return c
}

// at opens the store of a location, which must be closed after use.
func (c *comparedPlaces) at(t *testing.T, name string) (open.Store, string) {
	t.Helper()
	l, err := c.cfg.Locate(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := open.At(l)
	if err != nil {
		t.Fatal(err)
	}
	return s, l.Path
}

func (c *comparedPlaces) write(t *testing.T, name string) {
	t.Helper()
	s, root := c.at(t, name)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), deadline)
		defer cancel()
		if err := errors.Join(s.RemoveAll(ctx, root), s.Close()); err != nil {
			t.Errorf("clean up %s: %v", name, err)
		}
	})
	for file, data := range map[string][]byte{"f a%20": storagetest.Bytes(5), "fü": storagetest.Bytes(0), "d/large": storagetest.Bytes(3 << 20)} {
		storagetest.Put(t, s, root+"/"+file, data)
	}
}

// change makes one difference of each kind.
func (c *comparedPlaces) change(t *testing.T, name string) {
	t.Helper()
	s, root := c.at(t, name)
	data := storagetest.Bytes(3 << 20)
	data[0] ^= 1
	storagetest.Put(t, s, root+"/d/large", data)
	storagetest.Put(t, s, root+"/more/f", data)
	if err := s.Remove(t.Context(), root+"/fü"); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
