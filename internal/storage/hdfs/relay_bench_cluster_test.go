//go:build cluster

package hdfs_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"drover/internal/sandbox/sandboxtest"
	"drover/internal/storage"
	"drover/internal/storage/hdfs"
	"drover/internal/storage/storagetest"
)

// BenchmarkRelay moves files of 4 KB from one HDFS to another, so many at once.
// cpu-us/op is what this process spends on a file.
func BenchmarkRelay(b *testing.B) {
	for _, parallel := range []int{8, 32} {
		b.Run(fmt.Sprint("parallel=", parallel), func(b *testing.B) { relayFiles(b, parallel) })
	}
}

func relayFiles(b *testing.B, parallel int) {
	from, to := site(b, "a"), site(b, "b")
	dir := fmt.Sprintf("/relay-bench-%d", time.Now().UnixNano())
	defer func() {
		for _, s := range []storage.Store{from, to} {
			if err := s.RemoveAll(b.Context(), dir); err != nil {
				b.Error(err)
			}
		}
	}()
	objects := make([]storage.Object, b.N)
	data := storagetest.Bytes(4096)
	each(b, parallel, func(i int) error {
		name := fmt.Sprintf("%s/%d/%d", dir, i%100, i)
		w, err := from.Create(b.Context(), name, storage.CreateOptions{})
		if err != nil {
			return err
		}
		defer w.Abort() //nolint:errcheck // nothing after Commit
		if _, err := w.Write(data); err != nil {
			return err
		}
		if err := w.Commit(); err != nil {
			return err
		}
		objects[i], err = from.Stat(b.Context(), name)
		return err
	})
	before := spent(b)
	b.ResetTimer()
	each(b, parallel, func(i int) error {
		done, err := to.Relay(b.Context(), from, objects[i], objects[i].Path, func(int) error { return nil })
		if err == nil && !done {
			err = fmt.Errorf("%s was declined", objects[i].Path)
		}
		return err
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "files/s")
	b.ReportMetric(float64((spent(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// site opens the HDFS of a site.
func site(b *testing.B, name string) *hdfs.Store {
	b.Helper()
	s, err := sandboxtest.Shared(b).Site(name)
	if err != nil {
		b.Fatal(err)
	}
	store, err := hdfs.Open(hdfs.Config{NameNodes: []string{s.NameNode}, User: "hbase"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() }) //nolint:errcheck // nothing is open
	return store
}

// each runs do for every number below b.N, so many at once.
func each(b *testing.B, parallel int, do func(i int) error) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range parallel {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				if err := do(int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
}

// spent is the CPU time of this process so far.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
