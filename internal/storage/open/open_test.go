package open_test

import (
	"path/filepath"
	"strings"
	"testing"

	"drover/internal/config"
	"drover/internal/storage"
	"drover/internal/storage/open"
	"drover/internal/storage/oss/osstest"
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

// TestABucketIsOpenedWithTheKeysOfItsSite, which are looked up when they are
// needed and not before.
func TestABucketIsOpenedWithTheKeysOfItsSite(t *testing.T) {
	server := osstest.Start(t)
	cfg, err := config.Parse([]byte(`sites: {c: {oss: {endpoint: "`+server.URL+`", bucket: `+osstest.Bucket+`, accessKeyId: "env:OSS_ID", accessKeySecret: "env:OSS_SECRET"}}}`), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l, err := cfg.Locate("oss://" + osstest.Bucket + "/a/b")
	if err != nil {
		t.Fatal(err)
	}
	s, err := open.At(l)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // holds nothing
	if _, err := s.Stat(t.Context(), l.Path); err == nil || !strings.Contains(err.Error(), "secret env:OSS_ID: the variable is not set") {
		t.Errorf("without keys: got %v, want an error that names what is missing", err)
	}
	t.Setenv("OSS_ID", osstest.KeyID)
	t.Setenv("OSS_SECRET", osstest.Secret)
	storagetest.Put(t, s, l.Path, []byte("x"))
	if got := storagetest.Get(t, s, l.Path); string(got) != "x" {
		t.Errorf("read %q, want x", got)
	}
}

// TestALocalStoreOffersWhatItCan: wrapped, it would be a store like any other.
func TestALocalStoreOffersWhatItCan(t *testing.T) {
	s, err := open.At(config.Location{Path: "/"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // holds nothing
	if _, ok := s.(storage.Copier); !ok {
		t.Error("it does not copy")
	}
	if _, ok := s.(storage.Dresser); !ok {
		t.Error("it does not keep attributes")
	}
}
