package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"drover/internal/config"
)

// TestDataNodesByName: what Hadoop's clients do with
// dfs.client.use.datanode.hostname holds for drover, at a site and for a full URI
// of its file system.
func TestDataNodesByName(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"core-site.xml": `<configuration><property><name>fs.defaultFS</name><value>hdfs://h1:8020/</value></property></configuration>`,
		"hdfs-site.xml": `<configuration><property><name>dfs.client.use.datanode.hostname</name><value>true</value></property></configuration>`,
		"drover.yaml": `sites:
  files: {hdfs: {coreSite: core-site.xml, hdfsSite: hdfs-site.xml}}
  key: {hdfs: {namenode: "h2:8020", datanodesByName: true}}
  plain: {hdfs: {namenode: "h3:8020"}}
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
	for location, want := range map[string]bool{
		"files:/d": true, "hdfs://h1:8020/d": true,
		"key:/d": true, "hdfs://h2:8020/d": true,
		"plain:/d": false, "hdfs://h3:8020/d": false, "hdfs://elsewhere:8020/d": false,
	} {
		if l, err := cfg.Locate(location); err != nil || l.DataNodesByName != want {
			t.Errorf("%s: DataNodes by name = %t (%v), want %t", location, l.DataNodesByName, err, want)
		}
	}
}
