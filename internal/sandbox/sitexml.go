package sandbox

import (
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
)

// properties is one Hadoop configuration file.
type properties map[string]string

type xmlProperty struct {
	Name  string `xml:"name"`
	Value string `xml:"value"`
}

type xmlConfiguration struct {
	XMLName    xml.Name      `xml:"configuration"`
	Properties []xmlProperty `xml:"property"`
}

// encode renders the properties as Hadoop reads them, sorted by name so that
// the same settings always give the same file.
func (p properties) encode() ([]byte, error) {
	var doc xmlConfiguration
	for _, name := range slices.Sorted(maps.Keys(p)) {
		doc.Properties = append(doc.Properties, xmlProperty{Name: name, Value: p[name]})
	}
	body, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	return append([]byte(xml.Header), append(body, '\n')...), nil
}

func (s *Sandbox) coreSite(site string) properties {
	return properties{
		"fs.defaultFS":   s.nameNodeURL(site),
		"hadoop.tmp.dir": filepath.Join(s.tmpDir(), site),
	}
}

func (s *Sandbox) hdfsSite(site string) properties {
	p := s.state.ports()
	return properties{
		"dfs.replication":                  "1",
		"dfs.namenode.name.dir":            "file://" + s.dataDir(site+"/"+RoleNameNode),
		"dfs.datanode.data.dir":            "file://" + s.dataDir(site+"/"+RoleDataNode),
		"dfs.permissions.enabled":          "false",
		"dfs.namenode.rpc-address":         loopback(p.nameNode(site)),
		"dfs.namenode.http-address":        loopback(p.nameNodeHTTP(site)),
		"dfs.datanode.address":             loopback(p.dataNode(site)),
		"dfs.datanode.http.address":        loopback(p.dataNodeHTTP(site)),
		"dfs.datanode.ipc.address":         loopback(p.dataNodeIPC(site)),
		"dfs.datanode.hostname":            "127.0.0.1",
		"dfs.block.local-path-access.user": osUser(), // for clients set to read past the DataNode
		"dfs.heartbeat.interval":           "1",
		"dfs.namenode.safemode.extension":  "0",
		// Else the blocks of deleted files go a thousand in three seconds, and
		// whoever waits for that waits for minutes.
		"dfs.block.invalidate.limit":                                "100000",
		"dfs.namenode.handler.count":                                "10",
		"dfs.namenode.startup.delay.block.deletion.sec":             "0",
		"dfs.namenode.snapshot.capture.openfiles":                   "true",
		"dfs.namenode.datanode.registration.ip-hostname-check":      "false",
		"dfs.client.block.write.replace-datanode-on-failure.policy": "NEVER",
	}
}

func (s *Sandbox) hbaseSite(site string) properties {
	p := s.state.ports()
	set := properties{
		"hbase.rootdir":                                 s.nameNodeURL(site) + "/hbase",
		"hbase.cluster.distributed":                     "true",
		"hbase.zookeeper.quorum":                        "127.0.0.1",
		"hbase.zookeeper.property.clientPort":           strconv.Itoa(p.zookeeper()),
		"zookeeper.znode.parent":                        znodeParent(site),
		"zookeeper.session.timeout":                     "10000",
		"hbase.tmp.dir":                                 filepath.Join(s.tmpDir(), site),
		"hbase.master.port":                             strconv.Itoa(p.master(site)),
		"hbase.regionserver.port":                       strconv.Itoa(p.regionServer(site)),
		"hbase.master.info.port":                        "-1",
		"hbase.regionserver.info.port":                  "-1",
		"hbase.master.hostname":                         "127.0.0.1",
		"hbase.unsafe.regionserver.hostname":            "127.0.0.1",
		"hbase.master.ipc.address":                      "127.0.0.1",
		"hbase.regionserver.ipc.address":                "127.0.0.1",
		"hbase.regionserver.handler.count":              "10",
		"hbase.regionserver.msginterval":                "200",
		"hbase.wal.provider":                            "filesystem",
		"hbase.filesystem.reorder.blocks":               "false",
		"hbase.master.wait.on.regionservers.mintostart": "1",
		"hbase.master.wait.on.regionservers.maxtostart": "1",
		"hbase.master.wait.on.regionservers.timeout":    "200",
		"hbase.master.wait.on.regionservers.interval":   "50",
		// A master now and then misses that its snapshot handler has let go of a
		// table's exclusive lock (seen with 2.5.13, once in some hundred snapshots), and
		// holds it until this runs out, by default ten minutes. Snapshots wait for
		// a minute.
		"hbase.master.procedure.local.master.locks.timeout.ms": "30000",
		"hbase.replication.bulkload.enabled":                   strconv.FormatBool(s.state.BulkLoadReplication),
	}
	if s.state.BulkLoadReplication {
		// The sink opens the source's files itself and finds the source's
		// configuration below conf.dir under the source's id.
		set["hbase.replication.cluster.id"] = site
		set["hbase.replication.conf.dir"] = filepath.Join(s.dir, "conf")
	}
	return set
}

