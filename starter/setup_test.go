package main

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The set-up script is run before make demo and make test. Here it sees a
// machine of programs that only say what they are asked.
const (
	java17  = `echo "    java.specification.version = 17" >&2`
	java11  = `echo "    java.specification.version = 11" >&2`
	nothing = `exit 0`
	nobody  = `echo 1000`
	root    = `echo 0`
	linux   = `echo Linux`
	// aptGet notes its arguments and, told to install, puts java and mvn there.
	aptGet = `echo "$*" >>"$NOTES"
case $* in *install*)
	printf '#!/bin/sh\n%s\n' 'echo "    java.specification.version = 17" >&2' >"$PATH/java"
	printf '#!/bin/sh\n' >"$PATH/mvn"
	chmod +x "$PATH/java" "$PATH/mvn"
esac`
	// brew does the same and keeps the JDK to itself, as Homebrew does.
	brew = `echo "$*" >>"$NOTES"
if [ "$1" = --prefix ]; then echo /opt/brewed; else printf '#!/bin/sh\n' >"$PATH/mvn"; chmod +x "$PATH/mvn"; fi`
)

// machine is a complete one; a test takes away and adds.
func machine(changes map[string]string) map[string]string {
	m := map[string]string{
		"go": `echo go1.26.1`, "java": java17, "mvn": nothing, "gcc": nothing, "ssh": nothing, "id": nobody, "uname": linux, "sudo": `exit 1`,
	}
	maps.Copy(m, changes)
	maps.DeleteFunc(m, func(_, text string) bool { return text == "" })
	return m
}

func TestSetupInstallsWhatItMayAndElseNamesThePackages(t *testing.T) {
	for name, c := range map[string]struct {
		machine map[string]string
		env     []string
		code    int
		says    []string // on stderr; none: it is silent
		asked   string   // what the package manager was told
	}{
		"nothing is missing": {},
		"no JDK and no Maven, and no package manager it knows": {
			machine: map[string]string{"java": "", "mvn": ""},
			code:    1, says: []string{"missing: jdk maven;", "a JDK 17", "java-17-openjdk-devel", "maven"},
		},
		"a JDK that is too old": {
			machine: map[string]string{"java": java11},
			code:    1, says: []string{"missing: jdk;", "a JDK 17"},
		},
		"a JAVA_HOME that hides every JDK": {
			env:  []string{"JAVA_HOME=/nowhere"},
			code: 1, says: []string{"JAVA_HOME=/nowhere holds no JDK 17 to 23", "unset it"},
		},
		"no Go": {
			machine: map[string]string{"go": ""},
			code:    1, says: []string{"go is not installed", "Go 1.26", "https://go.dev/doc/install"},
		},
		"a Go that is too old": {
			machine: map[string]string{"go": `echo go1.25.9`},
			code:    1, says: []string{"go is go1.25.9", "Go 1.26 or newer"},
		},
		"Debian, and it may not be root": {
			machine: map[string]string{"java": "", "mvn": "", "ssh": "", "apt-get": aptGet},
			code:    1, says: []string{"missing: openjdk-17-jdk-headless maven openssh-client;", "run: sudo apt-get update && sudo apt-get install -y openjdk-17-jdk-headless maven openssh-client"},
		},
		"Debian, as root": {
			machine: map[string]string{"java": "", "mvn": "", "id": root, "apt-get": aptGet, "apt-cache": nothing},
			says:    []string{"installing openjdk-17-jdk-headless maven"},
			asked:   "update -qq\ninstall -y -qq --no-install-recommends openjdk-17-jdk-headless maven\n",
		},
		"a Debian whose JDK is newer": {
			machine: map[string]string{"java": "", "id": root, "apt-get": aptGet, "apt-cache": `exit 1`},
			says:    []string{"installing openjdk-17-jdk-headless"},
			asked:   "update -qq\ninstall -y -qq --no-install-recommends openjdk-21-jdk-headless\n",
		},
		"Debian, and the installation fails": {
			machine: map[string]string{"mvn": "", "id": root, "apt-get": `case $* in *install*) exit 100; esac`},
			code:    1, says: []string{"apt-get install maven failed"},
		},
		"Debian, and another program stands first on PATH": {
			machine: map[string]string{"java": java11, "id": root, "apt-get": nothing, "apt-cache": nothing},
			code:    1, says: []string{"still missing after installing: jdk;", "first on PATH"},
		},
		"macOS with Homebrew": {
			machine: map[string]string{"java": "", "mvn": "", "uname": `echo Darwin`, "brew": brew},
			code:    1, says: []string{"now run: export JAVA_HOME=/opt/brewed/libexec"},
			asked: "install --quiet openjdk@17 maven\n--prefix openjdk@17\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, said, asked := setUp(t, machine(c.machine), c.env)
			if code != c.code || asked != c.asked {
				t.Errorf("exit code %d, want %d; the package manager was told %q, want %q; it said:\n%s", code, c.code, asked, c.asked, said)
			}
			for _, words := range c.says {
				if !strings.Contains(said, words) {
					t.Errorf("it said %q, want %q in it", said, words)
				}
			}
			if len(c.says) == 0 && said != "" {
				t.Errorf("it said %q, want nothing where nothing is missing", said)
			}
		})
	}
}

// setUp runs the script where PATH holds the given programs and what the script
// itself is written with.
func setUp(t *testing.T, programs map[string]string, env []string) (code int, said, asked string) {
	t.Helper()
	bin, notes := t.TempDir(), filepath.Join(t.TempDir(), "notes")
	for _, tool := range []string{"sh", "sed", "tr", "grep", "chmod", "cat"} {
		at, err := exec.LookPath(tool)
		if err == nil {
			err = os.Symlink(at, filepath.Join(bin, tool))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range programs {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", filepath.Join("..", "scripts", "setup.sh"))
	cmd.Env = slices.Concat([]string{"PATH=" + bin, "NOTES=" + notes}, env)
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(notes); err == nil {
		asked = string(text)
	}
	return cmd.ProcessState.ExitCode(), string(out), asked
}
