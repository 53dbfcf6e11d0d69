package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// ConfigFile is the name of the Drover configuration Up writes into Dir.
const ConfigFile = "drover.yaml"

// Options says which sandbox Up brings up. FullJIT, BulkLoadReplication and
// HBaseSite are settled when the sandbox is made; a later Up may leave them out
// and gets it as it is, but may not ask for others.
type Options struct {
	// Dir is the sandbox's directory. Default DefaultDir.
	Dir string
	// Log receives one line at a time saying what is done and waited for.
	Log func(line string)
	// FullJIT lets the daemons use the optimising compiler: slower to start,
	// faster under load. For benchmarks.
	FullJIT bool
	// BulkLoadReplication makes both clusters ship bulk loaded files to peers.
	// HBase's own default, and ours, is not to.
	BulkLoadReplication bool
	// OnlyHDFS starts and awaits the four daemons of HDFS and no HBase. Not
	// settled: a later Up without it starts the others as well.
	OnlyHDFS bool
	// HBaseSite holds further properties of the hbase-site.xml of both clusters'
	// daemons; tools do not see them.
	HBaseSite map[string]string
}

// Sandbox is one directory with its two clusters. Any number of goroutines and
// processes may use it at the same time.
type Sandbox struct {
	dir   string
	log   *progress
	state state
}

// Site says how to reach one of the two clusters.
type Site struct {
	Name        string `json:"name"`
	Quorum      string `json:"quorum"` // "host:port"
	ZNodeParent string `json:"znodeParent"`
	RootDir     string `json:"rootDir"`  // "hdfs://host:port/hbase"
	NameNode    string `json:"nameNode"` // "host:port"
	ConfDir     string `json:"confDir"`  // holds core-site.xml, hdfs-site.xml, hbase-site.xml
}

// DefaultDir is the directory named by DROVER_SANDBOX_DIR, or else one in the
// user's cache directory.
func DefaultDir() (string, error) {
	if dir := os.Getenv("DROVER_SANDBOX_DIR"); dir != "" {
		return dir, nil
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "default"), nil
}

// Up brings the daemons up and returns when every one of them serves. It
// adopts those that run already. If it fails, or ctx ends, the daemons it
// started are ended again; adopted ones stay.
func Up(ctx context.Context, opts Options) (*Sandbox, error) {
	dir, err := absolute(opts.Dir)
	if err != nil {
		return nil, err
	}
	s := &Sandbox{dir: dir, log: newProgress(opts.Log)}
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := checkJava(ctx); err != nil {
		return nil, fmt.Errorf("start sandbox %s: %w", dir, err)
	}
	if err := s.settle(ctx, opts); err != nil {
		return nil, err
	}
	if err := s.startMissing(ctx, opts.OnlyHDFS); err != nil {
		return nil, fmt.Errorf("start sandbox %s: %w", dir, err)
	}
	return s, nil
}

// Open returns the sandbox in dir ("" for DefaultDir) without starting
// anything. It fails when none was ever started there.
func Open(dir string) (*Sandbox, error) {
	dir, err := absolute(dir)
	if err != nil {
		return nil, err
	}
	st, err := readState(dir)
	if err != nil {
		return nil, err
	}
	return &Sandbox{dir: dir, log: newProgress(nil), state: st}, nil
}

// LogTo sets where progress lines of a sandbox got from Open go. Call it before
// anything else.
func (s *Sandbox) LogTo(write func(line string)) { s.log = newProgress(write) }

func absolute(dir string) (string, error) {
	if dir == "" {
		var err error
		if dir, err = DefaultDir(); err != nil {
			return "", err
		}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find sandbox directory %s: %w", dir, err)
	}
	if strings.ContainsAny(abs, " \t\n,") {
		// Hadoop splits such values, and the process table is read by words.
		return "", fmt.Errorf("sandbox directory %q: its path must hold no space and no comma", abs)
	}
	return abs, nil
}

// lock keeps other processes from changing the sandbox meanwhile.
func (s *Sandbox) lock(ctx context.Context) (unlock func(), err error) {
	return lockFile(ctx, filepath.Join(s.dir, "lock"), s.log, "another process to finish with sandbox "+s.dir)
}

// settle reads the state, or makes the first one, and writes the configuration.
func (s *Sandbox) settle(ctx context.Context, opts Options) error {
	libs, err := resolveJars(ctx, s.log)
	if err != nil {
		return err
	}
	s.state, err = readState(s.dir)
	switch {
	case errors.Is(err, errNoState):
		chosen, err := choosePorts(s.dir, portFree)
		if err != nil {
			return err
		}
		s.state = state{
			BasePort: chosen.base, FullJIT: opts.FullJIT, BulkLoadReplication: opts.BulkLoadReplication,
			HBaseSite: opts.HBaseSite, Daemons: map[string]process{},
		}
	case err != nil:
		return err
	default:
		if err := s.sameSettings(opts); err != nil {
			return err
		}
	}
	s.state.Libs = libs
	if err := s.writeConf(); err != nil {
		return err
	}
	if err := s.writeLaunchers(); err != nil {
		return err
	}
	return s.writeState()
}

// sameSettings refuses options this sandbox was not made with.
func (s *Sandbox) sameSettings(opts Options) error {
	if opts.FullJIT && !s.state.FullJIT ||
		opts.BulkLoadReplication && !s.state.BulkLoadReplication ||
		opts.HBaseSite != nil && !maps.Equal(opts.HBaseSite, s.state.HBaseSite) {
		return fmt.Errorf("sandbox %s was made with other settings: remove it with `drover sandbox down --remove --dir %s`, or use another directory", s.dir, s.dir)
	}
	return nil
}

