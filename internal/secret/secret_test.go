package secret_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drover/internal/secret"
)

const hush = "s3cr3t-and-long"

func TestValueNeverPrintsItself(t *testing.T) {
	t.Setenv("DROVER_TEST_SECRET", hush)
	ref, err := secret.ParseRef("env:DROVER_TEST_SECRET")
	if err != nil {
		t.Fatal(err)
	}
	value, err := ref.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	if value.Reveal() != hush {
		t.Fatalf("Reveal = %q, want the secret", value.Reveal())
	}
	holder := struct{ Key secret.Value }{value}
	encoded, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%20s"} {
		for _, what := range []any{value, &value, holder, &holder, []secret.Value{value}} {
			if text := fmt.Sprintf(verb, what); strings.Contains(text, hush) || strings.Contains(text, fmt.Sprintf("%x", hush)) {
				t.Errorf("fmt %s of %T shows the secret: %s", verb, what, text)
			}
		}
	}
	if strings.Contains(string(encoded), hush) {
		t.Errorf("JSON shows the secret: %s", encoded)
	}
}

func TestRefRefusesThePlainValueWithoutRepeatingIt(t *testing.T) {
	for _, text := range []string{hush, "env:", "file:", "vault:x", "password:" + hush} {
		_, err := secret.ParseRef(text)
		if err == nil || strings.Contains(err.Error(), hush) {
			t.Errorf("ParseRef(%q) = %v, want an error that does not repeat it", text, err)
		}
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "file:" + path
	}
	t.Run("a file without its last line break", func(t *testing.T) {
		ref, err := secret.ParseRef(write("key", "two words\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		value, err := ref.Resolve()
		if err != nil || value.Reveal() != "two words" {
			t.Errorf("Resolve = %q, %v, want %q", value.Reveal(), err, "two words")
		}
	})
	t.Run("an unset variable and an absent file are fs.ErrNotExist", func(t *testing.T) {
		for _, text := range []string{"env:DROVER_TEST_UNSET", "file:" + filepath.Join(dir, "absent")} {
			ref, err := secret.ParseRef(text)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ref.Resolve(); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Resolve %s = %v, want fs.ErrNotExist", text, err)
			}
		}
	})
	t.Run("an empty secret and no secret are errors", func(t *testing.T) {
		ref, err := secret.ParseRef(write("empty", "\n"))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []secret.Ref{ref, {}} {
			if _, err := r.Resolve(); err == nil {
				t.Errorf("Resolve of %q succeeds, want an error", r)
			}
		}
	})
}
