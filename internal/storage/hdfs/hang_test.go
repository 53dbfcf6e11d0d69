package hdfs

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"drover/internal/storage"
)

// silent is the address of a server that takes connections and never answers.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) //nolint:errcheck // ends with the process at the latest
	return l.Addr().String()        // the system accepts; nobody reads
}

// returnsSoon calls with a context that ends when the call hangs.
func returnsSoon[T any](t *testing.T, name string, hangs <-chan T, call func(context.Context) error) {
	t.Helper()
	select {
	case <-hangs: // that was the call before
	default:
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan time.Time, 1)
	go func() {
		select {
		case <-hangs:
		case <-ctx.Done():
		}
		ended <- time.Now()
		cancel()
	}()
	err := call(ctx)
	returned := time.Now()
	cancel()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%s: got %v, want the context's end", name, err)
	}
	if d := returned.Sub(<-ended); d > time.Second {
		t.Errorf("%s: returned after %v, want within a second of the context's end", name, d)
	}
}

func TestHangingNameNodeIsLeftInTime(t *testing.T) {
	s, err := Open(Config{NameNodes: []string{silent(t), silent(t)}, User: "hbase"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // nothing is open
	calls := map[string]func(context.Context) error{
		"stat":     func(ctx context.Context) error { _, err := s.Stat(ctx, "/f"); return err },
		"list":     func(ctx context.Context) error { _, err := s.List(ctx, "/"); return err },
		"open":     func(ctx context.Context) error { _, err := s.Open(ctx, "/f"); return err },
		"checksum": func(ctx context.Context) error { _, err := s.Checksum(ctx, "/f"); return err },
		"create":   func(ctx context.Context) error { _, err := s.Create(ctx, "/f", storage.CreateOptions{}); return err },
		"rename":   func(ctx context.Context) error { return s.Rename(ctx, "/f", "/g") },
		"usage":    func(ctx context.Context) error { _, err := s.Usage(ctx); return err },
		"relay": func(ctx context.Context) error {
			_, err := s.Relay(ctx, s, storage.Object{Path: "/f", Size: 1, BlockSize: 1}, "/g", nil)
			return err
		},
	}
	for name, call := range calls {
		returnsSoon(t, name, time.After(100*time.Millisecond), call)
	}
}

func TestUnreachableNameNodeIsNoAbsence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close() //nolint:errcheck // so that nothing listens there
	s, err := Open(Config{NameNodes: []string{addr}, User: "hbase"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), "/f"); err == nil || errors.Is(err, storage.ErrNotExist) {
		t.Errorf("got %v, want an error that is not ErrNotExist", err)
	}
}
