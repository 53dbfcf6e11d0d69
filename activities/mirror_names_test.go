package activities

import (
	"testing"

	"drover/internal/config"
)

func TestATreeReachesDataNodesAsItsSiteSays(t *testing.T) {
	for _, byName := range []bool{false, true} {
		sites := NewSites(config.Config{Sites: map[string]config.Site{"a": {HDFS: config.HDFS{
			NameNode: "127.0.0.1:1", NameNodes: []string{"127.0.0.1:1"}, User: "ada", DataNodesByName: byName,
		}}}})
		got, err := NewMirror(sites).tree(TreeAt{Site: "a", Path: "/d"})
		if err != nil || got.DataNodesByName != byName {
			t.Errorf("by name %t (%v), want %t", got.DataNodesByName, err, byName)
		}
		if err := sites.Close(); err != nil {
			t.Error(err)
		}
	}
}
