package compose

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// instruction is one line of a Dockerfile, continuation lines joined.
type instruction struct {
	name string
	args string
}

type dockerfile struct {
	t     *testing.T
	lines []instruction
}

func parseDockerfile(t *testing.T) dockerfile {
	t.Helper()
	d := dockerfile{t: t}
	text := strings.ReplaceAll(string(read(t, "Dockerfile")), "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, args, _ := strings.Cut(line, " ")
		d.lines = append(d.lines, instruction{name, strings.TrimSpace(args)})
	}
	return d
}

func (d dockerfile) all(name string) []string {
	var found []string
	for _, i := range d.lines {
		if i.name == name {
			found = append(found, i.args)
		}
	}
	return found
}

// list decodes the JSON form of the last instruction of that name.
func (d dockerfile) list(name string) []string {
	d.t.Helper()
	found := d.all(name)
	if len(found) == 0 {
		d.t.Fatalf("Dockerfile has no %s", name)
	}
	var args []string
	if err := json.Unmarshal([]byte(found[len(found)-1]), &args); err != nil {
		d.t.Fatalf("Dockerfile: %s: %v", name, err)
	}
	return args
}

func TestWhatTheDockerfileCopiesExists(t *testing.T) {
	d := parseDockerfile(t)
	copied := d.all("COPY")
	if len(copied) == 0 {
		t.Fatal("Dockerfile copies nothing")
	}
	built := strings.Join(d.all("RUN"), " ")
	for _, args := range copied {
		words := strings.Fields(args)
		fromStage := false
		for strings.HasPrefix(words[0], "--") {
			fromStage = fromStage || strings.HasPrefix(words[0], "--from=")
			words = words[1:]
		}
		for _, source := range words[:len(words)-1] {
			if fromStage && strings.HasPrefix(source, "/out/") && !strings.Contains(built, source) {
				t.Errorf("COPY %s: no step makes %s", args, source)
			}
			if fromStage {
				continue
			}
			if _, err := os.Stat(filepath.Join(root(t), source)); err != nil {
				t.Errorf("COPY %s: %v", args, err)
			}
		}
	}
}

// Every package of the module that the two programs need is copied.
func TestTheDockerfileCopiesEverySourceDirectory(t *testing.T) {
	copied := strings.Join(parseDockerfile(t).all("COPY"), "\n")
	for _, dir := range []string{"activities", "internal", "starter", "workers", "workflows"} {
		if !strings.Contains(copied, dir+" "+dir) {
			t.Errorf("Dockerfile does not copy %s", dir)
		}
	}
	for _, run := range parseDockerfile(t).all("RUN") {
		for _, word := range strings.Fields(run) {
			if !strings.HasPrefix(word, "./") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root(t), path.Clean(word))); err != nil {
				t.Errorf("RUN builds %s: %v", word, err)
			}
		}
	}
}

var goVersion = regexp.MustCompile(`^(\d+)\.(\d+)\.(\d+)$`)

// The image's Go has the language version of go.mod and is too old for neither
// module: with GOTOOLCHAIN=local an older one refuses to build.
func TestTheDockerfilesGoIsTheModules(t *testing.T) {
	d := parseDockerfile(t)
	image := regexp.MustCompile(`^golang:(\S+?)-\S+ AS build$`).FindStringSubmatch(d.all("FROM")[0])
	if image == nil {
		t.Fatalf("Dockerfile: FROM %s is no golang image with a full version", d.all("FROM")[0])
	}
	for _, mod := range []string{"go.mod", "internal/devserver/go.mod"} {
		line := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(read(t, mod))
		if line == nil {
			t.Fatalf("%s names no Go version", mod)
		}
		want, got := numbers(t, string(line[1])), numbers(t, image[1])
		if got[0] != want[0] || got[1] != want[1] || got[2] < want[2] {
			t.Errorf("Dockerfile builds with Go %s, %s wants %s", image[1], mod, line[1])
		}
	}
}

func numbers(t *testing.T, version string) [3]int {
	t.Helper()
	m := goVersion.FindStringSubmatch(version)
	if m == nil {
		t.Fatalf("Go version %q, want three numbers", version)
	}
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1]) // digits, by the expression
	}
	return n
}
