//go:build cluster

package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"drover/internal/storage"
	"drover/internal/storage/s3"
	"drover/internal/storage/s3/s3test"
	"drover/internal/storage/storagetest"
)

func open(t *testing.T, endpoint, secret string) *s3.Store {
	t.Helper()
	s, err := s3.Open(s3.Config{
		Endpoint: endpoint, Region: s3test.Region, Bucket: s3test.Bucket, PathStyle: true,
		Keys: func() (string, string, error) { return s3test.AccessKey, secret, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestContract(t *testing.T) {
	endpoint := s3test.Start(t)
	n := 0
	storagetest.Suite{Object: true, New: func(t *testing.T) (storage.Store, string) {
		n++
		return open(t, endpoint, s3test.SecretKey), fmt.Sprintf("/suite/%d", n)
	}}.Run(t)
}

// TestObjectsOfSeveralParts crosses the size of a part: nothing is lost at its
// edge, an upload that is given up leaves nothing, and a copy is whole.
func TestObjectsOfSeveralParts(t *testing.T) {
	s := open(t, s3test.Start(t), s3test.SecretKey)
	for _, size := range []int{16<<20 - 1, 16 << 20, 16<<20 + 1, 33 << 20} {
		want := storagetest.Bytes(size)
		storagetest.Put(t, s, "/big", want)
		if got := storagetest.Get(t, s, "/big"); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: read %d that differ", size, len(got))
		}
	}
	if err := s.Copy(t.Context(), "/big", "/copy"); err != nil {
		t.Fatal(err)
	}
	if got := storagetest.Get(t, s, "/copy"); !bytes.Equal(got, storagetest.Bytes(33<<20)) {
		t.Error("the copy differs")
	}
	w, err := s.Create(t.Context(), "/given-up", storage.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(storagetest.Bytes(17 << 20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if uploads, err := s3.Uploads(t.Context(), s); err != nil || uploads != 0 {
		t.Errorf("%d uploads are left, %v, want none", uploads, err)
	}
	if _, err := s.Stat(t.Context(), "/given-up"); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("stat of what was given up: %v", err)
	}
}

func TestOddNamesAndManyEntriesAreListed(t *testing.T) {
	s := open(t, s3test.Start(t), s3test.SecretKey)
	names := []string{"a b", "50%", "a+b", "x->y", "größe", "日本", "q?x=1&y#z", "a:b", "~.-_", `back\slash`, "quote\"'"}
	for _, name := range names {
		storagetest.Put(t, s, "/odd/"+name, []byte(name))
	}
	for i := range 1100 {
		storagetest.Put(t, s, fmt.Sprintf("/many/%05d", i), nil)
	}
	list, err := s.List(t.Context(), "/odd")
	if err != nil || len(list) != len(names) {
		t.Fatalf("listed %v, %v, want %d", list, err, len(names))
	}
	for _, o := range list {
		if got := string(storagetest.Get(t, s, o.Path)); "/odd/"+got != o.Path {
			t.Errorf("%s holds %q", o.Path, got)
		}
		again, err := s.Stat(t.Context(), o.Path)
		if err != nil || again.Tag != o.Tag || o.Tag == "" {
			t.Errorf("%s: listed with mark %q, asked for with %q, %v", o.Path, o.Tag, again.Tag, err)
		}
	}
	if list, err := s.List(t.Context(), "/many"); err != nil || len(list) != 1100 {
		t.Errorf("listed %d, %v, want 1100", len(list), err)
	}
	if err := s.RemoveAll(t.Context(), "/many"); err != nil {
		t.Error(err)
	}
	if list, err := s.List(t.Context(), "/"); err != nil || len(list) != 1 {
		t.Errorf("left: %v, %v, want odd alone", list, err)
	}
}

func TestWrongKeysAreDenied(t *testing.T) {
	s := open(t, s3test.Start(t), "not-the-secret")
	began := time.Now()
	_, err := s.List(t.Context(), "/")
	if !errors.Is(err, storage.ErrDenied) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("after %v: got %v, want ErrDenied", time.Since(began), err)
	}
}
