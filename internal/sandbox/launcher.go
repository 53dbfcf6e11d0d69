package sandbox

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Launcher returns the path of a command of Hadoop as an operator beside a
// cluster has it: "hadoop", "hdfs" or "mapred". fs.defaultFS is the site's own
// HDFS, MapReduce runs inside the program (LocalJobRunner, two maps at a time),
// and it says on stderr what Hadoop's own log4j.properties lets it say.
//
// Up writes the launchers. They know the subcommands in launcherClasses only.
func (s *Sandbox) Launcher(site, command string) (string, error) {
	if _, err := s.Site(site); err != nil {
		return "", fmt.Errorf("launcher %s: %w", command, err)
	}
	path := filepath.Join(s.launcherDir(site), command)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("launcher %s of site %s: %w; `drover sandbox up` writes it", command, site, err)
	}
	return path, nil
}

func (s *Sandbox) launcherDir(site string) string { return filepath.Join(s.dir, "bin", site) }

// cliConfDir holds the configuration of the launchers.
func (s *Sandbox) cliConfDir(site string) string {
	return filepath.Join(s.dir, "conf", site+"-cli")
}

// launcherClasses says which class a subcommand is, as Hadoop's own scripts
// hadoop, hdfs and mapred do.
func launcherClasses() map[string]map[string]string {
	fsShell := "org.apache.hadoop.fs.FsShell"
	return map[string]map[string]string{
		"hadoop": {"distcp": "org.apache.hadoop.tools.DistCp", "fs": fsShell, "version": "org.apache.hadoop.util.VersionInfo"},
		"hdfs": {
			"dfs": fsShell, "dfsadmin": "org.apache.hadoop.hdfs.tools.DFSAdmin",
			"snapshotDiff": "org.apache.hadoop.hdfs.tools.snapshot.SnapshotDiff",
		},
		"mapred": {"job": "org.apache.hadoop.mapred.JobClient"},
	}
}

// cliLog4j is the root logger of Hadoop's log4j.properties: INFO, console.
const cliLog4j = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %p %c{2}: %m%n
rootLogger = INFO, console
`

// cliConf adds the launchers' configuration files of a site to files.
func (s *Sandbox) cliConf(site string, files map[string][]byte) error {
	conf := s.cliConfDir(site)
	core := s.coreSite(site)
	core["hadoop.tmp.dir"] = filepath.Join(s.tmpDir(), site+"-cli")
	hdfs := s.hdfsSite(site)
	// A client sleeps that long when the one DataNode has not reported a file's
	// last block yet, by default 400 ms for nearly every small file.
	hdfs["dfs.client.block.write.locateFollowingBlock.initial.delay.ms"] = "5"
	for name, set := range map[string]properties{
		"core-site.xml": core, "hdfs-site.xml": hdfs, "mapred-site.xml": s.toolsMapredSite(),
	} {
		body, err := set.encode()
		if err != nil {
			return err
		}
		files[filepath.Join(conf, name)] = body
	}
	files[filepath.Join(conf, "log4j2.properties")] = []byte(cliLog4j)
	return nil
}

// writeLaunchers writes the launchers of every site.
func (s *Sandbox) writeLaunchers() error {
	java, err := javaBinary()
	if err != nil {
		return fmt.Errorf("write sandbox launchers: %w", err)
	}
	if err := os.MkdirAll(s.tmpDir(), 0o755); err != nil {
		return fmt.Errorf("write sandbox launchers: %w", err)
	}
	for _, site := range SiteNames() {
		for command, classes := range launcherClasses() {
			path := filepath.Join(s.launcherDir(site), command)
			body := s.launcherScript(java, site, command, classes)
			err := writeFile(path, []byte(body))
			if err == nil {
				err = os.Chmod(path, 0o755)
			}
			if err != nil {
				return fmt.Errorf("write sandbox launchers: %w", err)
			}
		}
	}
	return nil
}

func (s *Sandbox) launcherScript(java, site, command string, classes map[string]string) string {
	var out strings.Builder
	out.WriteString("#!/bin/sh\n# Written by `drover sandbox up`; every up writes it again.\ncase ${1-} in\n")
	for _, name := range slices.Sorted(maps.Keys(classes)) {
		fmt.Fprintf(&out, "%s) class=%s ;;\n", name, classes[name])
	}
	fmt.Fprintf(&out, "*) echo \"%s: the sandbox has no subcommand '${1-}'\" >&2; exit 1 ;;\nesac\nshift\n", command)
	words := append([]string{java}, s.jvmFlags("tool", "512m", false)...)
	words = append(words, "-cp", s.classpath(s.cliConfDir(site), false))
	out.WriteString("exec")
	for _, word := range words {
		out.WriteString(" '" + strings.ReplaceAll(word, "'", `'\''`) + "'")
	}
	out.WriteString(" \"$class\" \"$@\"\n")
	return out.String()
}
