package s3_test

import (
	"strings"
	"testing"

	"drover/internal/storage/s3"
)

func TestOpenRefuses(t *testing.T) {
	keys := func() (string, string, error) { return "", "", nil }
	for name, c := range map[string]struct {
		cfg   s3.Config
		words string
	}{
		"no scheme": {s3.Config{Endpoint: "s3.example.org", Bucket: "b", Keys: keys}, "write https://host"},
		"a path":    {s3.Config{Endpoint: "https://s3.example.org/b", Bucket: "b", Keys: keys}, "write https://host"},
		"no bucket": {s3.Config{Endpoint: "https://s3.example.org", Keys: keys}, "bucket"},
		"no keys":   {s3.Config{Endpoint: "https://s3.example.org", Bucket: "b"}, "keys"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := s3.Open(c.cfg); err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("got %v, want an error that says %q", err, c.words)
			}
		})
	}
}
