package storage_test

import (
	"testing"

	"drover/internal/storage"
)

// The first sum is what `hdfs dfs -checksum` prints for every empty file. That
// the others are what HDFS computes is proved by the contract suite on HDFS.
func TestSummer(t *testing.T) {
	if got := storage.NewSummer(0).Checksum(); got.Sum != "70bc8f4b72a86921468bf8e8441dce51" || got.BlockSize != storage.DefaultBlockSize {
		t.Errorf("no bytes: got %+v", got)
	}
	sum := func(block int64, n int) storage.Checksum {
		s := storage.NewSummer(block)
		s.Write(make([]byte, n)) //nolint:errcheck // never fails
		return s.Checksum()
	}
	if a, b := sum(1<<20, 5000), sum(2<<20, 5000); a.Sum != b.Sum || !a.Comparable(b, 5000) {
		t.Errorf("one block: %+v and %+v, want them equal", a, b)
	}
	if a, b := sum(1<<20, 3<<20), sum(2<<20, 3<<20); a.Sum == b.Sum || a.Comparable(b, 3<<20) {
		t.Errorf("several blocks of other size: %+v and %+v, want them not comparable", a, b)
	}
	if (storage.Checksum{}).Equal(storage.Checksum{}) {
		t.Error("two unknown checksums count as equal")
	}
}
