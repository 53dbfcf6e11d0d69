package distcp

import (
	"slices"
	"strings"
	"testing"

	"drover/internal/preflight"
)

func TestCommandsOfTheProcedure(t *testing.T) {
	doc := Copy{Source: "/data/a", Target: "/data/a_target"}
	full := Copy{Source: "hdfs://prod:8020/data/a", Target: "hdfs://dr/data/a", Queue: "night", Maps: 10, Bandwidth: 2.5, Preserve: "ugpt"}
	for _, c := range []struct {
		got  []string
		want string
	}{
		{Baseline(doc, "s1"), "distcp /data/a/.snapshot/s1 /data/a_target"},
		{Round(doc, "s1", "s2"), "distcp -diff s1 s2 -update /data/a /data/a_target"},
		{ResumeBaseline(doc, "s1"), "distcp -update -delete /data/a/.snapshot/s1 /data/a_target"},
		{
			Baseline(full, "s1"),
			"distcp -Dmapreduce.job.queuename=night -pugpt -m 10 -bandwidth 2.5 hdfs://prod:8020/data/a/.snapshot/s1 hdfs://dr/data/a",
		},
		{
			Round(full, "s1", "s2"),
			"distcp -Dmapreduce.job.queuename=night -diff s1 s2 -update -pugpt -m 10 -bandwidth 2.5 hdfs://prod:8020/data/a hdfs://dr/data/a",
		},
	} {
		if got := strings.Join(c.got, " "); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func ids(found []preflight.Finding) []string {
	var list []string
	for _, f := range found {
		list = append(list, f.ID)
	}
	return list
}

func TestChecks(t *testing.T) {
	good := Copy{Source: "hdfs://a:8020/data/with blank%20", Target: "hdfs://b/data/t", Queue: "root.night"}
	for _, c := range []struct {
		name   string
		change func(*Copy)
		want   []string
	}{
		{"good", func(*Copy) {}, nil},
		{"webhdfs", func(c *Copy) { c.Source = "webhdfs://a:9870/data" }, nil},
		{"a bare path", func(c *Copy) { c.Source = "/data/a" }, []string{FindingPath}},
		{"object storage", func(c *Copy) { c.Target = "oss://bucket/t" }, []string{FindingScheme}},
		{"no NameNode", func(c *Copy) { c.Target = "hdfs:///t" }, []string{FindingPath}},
		{"trailing slash", func(c *Copy) { c.Source += "/" }, []string{FindingPath}},
		{"a snapshot", func(c *Copy) { c.Source += "/.snapshot/s1" }, []string{FindingPath}},
		{"root", func(c *Copy) { c.Target = "hdfs://b/" }, []string{FindingPath}},
		{"dots", func(c *Copy) { c.Source = "hdfs://a/x/../y" }, []string{FindingPath}},
		{"pattern", func(c *Copy) { c.Source = "hdfs://a/x*" }, []string{FindingPath}},
		{"itself", func(c *Copy) { c.Target = c.Source }, []string{FindingOverlap}},
		{"inside", func(c *Copy) { c.Target = c.Source + "/t" }, []string{FindingOverlap}},
		{"beside", func(c *Copy) { c.Target = c.Source + "_target" }, nil},
		{"queue", func(c *Copy) { c.Queue = "a b" }, []string{FindingQueue}},
		{"all at once", func(c *Copy) { c.Source, c.Queue = "hdfs://b/data", "-," }, []string{FindingOverlap, FindingQueue}},
	} {
		copied := good
		c.change(&copied)
		if got := ids(Check(copied, "s1", "s2")); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	for _, name := range []string{"", ".", "..", "a/b", "a:b", "-x"} {
		if got := ids(Check(good, "s1", name)); !slices.Equal(got, []string{FindingSnapshot}) {
			t.Errorf("snapshot %q: %v, want it refused", name, got)
		}
	}
}
