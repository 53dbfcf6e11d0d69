package mem_test

import (
	"testing"

	"drover/internal/storage"
	"drover/internal/storage/mem"
	"drover/internal/storage/storagetest"
)

func TestContract(t *testing.T) {
	storagetest.Suite{New: func(*testing.T) (storage.Store, string) { return mem.New(), "/x/y" }}.Run(t)
}
