package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drover/internal/config"
)

// withStores is a configuration with a site of each kind that keeps no snapshots.
const withStores = `sites:
  prod:
    hdfs: {namenode: "nn:8020", user: etl}
  disk:
    local: {root: backup}
  archive:
    s3: {endpoint: "https://s3.example.org", bucket: b1, accessKey: "env:AK", secretKey: "file:keys/secret"}
    ledger: /ledgers
  cloud:
    oss: {endpoint: "https://oss-cn-hangzhou.aliyuncs.com", bucket: b2, accessKeyId: "env:ID", accessKeySecret: "env:SECRET"}
`

func TestSitesWithoutSnapshots(t *testing.T) {
	dir := t.TempDir()
	cfg, err := config.Parse([]byte(withStores), dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, keeps := range map[string]bool{"prod": true, "disk": false, "archive": false, "cloud": false} {
		if got := cfg.Sites[name].HasSnapshots(); got != keeps {
			t.Errorf("site %s keeps snapshots: %t, want %t", name, got, keeps)
		}
	}
	if got, want := cfg.Sites["archive"].S3.SecretKey.String(), "file:"+filepath.Join(dir, "keys/secret"); got != want {
		t.Errorf("the secret key is %s, want %s", got, want)
	}
	for text, want := range map[string]string{
		"disk:/a/b": filepath.Join(dir, "backup/a/b"), "archive:/a": "s3://b1/a", "cloud:/a/../c": "oss://b2/c",
		"s3://b1/x/y": "s3://b1/x/y", "oss://b2": "oss://b2/",
	} {
		l, err := cfg.Locate(text)
		if err != nil || l.String() != want || l.Site == "" || (l.S3 != nil) != strings.HasPrefix(want, "s3") || (l.OSS != nil) != strings.HasPrefix(want, "oss") {
			t.Errorf("Locate(%s) = %+v, %v, want %s", text, l, err, want)
		}
	}
	for site, want := range map[string]string{"disk": filepath.Join(dir, "backup/.drover-ledger"), "archive": "s3://b1/ledgers", "cloud": "oss://b2/.drover-ledger"} {
		if l, err := cfg.LedgerOf(site); err != nil || l.String() != want {
			t.Errorf("the ledger of %s is at %s, %v, want %s", site, l, err, want)
		}
	}
	if _, err := cfg.LedgerOf("prod"); err == nil {
		t.Error("a site with snapshots has a ledger")
	}
	if diff := cmp.Diff([]string{"runbooks", "site-archive", "copy-archive", "site-cloud", "copy-cloud", "site-disk", "copy-disk", "site-prod", "copy-prod"}, cfg.Queues()); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
}

func TestSitesWithoutSnapshotsAreRefusedInWords(t *testing.T) {
	for text, want := range map[string]string{
		`s3: {endpoint: "s3.example.org", bucket: b, accessKey: "env:A", secretKey: "env:S"}`:                          "s3.endpoint",
		`s3: {endpoint: "https://h/b", bucket: b, accessKey: "env:A", secretKey: "env:S"}`:                             "s3.endpoint",
		`s3: {endpoint: "https://h", accessKey: "env:A", secretKey: "env:S"}`:                                          "s3.bucket",
		`s3: {endpoint: "https://h", bucket: b}`:                                                                       "s3.accessKey",
		`s3: {endpoint: "https://h", bucket: b, accessKey: "AKIA123", secretKey: "env:S"}`:                             "by reference only",
		`oss: {endpoint: "https://h", bucket: b}`:                                                                      "oss.accessKeyId",
		`{local: {root: /x}, hdfs: {namenode: "h:1"}}`:                                                                 "sites of their own",
		`{local: {root: /x}, ledger: "in"}`:                                                                            "ledger",
		`{local: {root: /x}, ledger: /}`:                                                                               "ledger",
		`{s3: {endpoint: "https://h", bucket: b, accessKey: "env:A", secretKey: "env:S", secretkey: "env:S"}}`:         `unknown key "sites.x.s3.secretkey"`,
		`{local: {root: /x}, oss: {endpoint: "https://h", bucket: b, accessKeyId: "env:A", accessKeySecret: "env:S"}}`: "sites of their own",
	} {
		_, err := config.Parse([]byte("sites:\n  x: "+block(text)), t.TempDir())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "AKIA123") {
			t.Errorf("%s: got %v, want an error with %q", text, err, want)
		}
	}
	cfg, err := config.Parse([]byte(withStores+"  twin:\n    s3: {endpoint: \"https://other\", bucket: b1, accessKey: \"env:A\", secretKey: \"env:S\"}\n"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"s3://b1/x": "write it as site:/path", "s3://b9/x": "no site of the configuration", "oss:///x": "names no bucket"} {
		if _, err := cfg.Locate(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Locate(%s): got %v, want an error with %q", text, err, want)
		}
	}
}

// block is YAML of one line.
func block(text string) string {
	if strings.HasPrefix(text, "{") {
		return text
	}
	return "{" + text + "}"
}
