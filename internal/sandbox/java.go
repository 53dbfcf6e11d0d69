package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// moduleFlags opens to Hadoop and HBase what their start scripts open: the
// union for every process.
func moduleFlags() []string {
	flags := []string{
		"-Dorg.apache.hbase.thirdparty.io.netty.tryReflectionSetAccessible=true",
		"--add-modules", "jdk.unsupported",
	}
	for _, pkg := range []string{
		"java.io", "java.lang", "java.lang.reflect", "java.math", "java.net", "java.nio", "java.text", "java.util",
		"java.util.concurrent", "java.util.zip", "jdk.internal.ref", "jdk.internal.util.random", "sun.nio.ch",
		"sun.security.util", "sun.security.x509",
	} {
		flags = append(flags, "--add-opens", "java.base/"+pkg+"=ALL-UNNAMED")
	}
	for _, pkg := range []string{
		"java.base/jdk.internal.misc", "java.security.jgss/sun.security.krb5", "java.base/sun.net.dns",
		"java.base/sun.net.util",
	} {
		flags = append(flags, "--add-exports", pkg+"=ALL-UNNAMED")
	}
	return flags
}

// jvmFlags returns the flags of a process called name with at most heap memory.
func (s *Sandbox) jvmFlags(name, heap string, fullJIT bool) []string {
	flags := append(moduleFlags(), marker+s.dir+"/"+name, "-Xms16m", "-Xmx"+heap,
		"-XX:+UseSerialGC", "-Djava.net.preferIPv4Stack=true", "-Djava.io.tmpdir="+s.tmpDir())
	if !fullJIT {
		flags = append(flags, "-XX:TieredStopAtLevel=1")
	}
	return flags
}

// daemonArgs returns the arguments of java for one daemon.
func (s *Sandbox) daemonArgs(daemon string) []string {
	site, role := splitDaemon(daemon)
	heap, main := "128m", []string{"org.apache.zookeeper.server.ZooKeeperServerMain", s.zooConf()}
	switch role {
	case RoleNameNode:
		heap, main = "256m", []string{"org.apache.hadoop.hdfs.server.namenode.NameNode"}
		if s.state.FullJIT {
			heap = "2g" // benchmarks make a million files
		}
	case RoleDataNode:
		heap, main = "256m", []string{"org.apache.hadoop.hdfs.server.datanode.DataNode"}
	case RoleMaster:
		heap, main = "384m", []string{"org.apache.hadoop.hbase.master.HMaster", "start"}
	case RoleRegionServer:
		heap, main = "768m", []string{"org.apache.hadoop.hbase.regionserver.HRegionServer", "start"}
	}
	if site == "" {
		site = SiteNames()[0] // ZooKeeper only needs a log4j2.properties
	}
	args := append(s.jvmFlags(daemon, heap, s.state.FullJIT), "-cp", s.classpath(s.confDir(site), false))
	return append(args, main...)
}

// classpath leaves the jars to java to list: spelled out they would not fit on
// some systems' command lines.
func (s *Sandbox) classpath(conf string, loadTools bool) string {
	path := conf + string(os.PathListSeparator) + filepath.Join(s.state.Libs, daemonLibs, "*")
	if loadTools {
		path += string(os.PathListSeparator) + filepath.Join(s.state.Libs, loadLibs, "*")
	}
	return path
}

// javaBinary finds java: JAVA_HOME first, then PATH.
func javaBinary() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		path := filepath.Join(home, "bin", "java")
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("java of JAVA_HOME: %w; unset JAVA_HOME or point it at a JDK 17", err)
		}
		return path, nil
	}
	path, err := exec.LookPath("java")
	if err != nil {
		return "", errors.New("java is not installed; install a JDK 17 with scripts/setup.sh")
	}
	return path, nil
}

// JavaOptions are the rarely needed settings of RunJava.
type JavaOptions struct {
	// Heap is the largest heap, for example "1g". Default 512m.
	Heap string
	// LoadTools puts the test jars with PerformanceEvaluation on the classpath.
	LoadTools bool
	// FullJIT lets the JVM use its optimising compiler, as it would by default.
	FullJIT bool
	// ClassPath holds directories of classes besides Hadoop's and HBase's.
	ClassPath []string
	// JVM holds further flags of the JVM.
	JVM []string
	// NoStdout drops what the program prints. Where there is much of it, it would
	// also falsify MaxRSS of the next program: Linux counts a child's peak from
	// that of the process that started it.
	NoStdout bool
}

// JavaResult is what a finished Java program left and what it cost.
type JavaResult struct {
	Stdout, Stderr []byte
	ExitCode       int
	Wall           time.Duration
	User, System   time.Duration // CPU
	MaxRSS         int64         // bytes
}

// CPU is the processor time of the program, its own and the kernel's for it.
func (r JavaResult) CPU() time.Duration { return r.User + r.System }

// JavaCommand is a program of the HBase or Hadoop jars, or one source file that
// uses them, as a client of a site; it is not started. MapReduce runs inside the
// program, two maps at a time, and fs.defaultFS is this machine's file system:
// name HDFS paths in full. When ctx ends the program is killed.
func (s *Sandbox) JavaCommand(ctx context.Context, site string, opts JavaOptions, mainClass string, args ...string) (*exec.Cmd, error) {
	java, err := javaBinary()
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", mainClass, err)
	}
	if _, err := s.Site(site); err != nil {
		return nil, fmt.Errorf("run %s: %w", mainClass, err)
	}
	heap := opts.Heap
	if heap == "" {
		heap = "512m"
	}
	flags := append(s.jvmFlags("tool", heap, opts.FullJIT), opts.JVM...)
	classes := append([]string{s.classpath(s.toolsConfDir(site), opts.LoadTools)}, opts.ClassPath...)
	flags = append(flags, "-cp", strings.Join(classes, string(os.PathListSeparator)), mainClass)
	if err := os.MkdirAll(s.tmpDir(), 0o755); err != nil {
		return nil, fmt.Errorf("run %s: %w", mainClass, err)
	}
	cmd := exec.CommandContext(ctx, java, append(flags, args...)...)
	cmd.Dir = s.tmpDir()
	cmd.WaitDelay = 5 * time.Second
	return cmd, nil
}

// RunJava runs a JavaCommand and waits for it. A program that ends with a
// non-zero code is an answer, not an error.
func (s *Sandbox) RunJava(ctx context.Context, site string, opts JavaOptions, mainClass string, args ...string) (JavaResult, error) {
	cmd, err := s.JavaCommand(ctx, site, opts, mainClass, args...)
	if err != nil {
		return JavaResult{}, err
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if opts.NoStdout {
		cmd.Stdout = nil
	}
	began := time.Now()
	err = cmd.Run()
	wall := time.Since(began)
	var exit *exec.ExitError
	if ctx.Err() != nil {
		return JavaResult{}, fmt.Errorf("run %s: %w", mainClass, context.Cause(ctx))
	}
	if err != nil && !errors.As(err, &exit) {
		return JavaResult{}, fmt.Errorf("run %s: %w", mainClass, err)
	}
	return JavaResult{
		Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), ExitCode: cmd.ProcessState.ExitCode(), Wall: wall,
		User: cmd.ProcessState.UserTime(), System: cmd.ProcessState.SystemTime(), MaxRSS: maxRSS(cmd.ProcessState),
	}, nil
}

// maxRSS returns the largest resident size a finished process had, in bytes.
func maxRSS(done *os.ProcessState) int64 {
	usage, ok := done.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return int64(usage.Maxrss) // bytes there, kilobytes elsewhere
	}
	return int64(usage.Maxrss) * 1024
}
