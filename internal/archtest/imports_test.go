package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "drover"

// pkg is what go list says of one package.
type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

// tests returns what only the package's tests import.
func (p pkg) tests() []string { return slices.Concat(p.TestImports, p.XTestImports) }

// root is the directory of the module.
func root(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatalf("go env GOMOD: %v", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
}

// list asks go list about every package of the module, the cluster tests
// included.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-tags", "cluster",
		"-json=ImportPath,Imports,TestImports,XTestImports,Deps", "./...")
	cmd.Dir = root(t)
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list ./...: %v\n%s", err, talk.String())
	}
	var packages []pkg
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 10 {
		t.Fatalf("go list names %d packages, there must be more", len(packages))
	}
	return packages
}

// under reports whether an import path is one of the directories given,
// relative to the module, or below one.
func under(importPath string, directories ...string) bool {
	return slices.ContainsFunc(directories, func(directory string) bool {
		full := path.Join(module, directory)
		return importPath == full || strings.HasPrefix(importPath, full+"/")
	})
}

// layer numbers the layers from the bottom; -1 is not ours. What only tests
// use may look at everything.
func layer(importPath string) int {
	switch {
	case under(importPath, "internal/e2e", "internal/archtest", "internal/compose"):
		return 5
	case under(importPath, "starter"):
		return 4
	case under(importPath, "workers"):
		return 3
	case under(importPath, "workflows"):
		return 2
	case under(importPath, "activities"):
		return 1
	case under(importPath, "internal"):
		return 0
	}
	return -1
}

// TestImports asks go list once for all rules.
func TestImports(t *testing.T) {
	packages := list(t)
	t.Run("imports point downwards", func(t *testing.T) { pointDownwards(t, packages) })
	t.Run("workflows import only what is pure", func(t *testing.T) { pureWorkflows(t, packages) })
	t.Run("engines do not know Temporal", func(t *testing.T) { enginesWithoutTemporal(t, packages) })
	t.Run("the server is no dependency", func(t *testing.T) { serverApart(t, packages) })
	t.Run("a foreign client has one importer", func(t *testing.T) { oneImporter(t, packages) })
}

func pointDownwards(t *testing.T, packages []pkg) {
	for _, p := range packages {
		for _, imported := range slices.Concat(p.Imports, p.tests()) {
			if layer(imported) > layer(p.ImportPath) {
				t.Errorf("%s imports %s: imports go starter → workers → workflows → activities → internal", p.ImportPath, imported)
			}
		}
	}
}

func pureWorkflows(t *testing.T, packages []pkg) {
	pure := []string{
		"workflows", "activities",
		"internal/fault", "internal/preflight", "internal/report", "internal/strictjson",
		"internal/hbase", // for the names of tables; no connection is opened
	}
	for _, p := range packages {
		if !under(p.ImportPath, "workflows") {
			continue
		}
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, module+"/") && (!under(imported, pure...) || under(imported, "internal/hbase") && imported != module+"/internal/hbase") {
				t.Errorf("%s imports %s: workflows see steps, activities and pure packages only", p.ImportPath, imported)
			}
			if slices.Contains([]string{"os", "net", "net/http", "math/rand", "math/rand/v2", "go.uber.org/zap"}, imported) {
				t.Errorf("%s imports %s: workflow code does no I/O and rolls no dice", p.ImportPath, imported)
			}
		}
	}
	step := module + "/workflows/step"
	for _, p := range packages {
		if p.ImportPath == step && slices.Contains(p.Imports, module+"/workflows") {
			t.Errorf("%s imports the runbooks: the kit knows none", step)
		}
	}
}

func enginesWithoutTemporal(t *testing.T, packages []pkg) {
	know := []string{"internal/temporalclient", "internal/e2e"}
	for _, p := range packages {
		if !under(p.ImportPath, "internal") || under(p.ImportPath, know...) {
			continue
		}
		for _, dependency := range p.Deps {
			if strings.HasPrefix(dependency, "go.temporal.io/") {
				t.Errorf("%s depends on %s: an engine that knows Temporal cannot be tested without it", p.ImportPath, dependency)
				break
			}
		}
	}
}

func serverApart(t *testing.T, packages []pkg) {
	for _, p := range packages {
		for _, dependency := range slices.Concat(p.Deps, p.tests()) {
			if strings.HasPrefix(dependency, "go.temporal.io/server") || under(dependency, "internal/devserver") {
				t.Errorf("%s depends on %s: the server is built apart and run as a child process", p.ImportPath, dependency)
			}
		}
	}
}

// oneImporter keeps a foreign client behind the one package that knows how
// to use it.
func oneImporter(t *testing.T, packages []pkg) {
	for _, rule := range []struct {
		imported string
		by       []string
		why      string
	}{
		{"github.com/tsuna/gohbase", []string{"internal/hbase/rows"}, "rows knows its retries and its silences"},
		{"github.com/colinmarc/hdfs", nil, "it hands out bytes whose CRC is wrong"},
		{"github.com/minio/minio-go", []string{"internal/storage/s3"}, "the driver knows its errors"},
		{"github.com/aliyun/aliyun-oss-go-sdk", []string{"internal/storage/oss"}, "the driver knows its errors, and what it does not prove"},
		{module + "/internal/storage/hdfs", []string{"internal/storage/open", "internal/storage/hdfs"}, "drivers are named in open only"},
		{module + "/internal/storage/local", []string{"internal/storage/open", "internal/storage/local"}, "drivers are named in open only"},
		{module + "/internal/storage/s3", []string{"internal/storage/open", "internal/storage/s3"}, "drivers are named in open only"},
		{module + "/internal/storage/oss", []string{"internal/storage/open", "internal/storage/oss"}, "drivers are named in open only"},
		{module + "/internal/storage/mem", []string{"internal/storage/open", "internal/storage/mem"}, "drivers are named in open only"},
		{"github.com/stretchr/testify", nil, "tests compare with go-cmp and say what they wanted"},
	} {
		for _, p := range packages {
			imports := p.Imports
			if !strings.HasPrefix(rule.imported, module+"/") {
				imports = slices.Concat(imports, p.tests()) // tests may use our drivers
			}
			for _, imported := range imports {
				if (imported == rule.imported || strings.HasPrefix(imported, rule.imported+"/")) && !under(p.ImportPath, rule.by...) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imported, rule.why)
				}
			}
		}
	}
}
