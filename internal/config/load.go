package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"drover/internal/hadoop"
)

// DefaultFile is what is read when neither a flag nor the environment names a
// configuration.
const DefaultFile = "drover.yaml"

// Load reads, completes and validates a configuration file. Relative paths in
// it are relative to the file. The error names the file, the line where that is
// known, and what to write instead.
func Load(path string) (Config, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return Config{}, fmt.Errorf("configuration %s: %w", path, err)
	}
	text, err := os.ReadFile(absolute)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, fmt.Errorf("configuration %s: %w: write it (see the README), or start a sandbox, which writes one", path, fs.ErrNotExist)
	}
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	cfg, err := Parse(text, filepath.Dir(absolute))
	if err != nil {
		return Config{}, fmt.Errorf("configuration %s: %w", path, err)
	}
	cfg.path = absolute
	return cfg, nil
}

// Parse is Load for text in memory; relative paths start at dir.
func Parse(text []byte, dir string) (Config, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return Config{}, describe(err)
	}
	if err := oneMapping(file); err != nil {
		return Config{}, err
	}
	if err := checkKeys(file.Docs[0].Body); err != nil {
		return Config{}, err
	}
	var cfg Config
	decoder := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	if err := decoder.Decode(&cfg); err != nil {
		return Config{}, describe(err)
	}
	if err := cfg.complete(dir); err != nil {
		return Config{}, err
	}
	return cfg, cfg.Validate()
}

func oneMapping(file *ast.File) error {
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return fmt.Errorf("one YAML document is expected, found %d: start with the key sites", len(file.Docs))
	}
	return nil
}

// describe shortens the YAML library's error to line and message: its long form
// quotes the file, which may hold a secret in a wrong place.
func describe(err error) error {
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil {
		return fmt.Errorf("line %d: %s", located.GetToken().Position.Line, located.GetMessage())
	}
	return err
}

// complete reads the site files and fills in paths and defaults.
func (c *Config) complete(dir string) error {
	c.Worker.StateDir = within(dir, c.Worker.StateDir)
	if c.Worker.StateDir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("worker.stateDir is not set and there is no cache directory: %w", err)
		}
		c.Worker.StateDir = filepath.Join(cache, "drover", "state")
	}
	if path, isFile := c.Temporal.APIKey.Path(); isFile {
		c.Temporal.APIKey = c.Temporal.APIKey.WithPath(within(dir, path))
	}
	for name, hook := range c.Hooks {
		c.Hooks[name] = hook.complete(dir)
	}
	for _, name := range c.SiteNames() {
		site := c.Sites[name]
		if err := site.complete(dir); err != nil {
			return fmt.Errorf("site %s: %w", name, err)
		}
		c.Sites[name] = site
	}
	for name, host := range c.CommandHosts {
		host.complete(dir)
		c.CommandHosts[name] = host
	}
	return nil
}

func (s *Site) complete(dir string) error {
	if !s.HasSnapshots() {
		s.completeStore(dir)
		return nil
	}
	s.HBase.Site = within(dir, s.HBase.Site)
	s.HDFS.CoreSite = within(dir, s.HDFS.CoreSite)
	s.HDFS.HDFSSite = within(dir, s.HDFS.HDFSSite)
	s.Hadoop.complete(dir)
	var files []string
	for _, path := range []string{s.HDFS.CoreSite, s.HDFS.HDFSSite, s.HBase.Site} {
		if path != "" {
			files = append(files, path)
		}
	}
	properties, err := hadoop.Load(files...)
	if err != nil {
		return err
	}
	s.properties = properties
	if s.onlyHDFS() {
		return s.completeHDFS("")
	}
	if err := s.completeHBase(); err != nil {
		return err
	}
	if s.HDFS.User == "" {
		s.HDFS.User = s.HBase.User
	}
	return s.completeHDFS(s.HBase.RootDir)
}

