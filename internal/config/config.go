// Package config reads drover's one YAML file: the named sites, how Temporal is
// reached and what a worker serves. Unknown keys are refused with the nearest
// known one and the line; what a site leaves out is taken from the Hadoop site
// files it points at.
package config

import (
	"time"

	"drover/internal/hadoop"
	"drover/internal/secret"
)

// Config is the whole file. Load returns it complete: site files read, paths
// absolute, defaults filled in.
type Config struct {
	// Sites are the clusters a runbook may name, by the name it uses.
	Sites map[string]Site `yaml:"sites"`
	// CommandHosts are machines beside neither cluster that Hadoop's own
	// commands may run on, by the name an input uses.
	CommandHosts map[string]Hadoop `yaml:"commandHosts"`
	// Temporal says where the Temporal service is; the environment
	// (TEMPORAL_ADDRESS, TEMPORAL_PROFILE) wins over it.
	Temporal Temporal `yaml:"temporal"`
	// Worker says what a worker of this configuration serves.
	Worker Worker `yaml:"worker"`
	// Hooks are commands that a run may name, by the name it uses. The file of
	// every worker of the site where a run switches has them.
	Hooks map[string]Hook `yaml:"hooks"`

	path string
}

// Path returns the file the configuration was read from.
func (c Config) Path() string { return c.path }

// Site is one HBase cluster and the HDFS under it, or an HDFS alone: a site
// without the key hbase, see HasHBase. Or it is a place without snapshots that
// trees are mirrored to: a directory or a bucket, see HasSnapshots.
type Site struct {
	HBase HBase `yaml:"hbase"`
	HDFS  HDFS  `yaml:"hdfs"`
	// Hadoop says where the commands of the site's Hadoop are.
	Hadoop Hadoop `yaml:"hadoop"`
	Local  Local  `yaml:"local"`
	S3     S3     `yaml:"s3"`
	OSS    OSS    `yaml:"oss"`
	// Ledger is the directory, at a site without snapshots, of the ledgers of
	// what is mirrored to it. Default: DefaultLedger.
	Ledger string `yaml:"ledger"`

	properties hadoop.Site
}

// Properties returns what the site's files say, for settings that no RPC shows
// (hbase.replication.bulkload.enabled, …). It is empty when no file is given.
func (s Site) Properties() hadoop.Site { return s.properties }

// HasHBase reports whether there is an HBase at the site. Where there is none
// the fields of HBase are empty.
func (s Site) HasHBase() bool { return s.HBase != (HBase{}) }

// HBase says how one HBase cluster is reached. A field that is set wins over
// the site file.
type HBase struct {
	// Site is the path of the cluster's hbase-site.xml.
	Site string `yaml:"site"`
	// Quorum lists the ZooKeeper servers, "h1:2181,h2:2181"; a host without a
	// port takes 2181.
	Quorum string `yaml:"quorum"`
	// ZNodeParent is the cluster's node in ZooKeeper, default /hbase.
	ZNodeParent string `yaml:"znodeParent"`
	// RootDir is hbase.rootdir as a full URI, for instance
	// hdfs://namenode:8020/hbase.
	RootDir string `yaml:"rootDir"`
	// User is who drover says it is (simple authentication). Default: the user
	// of the process.
	User string `yaml:"user"`
}

// HDFS says how the file system is reached: the one under HBase, or the one the
// site consists of.
type HDFS struct {
	// CoreSite and HDFSSite are paths of core-site.xml and hdfs-site.xml.
	CoreSite string `yaml:"coreSite"`
	HDFSSite string `yaml:"hdfsSite"`
	// NameNode is one RPC address, host:port, or the full URI hdfs://host:port,
	// in which 8020 may be left out: what a cluster is reached by whose files
	// are not at hand. Default: what the site files say of the file system in
	// hbase.rootDir, or of fs.defaultFS where there is no HBase.
	NameNode string `yaml:"namenode"`
	// User is who files are written as, default: HBase.User, or the user of the
	// process where there is no HBase. The target's HBase must be able to move
	// and delete what the export writes.
	User string `yaml:"user"`
	// DataNodesByName reaches DataNodes by their host names, not by the addresses
	// they registered, which may be of a network of their own. Default: what the
	// site files say (dfs.client.use.datanode.hostname).
	DataNodesByName bool `yaml:"datanodesByName"`

	// NameNodes are all addresses that serve the file system, in the order to
	// try them; Load fills it.
	NameNodes []string `yaml:"-"`
	// URI names the file system as Hadoop does, without a path:
	// hdfs://nameservice or hdfs://namenode:8020; Load fills it.
	URI string `yaml:"-"`
}

// Temporal says where the Temporal service is.
type Temporal struct {
	// Address is host:port of the frontend. Empty: a profile, else the embedded
	// server.
	Address string `yaml:"address"`
	// Namespace defaults to "default".
	Namespace string `yaml:"namespace"`
	// Profile names a profile of Temporal's own configuration file.
	Profile string `yaml:"profile"`
	// APIKey refers to the key of a Temporal service that asks for one.
	APIKey secret.Ref `yaml:"apiKey"`
	// UI is the address of the web UI, for the links drover prints, for
	// instance https://temporal.example.org. Empty: no links, except for the
	// embedded server.
	UI string `yaml:"ui"`
}

// Hook is a command that is run on the host of a worker, without a shell, with
// PATH, HOME, USER, LANG, TZ and TMPDIR of the worker and what Env adds.
type Hook struct {
	// Command is the program and its arguments. A program with a slash in its
	// name is relative to the configuration, another is looked for in PATH.
	Command []string `yaml:"command"`
	// Env refers to secrets that the command gets as variables.
	Env map[string]secret.Ref `yaml:"env"`
	// Timeout ends the command. Default 10m, at most 24h.
	Timeout time.Duration `yaml:"timeout"`
}

// Worker says what a worker serves.
type Worker struct {
	// Queues lists task queues: runbooks, site-<name>, copy-<name>. Empty: all
	// queues of all sites of this file.
	Queues []string `yaml:"queues"`
	// StateDir holds what must survive a worker's restart (manifests of
	// exports). All workers of one copy queue share it. Default: drover/state
	// in the user's cache directory.
	StateDir string `yaml:"stateDir"`
}
