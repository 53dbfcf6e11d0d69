package activities_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drover/activities"
	"drover/internal/config"
	"drover/internal/fault"
)

// sitesOf makes the sites of a configuration.
func sitesOf(t *testing.T, yaml string) *activities.Sites {
	t.Helper()
	file := filepath.Join(t.TempDir(), "drover.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	sites := activities.NewSites(cfg)
	t.Cleanup(func() {
		if err := sites.Close(); err != nil {
			t.Error(err)
		}
	})
	return sites
}

func TestARunbookForTablesRefusesASiteWithoutHBaseInWords(t *testing.T) {
	sites := sitesOf(t, "sites:\n  a: {hdfs: {namenode: \"127.0.0.1:1\", user: ada}}\n")
	_, err := activities.NewHBase(sites).ProbeSite(t.Context(), activities.ProbeSiteInput{Site: "a"})
	if fault.KindOf(err) != fault.InvalidInput || !strings.Contains(err.Error(), "site a has no HBase") || !strings.Contains(err.Error(), "sites.a.hbase.quorum") {
		t.Errorf("got %v, want the site and what to write", err)
	}
}
