package compose

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// file is the part of the Compose format that ours uses. Decoding is strict,
// so that a misspelt key does not pass for one that is not checked.
type file struct {
	Name          string             `yaml:"name"`
	Services      map[string]service `yaml:"services"`
	Configs       map[string]inline  `yaml:"configs"`
	Volumes       map[string]any     `yaml:"volumes"`
	PasswordShare string             `yaml:"x-postgres-password"`
	ImageShare    string             `yaml:"x-admin-tools"`
}

type inline struct {
	Content string `yaml:"content"`
}

type service struct {
	Image       string               `yaml:"image"`
	Build       string               `yaml:"build"`
	Restart     string               `yaml:"restart"`
	DependsOn   map[string]condition `yaml:"depends_on"`
	Environment map[string]string    `yaml:"environment"`
	Entrypoint  []string             `yaml:"entrypoint"`
	Command     []string             `yaml:"command"`
	Volumes     []string             `yaml:"volumes"`
	Ports       []string             `yaml:"ports"`
	Healthcheck *healthcheck         `yaml:"healthcheck"`
	Configs     []mount              `yaml:"configs"`
	Grace       string               `yaml:"stop_grace_period"`
}

type condition struct {
	Condition string `yaml:"condition"`
}

type mount struct{ Source, Target string }

type healthcheck struct {
	Test        []string `yaml:"test"`
	Interval    string   `yaml:"interval"`
	Timeout     string   `yaml:"timeout"`
	StartPeriod string   `yaml:"start_period"`
	Retries     int      `yaml:"retries"`
}

// root is the directory of the module.
func root(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatalf("go env GOMOD: %v", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(t), name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func load(t *testing.T) file {
	t.Helper()
	var f file
	if err := yaml.NewDecoder(bytes.NewReader(read(t, "docker-compose.yml")), yaml.Strict()).Decode(&f); err != nil {
		t.Fatalf("decode docker-compose.yml: %v", err)
	}
	if len(f.Services) == 0 {
		t.Fatal("docker-compose.yml names no service")
	}
	return f
}
