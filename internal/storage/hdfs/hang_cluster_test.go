//go:build cluster

package hdfs

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage"
	"drover/internal/storage/storagetest"
)

func TestHangingDataNodeIsLeftInTime(t *testing.T) {
	site, err := sandboxtest.Shared(t).Site("a")
	if err != nil {
		t.Fatal(err)
	}
	nowhere := silent(t)
	var hangs atomic.Bool
	asked := make(chan struct{}, 1) // of the DataNode that does not answer
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		if hangs.Load() && addr != site.NameNode {
			addr = nowhere
			select {
			case asked <- struct{}{}:
			default:
			}
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	s, err := Open(Config{NameNodes: []string{site.NameNode}, User: "hbase", dial: dial})
	if err != nil {
		t.Fatal(err)
	}
	dir := "/hang-" + rand.Text()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		if err := errors.Join(s.RemoveAll(ctx, dir), s.Close()); err != nil {
			t.Error(err)
		}
	})
	storagetest.Put(t, s, dir+"/f", storagetest.Bytes(1<<20))
	src, err := s.Stat(t.Context(), dir+"/f")
	if err != nil {
		t.Fatal(err)
	}
	hangs.Store(true)
	returnsSoon(t, "read", asked, func(ctx context.Context) error {
		r, err := s.Open(ctx, dir+"/f")
		if err != nil {
			return err
		}
		_, err = io.ReadAll(r)
		return errors.Join(err, r.Close())
	})
	returnsSoon(t, "checksum", asked, func(ctx context.Context) error { _, err := s.Checksum(ctx, dir+"/f"); return err })
	returnsSoon(t, "write", asked, func(ctx context.Context) error {
		w, err := s.Create(ctx, dir+"/g", storage.CreateOptions{})
		if err != nil {
			return err
		}
		_, err = w.Write(storagetest.Bytes(1 << 20))
		return errors.Join(err, w.Abort())
	})
	returnsSoon(t, "relay", asked, func(ctx context.Context) error {
		_, err := s.Relay(ctx, s, src, dir+"/h", func(int) error { return nil })
		return err
	})
	hangs.Store(false)
	if got := storagetest.Get(t, s, dir+"/f"); len(got) != 1<<20 {
		t.Errorf("read %d bytes once the datanodes answer", len(got))
	}
	for _, name := range []string{"/g", "/h"} {
		if _, err := s.Stat(t.Context(), dir+name); !errors.Is(err, storage.ErrNotExist) {
			t.Errorf("%s was left behind: %v", name, err)
		}
	}
}
