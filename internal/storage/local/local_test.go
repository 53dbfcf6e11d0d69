package local_test

import (
	"os"
	"path/filepath"
	"testing"

	"drover/internal/storage"
	"drover/internal/storage/local"
	"drover/internal/storage/storagetest"
)

func TestContract(t *testing.T) {
	storagetest.Suite{New: func(t *testing.T) (storage.Store, string) {
		s, err := local.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return s, "/x/y"
	}}.Run(t)
}

func TestASymbolicLinkIsListedAsIrregular(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("f", filepath.Join(dir, "l")); err != nil {
		t.Fatal(err)
	}
	s, err := local.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.List(t.Context(), "/")
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].Irregular || !list[1].Irregular || list[1].Size != 0 {
		t.Errorf("list = %+v, want a file and an irregular entry", list)
	}
	if o, err := s.Stat(t.Context(), "/l"); err != nil || o.Irregular || o.Size != 3 {
		t.Errorf("stat of a link to a file = %+v, %v, want the file", o, err)
	}
}
