package bench

import (
	"bytes"
	"context"
	_ "embed" // the source of the peer's two maps
	"fmt"
	"os"
	"path/filepath"

	"drover/internal/sandbox"
)

// distcpTool is the peer. With LocalJobRunner distcp runs one map whatever -m says
// (LocalClientProtocolProvider overwrites mapreduce.job.maps with 1); with an
// input format of ours, which puts 2 back, it runs two, as on YARN.
const distcpTool = "distcp, two maps"

//go:embed peer/DroverTwoMaps.java
var twoMapsSource []byte

const twoMapsClass = "DroverTwoMaps"

// compilePeer compiles the input format into the sandbox's directory.
func (w *HDFSWorld) compilePeer(ctx context.Context) error {
	w.classes = filepath.Join(w.Sandbox.Dir(), "bench-classes")
	if err := os.MkdirAll(w.classes, 0o755); err != nil {
		return fmt.Errorf("compile the peer's input format: %w", err)
	}
	source := filepath.Join(w.classes, twoMapsClass+".java")
	if err := os.WriteFile(source, twoMapsSource, 0o644); err != nil {
		return fmt.Errorf("compile the peer's input format: %w", err)
	}
	run, err := w.Sandbox.RunJava(ctx, "a", sandbox.JavaOptions{}, "com.sun.tools.javac.Main", "-d", w.classes, source)
	if err == nil && run.ExitCode != 0 {
		err = fmt.Errorf("javac ended with %d: %s", run.ExitCode, bytes.TrimSpace(append(run.Stdout, run.Stderr...)))
	}
	if err != nil {
		return fmt.Errorf("compile the peer's input format: %w; a JDK is needed, not a mere runtime", err)
	}
	return nil
}

// distcp runs distcp with LocalJobRunner.
func (w *HDFSWorld) distcp(ctx context.Context, args ...string) (Cost, error) {
	opts := sandbox.JavaOptions{Heap: "1g", FullJIT: true, ClassPath: []string{w.classes}}
	all := []string{
		// Else its client sleeps 400 ms for each file that the only DataNode
		// has not reported at once: not the tool's fault.
		"-Ddfs.client.block.write.locateFollowingBlock.initial.delay.ms=5",
		"-Ddistcp.uniformsize.strategy.impl=" + twoMapsClass, "-m", "2",
	}
	return w.java(ctx, opts, "org.apache.hadoop.tools.DistCp", append(all, args...)...)
}

// shell runs `hdfs dfs`.
func (w *HDFSWorld) shell(ctx context.Context, args ...string) (Cost, error) {
	return w.java(ctx, sandbox.JavaOptions{Heap: "1g", FullJIT: true, NoStdout: true}, "org.apache.hadoop.fs.FsShell", args...)
}

func (w *HDFSWorld) java(ctx context.Context, opts sandbox.JavaOptions, class string, args ...string) (Cost, error) {
	return w.measured(ctx, func() (Cost, error) {
		run, err := w.Sandbox.RunJava(ctx, "a", opts, class, args...)
		if err != nil {
			return Cost{}, err
		}
		if run.ExitCode != 0 {
			return Cost{}, fmt.Errorf("%s ended with %d: %s", class, run.ExitCode, lastOf(run.Stderr))
		}
		return Cost{Wall: run.Wall, CPU: run.CPU(), RSS: run.MaxRSS}, nil
	})
}

// lastOf is the end of what a program said, without the line or two it logs for
// each file.
func lastOf(output []byte) []byte {
	var kept [][]byte
	for line := range bytes.Lines(output) {
		if !bytes.Contains(line, []byte(" INFO ")) {
			kept = append(kept, line)
		}
	}
	all := bytes.Join(kept, nil)
	return bytes.TrimSpace(all[max(0, len(all)-8000):])
}

// child runs one of our engines once, in a process of its own.
func (w *HDFSWorld) child(ctx context.Context, args ...string) (Cost, error) {
	return w.measured(ctx, func() (Cost, error) { return Child(ctx, args...) })
}

func uri(nameNode, path string) string { return "hdfs://" + nameNode + path }