// onlyHDFS reports whether the site has no HBase: nothing is said of one,
// neither in the configuration nor in the Hadoop files, but of an HDFS.
func (s *Site) onlyHDFS() bool {
	_, quorum := s.properties.Get("hbase.zookeeper.quorum")
	_, root := s.properties.Get("hbase.rootdir")
	return !s.HasHBase() && !quorum && !root && !s.HDFS.empty()
}

func (h HDFS) empty() bool {
	return h.CoreSite == "" && h.HDFSSite == "" && h.NameNode == "" && h.User == "" && !h.DataNodesByName
}

func (s *Site) completeHBase() error {
	var err error
	if s.HBase.Quorum == "" {
		s.HBase.Quorum, err = s.properties.Quorum()
	} else {
		s.HBase.Quorum, err = hadoop.NormalizeQuorum(s.HBase.Quorum, "")
	}
	if err != nil {
		return fmt.Errorf("hbase.quorum: %w", err)
	}
	if s.HBase.ZNodeParent == "" {
		s.HBase.ZNodeParent = s.properties.ZNodeParent()
	}
	if s.HBase.RootDir == "" {
		s.HBase.RootDir, err = s.properties.RootDir()
	} else if s.HDFS.NameNode == "" || s.HDFS.CoreSite != "" {
		s.HBase.RootDir, err = s.properties.Qualify(s.HBase.RootDir)
	}
	if err != nil {
		return fmt.Errorf("hbase.rootDir: %w", err)
	}
	if s.HBase.User == "" {
		s.HBase.User = currentUser()
	}
	return nil
}

// completeHDFS finds the NameNodes of the file system that root lies in; an
// empty root stands for fs.defaultFS.
func (s *Site) completeHDFS(root string) error {
	if s.HDFS.User == "" {
		s.HDFS.User = currentUser()
	}
	if s.properties.GetOr("dfs.client.use.datanode.hostname", "") == "true" {
		s.HDFS.DataNodesByName = true
	}
	if s.HDFS.NameNode != "" {
		s.HDFS.NameNode = addressIn(s.HDFS.NameNode)
		s.HDFS.NameNodes = []string{s.HDFS.NameNode}
		s.HDFS.URI = "hdfs://" + s.HDFS.NameNode
		return nil
	}
	if root == "" && !s.onlyHDFS() {
		return nil // Validate names the missing root directory
	}
	var err error
	if s.HDFS.NameNodes, err = s.properties.NameNodes(root); err != nil {
		return fmt.Errorf("hdfs: %w", err)
	}
	s.HDFS.NameNode = s.HDFS.NameNodes[0]
	s.HDFS.URI = authorityOf(cmp.Or(root, s.properties.GetOr("fs.defaultFS", "")))
	return nil
}

// addressIn returns the address that a URI hdfs://host:port names, as Hadoop
// reads it; anything else is returned as it is.
func addressIn(nameNode string) string {
	authority, isURI := strings.CutPrefix(nameNode, "hdfs://")
	if !isURI {
		return nameNode
	}
	return withPort(strings.TrimSuffix(authority, "/"))
}

// withPort adds the port of NameNodes to a host.
func withPort(authority string) string {
	if _, _, err := net.SplitHostPort(authority); err == nil || strings.Contains(authority, "/") || authority == "" {
		return authority
	}
	return net.JoinHostPort(strings.Trim(authority, "[]"), "8020")
}

// authorityOf cuts the path off a full URI.
func authorityOf(uri string) string {
	scheme, rest, _ := strings.Cut(uri, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

// SiteNames lists the sites, sorted.
func (c Config) SiteNames() []string {
	names := make([]string, 0, len(c.Sites))
	for name := range c.Sites {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func within(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// currentUser follows Hadoop: HADOOP_USER_NAME, else who runs the process.
func currentUser() string {
	if name := os.Getenv("HADOOP_USER_NAME"); name != "" {
		return name
	}
	if current, err := user.Current(); err == nil {
		return current.Username
	}
	return "hbase"
}
