package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"drover/internal/nearest"
)

// siteName matches what may stand in a task queue and in a workflow's input.
var siteName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Validate reports everything that is wrong, one line each.
func (c Config) Validate() error {
	var problems []error
	if len(c.Sites) == 0 {
		problems = append(problems, errors.New("sites is empty: name at least one cluster"))
	}
	for _, name := range c.SiteNames() {
		if !siteName.MatchString(name) {
			problems = append(problems, fmt.Errorf("site %q: a name has small letters, digits and -", name))
		}
		for _, problem := range c.Sites[name].problems() {
			problems = append(problems, fmt.Errorf("site %s: %w", name, problem))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.CommandHosts)) {
		if !siteName.MatchString(name) || name == "source" || name == "target" {
			problems = append(problems, fmt.Errorf("command host %q: a name has small letters, digits and -, and is neither source nor target", name))
		}
		for _, problem := range c.CommandHosts[name].problems() {
			problems = append(problems, fmt.Errorf("command host %s: %w", name, problem))
		}
	}
	if c.Temporal.Address != "" {
		if _, _, err := net.SplitHostPort(c.Temporal.Address); err != nil {
			problems = append(problems, fmt.Errorf("temporal.address %q: write host:port", c.Temporal.Address))
		}
	}
	if c.Temporal.UI != "" && !strings.HasPrefix(c.Temporal.UI, "http://") && !strings.HasPrefix(c.Temporal.UI, "https://") {
		problems = append(problems, fmt.Errorf("temporal.ui %q: write a URL that begins with http:// or https://", c.Temporal.UI))
	}
	problems = append(problems, c.hookProblems()...)
	known := c.Queues()
	for _, queue := range c.Worker.Queues {
		if !slices.Contains(known, queue) {
			problems = append(problems, fmt.Errorf("worker.queues: unknown queue %q%s", queue, nearest.Hint(queue, known)))
		}
	}
	return errors.Join(problems...)
}

// Queues lists every task queue that this configuration's sites give rise to:
// the names that package workflows uses, which this package must not import.
func (c Config) Queues() []string {
	queues := []string{"runbooks"}
	for _, name := range c.SiteNames() {
		queues = append(queues, "site-"+name, "copy-"+name)
	}
	return queues
}

// WorkerQueues lists the task queues a worker of this configuration serves.
func (c Config) WorkerQueues() []string {
	if len(c.Worker.Queues) > 0 {
		return c.Worker.Queues
	}
	return c.Queues()
}

func (s Site) problems() []error {
	if !s.HasSnapshots() {
		return s.storeProblems()
	}
	problems := append(s.hdfsProblems(), s.Hadoop.problems()...)
	if !s.HasHBase() && !s.HDFS.empty() {
		return problems
	}
	if s.HBase.Quorum == "" {
		problems = append(problems, errors.New("hbase.quorum is missing: give hbase.site, the path of hbase-site.xml, or the ZooKeeper servers"))
	}
	if !strings.HasPrefix(s.HBase.ZNodeParent, "/") || strings.HasSuffix(s.HBase.ZNodeParent, "/") {
		problems = append(problems, fmt.Errorf("hbase.znodeParent %q: write a path such as /hbase", s.HBase.ZNodeParent))
	}
	if problem := s.rootDirProblem(); problem != nil {
		problems = append(problems, problem)
	}
	return problems
}

func (s Site) hdfsProblems() []error {
	var problems []error
	for _, address := range s.HDFS.NameNodes {
		if _, _, err := net.SplitHostPort(address); err != nil || strings.Contains(address, "/") {
			problems = append(problems, fmt.Errorf("hdfs.namenode %q: write host:port, or hdfs://host:port without a path", address))
		}
	}
	return problems
}

func (s Site) rootDirProblem() error {
	if s.HBase.RootDir == "" {
		return errors.New("hbase.rootDir is missing: give hbase.site, the path of hbase-site.xml, or hdfs://namenode:8020/hbase")
	}
	u, err := url.Parse(s.HBase.RootDir)
	switch {
	case err != nil:
		return fmt.Errorf("hbase.rootDir %q is no URI: write hdfs://namenode:8020/hbase", s.HBase.RootDir)
	case u.Scheme == "":
		return fmt.Errorf("hbase.rootDir %q has no protocol: write hdfs://namenode:8020%s", s.HBase.RootDir, s.HBase.RootDir)
	case u.Scheme != "hdfs":
		return fmt.Errorf("hbase.rootDir %q: only hdfs is supported", s.HBase.RootDir)
	case u.Host == "":
		return fmt.Errorf("hbase.rootDir %q has no address: write hdfs://namenode:8020%s", s.HBase.RootDir, u.Path)
	case strings.Trim(u.Path, "/") == "":
		return fmt.Errorf("hbase.rootDir %q is the root of the file system: write the directory of HBase, as in hbase-site.xml", s.HBase.RootDir)
	}
	return nil
}
