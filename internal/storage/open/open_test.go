package open_test

import (
	"path/filepath"
	"testing"

	"drover/internal/config"
	"drover/internal/storage/open"
	"drover/internal/storage/storagetest"
)

func TestALocalLocationIsReadAndWrittenUnderItsPath(t *testing.T) {
	l, err := config.Config{}.Locate(filepath.Join(t.TempDir(), "a b%20"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := open.At(l)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // holds nothing
	storagetest.Put(t, s, l.Path, []byte("x"))
	if got := storagetest.Get(t, s, l.Path); string(got) != "x" {
		t.Errorf("read %q, want x", got)
	}
}
