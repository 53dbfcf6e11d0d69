package compose

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"drover/workers"
)

// pinned is an image with at least major and minor version in its tag.
var pinned = regexp.MustCompile(`^[\w./-]+:\d+\.\d+(\.\d+)?(-[\w.]+)?$`)

func TestEveryImageIsPinned(t *testing.T) {
	for name, s := range load(t).Services {
		if s.Build == "" && !pinned.MatchString(s.Image) {
			t.Errorf("service %s: image %q has no version", name, s.Image)
		}
		if strings.Contains(s.Image, "auto-setup") {
			t.Errorf("service %s: the image %s is no longer supported", name, s.Image)
		}
	}
}

func TestEveryDependencyCanBeMet(t *testing.T) {
	f := load(t)
	for name, s := range f.Services {
		for on, c := range s.DependsOn {
			target, ok := f.Services[on]
			if !ok {
				t.Errorf("service %s depends on %s, which is no service", name, on)
				continue
			}
			switch c.Condition {
			case "service_healthy":
				if target.Healthcheck == nil || len(target.Healthcheck.Test) == 0 {
					t.Errorf("service %s waits for the health of %s, which has no healthcheck", name, on)
				}
			case "service_completed_successfully":
				if !strings.HasPrefix(target.Restart, "on-failure") {
					t.Errorf("service %s waits for the end of %s, whose restart policy is %q", name, on, target.Restart)
				}
			default:
				t.Errorf("service %s depends on %s with condition %q", name, on, c.Condition)
			}
		}
	}
}

func TestEveryVolumeAndConfigIsDeclared(t *testing.T) {
	f := load(t)
	for name, s := range f.Services {
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(interpolation.ReplaceAllString(v, "/given"), ":")
			if _, ok := f.Volumes[source]; !ok && !strings.HasPrefix(source, "/") {
				t.Errorf("service %s mounts %s, which is no volume", name, source)
			}
		}
		for _, c := range s.Configs {
			if _, ok := f.Configs[c.Source]; !ok {
				t.Errorf("service %s mounts the config %s, which there is not", name, c.Source)
			}
		}
	}
}

// Nothing in the stack asks who is calling.
func TestPortsArePublishedOnLoopbackOnly(t *testing.T) {
	for name, s := range load(t).Services {
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("service %s publishes %s on every interface", name, p)
			}
		}
	}
}

// An address like temporal:7233 names a service of the file.
var serviceAddress = regexp.MustCompile(`^([a-z][a-z-]*):\d+$`)

func TestAddressesNameServices(t *testing.T) {
	f := load(t)
	for name, s := range f.Services {
		for key, value := range s.Environment {
			m := serviceAddress.FindStringSubmatch(value)
			if m == nil && key != "SQL_HOST" && key != "POSTGRES_SEEDS" {
				continue
			}
			host := value
			if m != nil {
				host = m[1]
			}
			if _, ok := f.Services[host]; !ok {
				t.Errorf("service %s: %s=%s names no service", name, key, value)
			}
		}
	}
}

// interpolation is a variable that Compose fills in.
var interpolation = regexp.MustCompile(`\$\{[^}]*\}`)

func TestVariablesHaveNoSilentDefault(t *testing.T) {
	seen := interpolation.FindAllString(string(read(t, "docker-compose.yml")), -1)
	if len(seen) == 0 {
		t.Fatal("no variable found: a password must not be in the file")
	}
	for _, v := range seen {
		if !strings.Contains(v, ":?") && !strings.HasPrefix(v, "${pair") {
			t.Errorf("%s is empty when it is not set: say ${NAME:?what to set}", v)
		}
	}
}

// The shell of a command gets what is left after Compose's own escapes.
func TestScriptsAreShell(t *testing.T) {
	scripts := 0
	for name, s := range load(t).Services {
		if !slices.Contains(s.Entrypoint, "/bin/sh") {
			continue
		}
		scripts++
		for _, script := range s.Command {
			cmd := exec.CommandContext(t.Context(), "sh", "-n")
			cmd.Stdin = strings.NewReader(strings.ReplaceAll(script, "$$", "$"))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("service %s: %v: %s", name, err, out)
			}
			if loose := regexp.MustCompile(`(^|[^$])\$[A-Za-z]`).FindString(script); loose != "" {
				t.Errorf("service %s: %q is filled in by Compose, not by the shell: write $$", name, loose)
			}
		}
	}
	if scripts != 2 {
		t.Errorf("%d services run a script, want the schema and the namespace job", scripts)
	}
}

func TestTheNamespaceGetsTheWorkersSearchAttributes(t *testing.T) {
	got := strings.Fields(load(t).Services["temporal-namespace"].Environment["SEARCH_ATTRIBUTES"])
	want := workers.SearchAttributes()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("search attributes: got %v, want what workers write: %v", got, want)
	}
}

// The server of the file is the one everything is tested against.
func TestTheServersVersionIsTheEmbeddedOnes(t *testing.T) {
	mod := string(read(t, "internal/devserver/go.mod"))
	f := load(t)
	for name, module := range map[string]string{
		"temporal": "go.temporal.io/server v", "temporal-schema": "go.temporal.io/server v",
		"temporal-namespace": "go.temporal.io/server v", "temporal-ui": "github.com/temporalio/ui-server/v2 v",
	} {
		_, version, _ := strings.Cut(f.Services[name].Image, ":")
		if !strings.Contains(mod, module+version+"\n") {
			t.Errorf("service %s: version %s is not the one of internal/devserver", name, version)
		}
	}
}

// The flag parser of the real worker sees the arguments, then --help, at which
// it stops with success when it knew all before.
func TestTheWorkerTakesItsArguments(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "worker")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./workers/worker")
	build.Dir = root(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the worker: %v: %s", err, out)
	}
	for from, args := range map[string][]string{
		"docker-compose.yml": load(t).Services["worker"].Command,
		"Dockerfile":         parseDockerfile(t).list("CMD"),
	} {
		if len(args) == 0 {
			t.Errorf("%s gives the worker no arguments", from)
		}
		out, err := exec.CommandContext(t.Context(), binary, append(slices.Clone(args), "--help")...).CombinedOutput()
		if err != nil {
			t.Errorf("worker %v, of %s: %v: %s", args, from, err, out)
		}
	}
	out, err := exec.CommandContext(t.Context(), binary, "--no-such-flag", "--help").CombinedOutput()
	if err == nil {
		t.Errorf("the check proves nothing: an unknown flag passed: %s", out)
	}
}
