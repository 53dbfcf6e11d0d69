//go:build cluster

package namenode_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"drover/internal/hadoop/namenode"
)

// deaf is a connection that is lost when the next answer comes: the NameNode
// has done what it was asked, and the client does not know.
type deaf struct {
	net.Conn
	loses *atomic.Bool
	lost  *atomic.Int32
}

func (d deaf) Read(p []byte) (int, error) {
	n, err := d.Conn.Read(p)
	if n > 0 && d.loses.CompareAndSwap(true, false) {
		d.lost.Add(1)
		return 0, errors.Join(net.ErrClosed, d.Close())
	}
	return n, err
}

// TestLostAnswersAreNotRunTwice is about the NameNode's retry cache: run a
// second time, every one of these calls would fail.
func TestLostAnswersAreNotRunTwice(t *testing.T) {
	c := onCluster(t)
	var loses atomic.Bool
	var lost atomic.Int32
	frail, err := namenode.Open(namenode.Config{
		Addresses: []string{c.addr}, User: c.user,
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := new(net.Dialer).DialContext(ctx, network, addr)
			return deaf{nc, &loses, &lost}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer frail.Close() //nolint:errcheck // nothing is open
	ctx, dir := t.Context(), c.dir
	steps := []struct {
		name string
		run  func() error
	}{
		{"mkdirs", func() error { return frail.Mkdirs(ctx, dir+"/d", 0o755, true) }},
		{"create", func() error {
			_, err := frail.Create(ctx, dir+"/d/f", namenode.CreateOptions{BlockSize: 1 << 20, Replication: 1})
			return err
		}},
		{"complete", func() error { _, err := frail.Complete(ctx, dir+"/d/f", nil, 0); return err }},
		{"append", func() error { _, _, err := frail.Append(ctx, dir+"/d/f", true); return err }},
		{"complete again", func() error { _, err := frail.Complete(ctx, dir+"/d/f", nil, 0); return err }},
		{"rename", func() error { return frail.Rename(ctx, dir+"/d/f", dir+"/d/g", false) }},
		{"set xattr", func() error {
			return frail.SetXAttr(ctx, dir+"/d/g", namenode.XAttr{Name: "user.a", Value: bytes.Repeat([]byte{1}, 10)})
		}},
		{"remove xattr", func() error { return frail.RemoveXAttr(ctx, dir+"/d/g", "user.a") }},
		{"allow snapshot", func() error { return frail.AllowSnapshot(ctx, dir+"/d") }},
		{"create snapshot", func() error { _, err := frail.CreateSnapshot(ctx, dir+"/d", "s"); return err }},
		{"rename snapshot", func() error { return frail.RenameSnapshot(ctx, dir+"/d", "s", "r") }},
		{"delete snapshot", func() error { return frail.DeleteSnapshot(ctx, dir+"/d", "r") }},
		{"disallow snapshot", func() error { return frail.DisallowSnapshot(ctx, dir+"/d") }},
		{"delete", func() error {
			was, err := frail.Delete(ctx, dir+"/d/g", false)
			if err == nil && !was {
				err = errors.New("nothing was there")
			}
			return err
		}},
	}
	for _, step := range steps {
		loses.Store(true)
		if err := step.run(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
	}
	if n := int(lost.Load()); n != len(steps) {
		t.Errorf("%d answers were lost, want %d", n, len(steps))
	}
}