// startMissing starts what does not run and waits until everything serves.
func (s *Sandbox) startMissing(ctx context.Context, onlyHDFS bool) (err error) {
	alive, err := s.pids(ctx)
	if err != nil {
		return err
	}
	wanted := daemonsFor(onlyHDFS)
	s.state.OnlyHDFS = onlyHDFS && !runsHBase(alive)
	if err := s.writeState(); err != nil {
		return err
	}
	var missing []string
	for _, name := range wanted {
		if alive[name] == 0 {
			missing = append(missing, name)
		}
	}
	defer func() {
		if err == nil || len(missing) == 0 {
			return
		}
		s.log.say("ending the daemons just started")
		// ctx may be what failed; the children must go all the same.
		err = errors.Join(err, stop(context.WithoutCancel(ctx), s.dir, true, func(name string) bool {
			return slices.Contains(missing, name) || strings.HasSuffix(name, formatSuffix)
		}))
	}()
	if err := s.checkPorts(missing); err != nil {
		return err
	}
	if len(missing) > 0 {
		s.log.say("starting %s (logs in %s)", strings.Join(missing, ", "), filepath.Join(s.dir, "logs"))
	}
	if err := s.formatNameNodes(ctx); err != nil {
		return err
	}
	return s.awaitReady(ctx, wanted)
}

// runsHBase reports whether a daemon is alive that HDFS does without. It must
// not be lost from view.
func runsHBase(alive map[string]int) bool {
	return slices.ContainsFunc(DaemonNames(), func(name string) bool {
		return alive[name] != 0 && !slices.Contains(daemonsFor(true), name)
	})
}

// checkPorts says which foreign listener stands in the way of a daemon.
func (s *Sandbox) checkPorts(daemons []string) error {
	for _, name := range daemons {
		if port := s.state.ports().main(name); !portFree(port) {
			return fmt.Errorf("port %d of %s is taken by another program; end that program, or use another directory", port, name)
		}
	}
	return nil
}

const formatSuffix = "/format"

// formatNameNodes makes the empty file systems of a new sandbox.
func (s *Sandbox) formatNameNodes(ctx context.Context) error {
	java, err := javaBinary()
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, site := range SiteNames() {
		dir := s.dataDir(site + "/" + RoleNameNode)
		if _, err := os.Stat(filepath.Join(dir, "current", "VERSION")); err == nil {
			continue
		}
		group.Go(func() error {
			args := append(s.jvmFlags(site+formatSuffix, "128m", false), "-cp", s.classpath(s.confDir(site), false),
				"org.apache.hadoop.hdfs.server.namenode.NameNode", "-format", "-force", "-nonInteractive")
			out, err := exec.CommandContext(ctx, java, args...).CombinedOutput()
			if err != nil {
				return fmt.Errorf("format NameNode of site %s: %w; it said:\n%s", site, err, tail(out, 12))
			}
			return nil
		})
	}
	return group.Wait()
}

// checkJava runs java once: a missing or unfit one is better said here than in
// nine logs.
func checkJava(ctx context.Context) error {
	java, err := javaBinary()
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, java, "-XshowSettings:properties", "-version").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s does not run: %w: %s", java, err, tail(out, 3))
	}
	_, rest, _ := bytes.Cut(out, []byte("java.specification.version = "))
	version, _, _ := strings.Cut(string(rest), "\n")
	major, err := strconv.Atoi(strings.TrimSpace(version))
	if err != nil || major < 17 || major > 23 {
		return fmt.Errorf("%s is version %q; HBase and HDFS need 17 to 23: install a JDK 17 with scripts/setup.sh, or set JAVA_HOME", java, strings.TrimSpace(version))
	}
	return nil
}

// Dir is the sandbox's directory.
func (s *Sandbox) Dir() string { return s.dir }

// Sites returns both clusters by name.
func (s *Sandbox) Sites() map[string]Site {
	sites := map[string]Site{}
	for _, name := range SiteNames() {
		sites[name] = Site{
			Name: name, Quorum: loopback(s.state.ports().zookeeper()), ZNodeParent: znodeParent(name),
			RootDir: s.nameNodeURL(name) + "/hbase", NameNode: loopback(s.state.ports().nameNode(name)),
			ConfDir: s.confDir(name),
		}
	}
	return sites
}

// Site returns one cluster.
func (s *Sandbox) Site(name string) (Site, error) {
	site, ok := s.Sites()[name]
	if !ok {
		return Site{}, fmt.Errorf("site %q: no such site; there are %s", name, strings.Join(SiteNames(), ", "))
	}
	return site, nil
}

// ConfigPath is the Drover configuration that names the two clusters.
func (s *Sandbox) ConfigPath() string { return filepath.Join(s.dir, ConfigFile) }

// configYAML renders that configuration.
func (s *Sandbox) configYAML() []byte {
	var out bytes.Buffer
	out.WriteString("# Written by `drover sandbox up`; every up writes it again.\nsites:\n")
	for _, site := range SiteNames() {
		conf := s.confDir(site)
		fmt.Fprintf(&out, "  %s:\n    hbase:\n      site: %q\n    hdfs:\n      coreSite: %q\n      hdfsSite: %q\n    hadoop:\n      bin: %q\n", site,
			filepath.Join(conf, "hbase-site.xml"), filepath.Join(conf, "core-site.xml"), filepath.Join(conf, "hdfs-site.xml"), s.launcherDir(site))
	}
	return out.Bytes()
}

// pids returns the process id of every live daemon.
func (s *Sandbox) pids(ctx context.Context) (map[string]int, error) {
	found, err := scan(ctx, s.dir)
	if err != nil {
		return nil, err
	}
	alive := map[string]int{}
	for _, p := range found {
		alive[p.name] = p.pid
	}
	return alive, nil
}
