package oss_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"drover/internal/storage"
	"drover/internal/storage/oss"
	"drover/internal/storage/oss/osstest"
	"drover/internal/storage/storagetest"
)

func open(t *testing.T, s *osstest.Server, bucket, secret string) *oss.Store {
	t.Helper()
	o, err := oss.Open(oss.Config{Endpoint: s.URL, Bucket: bucket, Keys: func() (string, string, error) { return osstest.KeyID, secret, nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

func TestContract(t *testing.T) {
	storagetest.Suite{Object: true, New: func(t *testing.T) (storage.Store, string) {
		return open(t, osstest.Start(t), osstest.Bucket, osstest.Secret), "/x/y"
	}}.Run(t)
}

// put writes data and returns the error of whichever call failed.
func put(ctx context.Context, s storage.Store, name string, data []byte) error {
	w, err := s.Create(ctx, name, storage.CreateOptions{})
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Commit()
}

func TestObjectsOfSeveralParts(t *testing.T) {
	server := osstest.Start(t)
	s := open(t, server, osstest.Bucket, osstest.Secret)
	const part, large = 128 << 10, 2<<20 + 77
	s.PartSize = part
	for _, size := range []int{part - 1, part, part + 1, 2 * part, large} {
		want := storagetest.Bytes(size)
		storagetest.Put(t, s, "/big", want)
		if got := storagetest.Get(t, s, "/big"); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: read %d that differ", size, len(got))
		}
	}
	if err := oss.CopyParts(t.Context(), s, "big", "copy", 500_000); err != nil {
		t.Fatal(err)
	}
	if got := storagetest.Get(t, s, "/copy"); !bytes.Equal(got, storagetest.Bytes(large)) {
		t.Error("the copy by parts differs")
	}
	w, err := s.Create(t.Context(), "/given-up", storage.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(storagetest.Bytes(part + 1)); err != nil {
		t.Fatal(err)
	}
	if server.Uploads() != 1 {
		t.Fatal("nothing was begun that could be given up")
	}
	if err := w.Abort(); err != nil || server.Uploads() != 0 {
		t.Errorf("abort: %v, %d uploads left", err, server.Uploads())
	}
}

func TestOddNamesAndSeveralPagesAreListed(t *testing.T) {
	s := open(t, osstest.Start(t), osstest.Bucket, osstest.Secret)
	names := []string{"% 1", "% 2", "a b", "50%", "a+b", "x->y", "größe", "日本", "q?x=1&y#z", "a:b", "~.-_", `back\slash`, "quote\"'", "line\nbreak", "&amp;"}
	for _, name := range names {
		storagetest.Put(t, s, "/odd/"+name, []byte(name))
	}
	for i := range 2100 {
		storagetest.Put(t, s, fmt.Sprintf("/many/%05d", i), nil)
	}
	list, err := s.List(t.Context(), "/odd")
	if err != nil || len(list) != len(names) {
		t.Fatalf("listed %v, %v, want %d", list, err, len(names))
	}
	for _, o := range list {
		again, err := s.Stat(t.Context(), o.Path)
		if got := string(storagetest.Get(t, s, o.Path)); "/odd/"+got != o.Path || err != nil || again.Tag != o.Tag || o.Tag == "" {
			t.Errorf("%s holds %q and has mark %q, listed %q, %v", o.Path, got, again.Tag, o.Tag, err)
		}
	}
	if list, err := s.List(t.Context(), "/many"); err != nil || len(list) != 2100 {
		t.Errorf("listed %d, %v, want 2100", len(list), err)
	}
	// A page that ends at an odd name leads to the next one, too.
	if o, err := s.Stat(t.Context(), "/odd"); err != nil || !o.IsDir {
		t.Errorf("stat of a directory whose first name is odd: %+v, %v", o, err)
	}
	if err := s.RemoveAll(t.Context(), "/many"); err != nil {
		t.Error(err)
	}
	if list, err := s.List(t.Context(), "/"); err != nil || len(list) != 1 {
		t.Errorf("left: %v, %v, want odd alone", list, err)
	}
}

func TestAWriteThatTheStoreDoesNotProveFails(t *testing.T) {
	for name, c := range map[string]struct {
		fault osstest.Fault
		size  int
		words string
	}{
		"no crc64":                  {osstest.Fault{Method: http.MethodPut, Suffix: "f", WithoutCRC: true}, 10, "did not send the CRC64"},
		"no crc64 of a part":        {osstest.Fault{Method: http.MethodPut, Suffix: "f", WithoutCRC: true}, 200 << 10, "did not send the CRC64"},
		"no crc64 of many parts":    {osstest.Fault{Method: http.MethodPost, Suffix: "f"}, 200 << 10, "did not send the CRC64"},
		"other bytes of many parts": {osstest.Fault{Method: http.MethodPost, Suffix: "f"}, 200 << 10, "received other bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			server := osstest.Start(t)
			s := open(t, server, osstest.Bucket, osstest.Secret)
			s.PartSize = 128 << 10
			if c.fault.Method == http.MethodPost {
				// The first POST begins the upload, the second ends it.
				server.Fail(c.fault)
				c.fault.WithoutCRC, c.fault.Spoiled = strings.HasPrefix(name, "no"), strings.HasPrefix(name, "other")
			}
			server.Fail(c.fault)
			if err := put(t.Context(), s, "/f", storagetest.Bytes(c.size)); err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("got %v, want an error that says %q", err, c.words)
			}
		})
	}
}

func TestBytesThatChangedOnTheirWayAreNotRead(t *testing.T) {
	server := osstest.Start(t)
	s := open(t, server, osstest.Bucket, osstest.Secret)
	storagetest.Put(t, s, "/f", []byte("abc"))
	server.Fail(osstest.Fault{Method: http.MethodGet, Suffix: "f", Spoiled: true})
	if _, err := s.Checksum(t.Context(), "/f"); err == nil || !strings.Contains(err.Error(), "other bytes came") {
		t.Errorf("got %v, want the read to fail", err)
	}
}

// TestAPassingFaultIsTriedAgain: the client library tries nothing twice.
func TestAPassingFaultIsTriedAgain(t *testing.T) {
	server := osstest.Start(t)
	s := open(t, server, osstest.Bucket, osstest.Secret)
	server.Fail(
		osstest.Fault{Method: http.MethodPut, Suffix: "f", Status: 503},
		osstest.Fault{Method: http.MethodPut, Suffix: "f", Spoiled: true}, // the store says what it received
		osstest.Fault{Method: http.MethodHead, Suffix: "f", Status: 500},
		osstest.Fault{Method: http.MethodGet, Suffix: "f", Status: 503},
	)
	storagetest.Put(t, s, "/f", []byte("abc"))
	if _, err := s.Stat(t.Context(), "/f"); err != nil {
		t.Error(err)
	}
	if got := string(storagetest.Get(t, s, "/f")); got != "abc" {
		t.Errorf("got %q, want abc", got)
	}
}

func TestWrongKeysAndWrongBuckets(t *testing.T) {
	server := osstest.Start(t)
	if _, err := open(t, server, osstest.Bucket, "not-the-secret").List(t.Context(), "/"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("wrong secret: got %v, want ErrDenied", err)
	}
	if _, err := open(t, server, "another", osstest.Secret).Stat(t.Context(), "/f"); err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("wrong bucket: got %v, which must not say that the file is absent", err)
	}
}
