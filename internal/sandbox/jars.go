package sandbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed maven
var mavenProjects embed.FS

// Directories below a resolved set of jars.
const (
	daemonLibs = "daemons"
	loadLibs   = "loadtools"
)

// resolveJars returns the directory holding the jars of the checked-in poms,
// downloading them with Maven when this user has not done so yet. The name of
// the directory carries a digest of the poms, so a changed pom never meets old
// jars. Concurrent callers, in this process or others, wait for one download.
func resolveJars(ctx context.Context, log *progress) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	digest, err := pomDigest()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "jars-"+digest)
	if isDir(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("make cache directory: %w", err)
	}
	unlock, err := lockFile(ctx, dir+".lock", log, "another process to download the sandbox's jars")
	if err != nil {
		return "", err
	}
	defer unlock()
	if isDir(dir) {
		return dir, nil
	}
	if err := download(ctx, dir, log); err != nil {
		return "", fmt.Errorf("download HBase and HDFS jars: %w", err)
	}
	return dir, nil
}

// download fills a new directory beside dir and renames it when it is whole.
func download(ctx context.Context, dir string, log *progress) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return errors.New("maven (mvn) is not installed; install it with scripts/setup.sh")
	}
	part := dir + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	defer os.RemoveAll(part)
	for _, project := range []string{daemonLibs, loadLibs} {
		out := filepath.Join(part, project)
		if err := copyDependencies(ctx, mvn, project, filepath.Join(part, "pom-"+project), out, log); err != nil {
			return err
		}
		if err := removeSecondBinding(out); err != nil {
			return err
		}
	}
	return os.Rename(part, dir)
}

// copyDependencies lets Maven resolve one embedded project into out.
func copyDependencies(ctx context.Context, mvn, project, work, out string, log *progress) error {
	pom, err := mavenProjects.ReadFile("maven/" + project + "/pom.xml")
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(work, "pom.xml"), pom); err != nil {
		return err
	}
	args := []string{"-B", "dependency:copy-dependencies", "-DoutputDirectory=" + out}
	if project == loadLibs {
		// What the test jars depend on is in daemonLibs already.
		args = append(args, "-DexcludeTransitive=true")
	}
	cmd := exec.CommandContext(ctx, mvn, args...)
	cmd.Dir = work
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	stop := log.waitingFor(func() string {
		return fmt.Sprintf("Maven to download HBase and HDFS (once, about 190 MB): %d jars of %s copied", countFiles(out), project)
	})
	defer stop()
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("mvn %s: %w; Maven said:\n%s", strings.Join(args, " "), err, tail(said.Bytes(), 15))
	}
	return nil
}

// removeSecondBinding deletes the logging binding Hadoop brings along; with
// log4j's own there would be two, and SLF4J would pick either.
func removeSecondBinding(dir string) error {
	for _, pattern := range []string{"slf4j-reload4j-*.jar", "reload4j-*.jar"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := os.Remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// pomDigest names the content of the embedded Maven projects.
func pomDigest() (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(mavenProjects, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := mavenProjects.ReadFile(path)
		fmt.Fprintf(sum, "%s %d\n", path, len(body))
		sum.Write(body)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read embedded poms: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

// cacheDir is where this user's jars, and the default sandbox, are kept.
func cacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w; set HOME or XDG_CACHE_HOME", err)
	}
	return filepath.Join(dir, "drover", "sandbox"), nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func countFiles(dir string) int {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0 // not there yet
	}
	return len(entries)
}

// tail returns the last n lines of text.
func tail(text []byte, n int) string {
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}
