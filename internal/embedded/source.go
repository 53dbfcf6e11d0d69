package embedded

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// source is the nested module with the server's main package.
type source struct {
	dir     string
	version string // of go.temporal.io/server, without the v
	hash    string // of everything that goes into the binary
}

var serverRequirement = regexp.MustCompile(`(?m)^\s*(?:require\s+)?go\.temporal\.io/server v(\S+)`)

// findSource looks beside this file, where it is when Drover was built from a
// checkout, and else upwards from the working directory.
func findSource() (source, error) {
	var tried []string
	if _, file, _, ok := runtime.Caller(0); ok {
		tried = append(tried, filepath.Join(filepath.Dir(file), "..", "devserver"))
	}
	wd, err := os.Getwd()
	if err != nil {
		return source{}, fmt.Errorf("find the source of the embedded Temporal server: %w", err)
	}
	if root, ok := moduleRoot(wd); ok {
		tried = append(tried, filepath.Join(root, "internal", "devserver"))
	}
	for _, dir := range tried {
		src, err := readSource(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return src, err
	}
	return source{}, fmt.Errorf("find the source of the embedded Temporal server: not beside this program's source, "+
		"nor in a checkout of Drover around %s: set TEMPORAL_ADDRESS to a Temporal service, or run inside a checkout", wd)
}

// moduleRoot walks up from dir to the directory of Drover's go.mod.
func moduleRoot(dir string) (string, bool) {
	for {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(data), "module drover\n") {
			return dir, true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}

// readSource reads version and hash. Its error is fs.ErrNotExist when dir is
// no module.
func readSource(dir string) (source, error) {
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return source{}, fmt.Errorf("read the embedded Temporal server's module: %w", err)
	}
	m := serverRequirement.FindSubmatch(mod)
	if m == nil {
		return source{}, fmt.Errorf("read the embedded Temporal server's module: %s requires no go.temporal.io/server",
			filepath.Join(dir, "go.mod"))
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return source{}, fmt.Errorf("list %s: %w", dir, err)
	}
	h := sha256.New()
	for _, name := range append(names, filepath.Join(dir, "go.mod"), filepath.Join(dir, "go.sum")) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return source{}, fmt.Errorf("hash the embedded Temporal server's source: %w", err)
		}
		fmt.Fprintf(h, "%s %d\n", filepath.Base(name), len(data))
		h.Write(data)
	}
	return source{dir: dir, version: string(m[1]), hash: hex.EncodeToString(h.Sum(nil))[:12]}, nil
}

// binary is the file name of the build: another server version, another
// source or another platform is another file.
func (s source) binary() string {
	name := fmt.Sprintf("temporal-dev-%s-%s-%s-%s", s.version, s.hash, runtime.GOOS, runtime.GOARCH)
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return name
}