// daemonsHBaseSite is hbaseSite as the daemons see it, with what was asked for.
func (s *Sandbox) daemonsHBaseSite(site string) properties {
	set := s.hbaseSite(site)
	maps.Copy(set, s.state.HBaseSite)
	return set
}

// osUser is whom Hadoop takes the daemons for.
func osUser() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// toolsCoreSite keeps MapReduce tools on this machine's file system: they stage
// their jars on fs.defaultFS, and the local job runner needs no HDFS for that.
func (s *Sandbox) toolsCoreSite(site string) properties {
	return properties{
		"fs.defaultFS":   "file:///",
		"hadoop.tmp.dir": filepath.Join(s.tmpDir(), site+"-tools"),
	}
}

func (s *Sandbox) toolsMapredSite() properties {
	return properties{
		"mapreduce.framework.name":          "local",
		"mapreduce.local.map.tasks.maximum": "2",
	}
}

func znodeParent(site string) string { return "/hbase-" + site }

func (s *Sandbox) nameNodeURL(site string) string {
	return "hdfs://" + loopback(s.state.ports().nameNode(site))
}

const daemonLog4j = `status = warn
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %-5p [%t] %c{2}: %m%n
rootLogger = INFO, console
`

// Tools say on INFO what they did only in mapreduce.Job (its counters) and in
// the load generator; the rest would cost them time in benchmarks.
const toolsLog4j = daemonLog4j + `rootLogger.level = WARN
logger.job.name = org.apache.hadoop.mapreduce.Job
logger.job.level = INFO
logger.load.name = org.apache.hadoop.hbase.PerformanceEvaluation
logger.load.level = INFO
`

// writeConf writes every configuration file. Running daemons do not notice;
// those started later read it.
func (s *Sandbox) writeConf() error {
	files := map[string][]byte{
		s.zooConf(): fmt.Appendf(nil, "tickTime=1000\ndataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\n"+
			"maxClientCnxns=300\nadmin.enableServer=false\n4lw.commands.whitelist=srvr\n",
			s.dataDir(ZooKeeper), s.state.ports().zookeeper()),
		filepath.Join(s.dir, ConfigFile): s.configYAML(),
	}
	for _, site := range SiteNames() {
		conf, tools := s.confDir(site), s.toolsConfDir(site)
		for path, set := range map[string]properties{
			filepath.Join(conf, "core-site.xml"):    s.coreSite(site),
			filepath.Join(conf, "hdfs-site.xml"):    s.hdfsSite(site),
			filepath.Join(conf, "hbase-site.xml"):   s.daemonsHBaseSite(site),
			filepath.Join(tools, "core-site.xml"):   s.toolsCoreSite(site),
			filepath.Join(tools, "hdfs-site.xml"):   s.hdfsSite(site),
			filepath.Join(tools, "hbase-site.xml"):  s.hbaseSite(site),
			filepath.Join(tools, "mapred-site.xml"): s.toolsMapredSite(),
		} {
			body, err := set.encode()
			if err != nil {
				return err
			}
			files[path] = body
		}
		if err := s.cliConf(site, files); err != nil {
			return err
		}
		files[filepath.Join(conf, "log4j2.properties")] = []byte(daemonLog4j)
		files[filepath.Join(tools, "log4j2.properties")] = []byte(toolsLog4j)
		// The HDFS daemons look for their web pages on the classpath and refuse
		// to start without the directories; empty ones will do.
		for _, app := range []string{"hdfs", "datanode"} {
			if err := os.MkdirAll(filepath.Join(conf, "webapps", app), 0o755); err != nil {
				return fmt.Errorf("write sandbox configuration: %w", err)
			}
		}
	}
	for path, body := range files {
		if err := writeFile(path, body); err != nil {
			return fmt.Errorf("write sandbox configuration: %w", err)
		}
	}
	return nil
}

// writeFile replaces path at once: a reader sees the old file or the new one.
func writeFile(path string, body []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, body, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
