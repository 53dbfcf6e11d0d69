package local_test

import (
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
