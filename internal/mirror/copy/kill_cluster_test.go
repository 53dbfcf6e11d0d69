//go:build cluster

package copy_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"

	mirror "drover/internal/mirror/copy"
	"drover/internal/mirror/tree"

	"drover/internal/hadoop/namenode"
)

// childEnv holds the order of a process that copies one file and is killed.
const childEnv = "DROVER_TEST_COPY"

type order struct {
	From, To, User, Root string
	Entry                tree.Entry
	BytesPerSecond       int64
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		fmt.Println(copyAsTold(text))
		os.Exit(1) // it was to be killed before
	}
	os.Exit(m.Run())
}

// copyAsTold prints a line for each piece it writes.
func copyAsTold(text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	from, err := namenode.Open(namenode.Config{Addresses: []string{o.From}, User: o.User})
	if err != nil {
		return err
	}
	to, err := namenode.Open(namenode.Config{Addresses: []string{o.To}, User: o.User})
	if err != nil {
		return err
	}
	opt := everything()
	opt.BytesPerSecond = o.BytesPerSecond
	var sum atomic.Int64
	opt.Moved = func(n int64) { fmt.Println(sum.Add(n)) }
	_, err = mirror.File(context.Background(), tree.Tree{NN: from, Root: o.Root}, o.Entry, tree.Tree{NN: to, Root: o.Root}, opt)
	return err
}

func TestKilledCopyGoesOnInsideTheFile(t *testing.T) {
	w := newWorld(t)
	e := w.put(w.src, "large", data(1, 6*mib+100))
	text, err := json.Marshal(order{addresses(t, "a")[0], addresses(t, "b")[0], superuser(t), w.src.Root, e, 4 * mib})
	w.must(err)
	self, err := os.Executable()
	w.must(err)
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), childEnv+"="+string(text))
	out, err := child.StdoutPipe()
	w.must(err)
	w.must(child.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var n int
		if _, err := fmt.Sscan(lines.Text(), &n); err != nil {
			t.Fatalf("the child says %q", lines.Text())
		}
		if n > 3*mib+mib/2 {
			break
		}
	}
	w.must(child.Process.Kill())
	child.Wait() //nolint:errcheck // it was killed
	res := w.copied(e)
	t.Logf("%+v", res)
	if !res.Appended || res.Kept < 3*mib || res.Kept+res.Bytes != e.Size {
		t.Errorf("%+v, want at least the three blocks kept that were complete", res)
	}
}

// breaking is a network whose connections break, each time a different one,
// after some bytes.
type breaking struct {
	left  atomic.Int64 // connections still to break
	after int
}

func (b *breaking) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil || b.left.Add(-1) < 0 {
		return c, err
	}
	return &breakingConn{Conn: c, left: b.after}, nil
}

type breakingConn struct {
	net.Conn
	left int
}

func (c *breakingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p[:min(len(p), max(1, c.left))])
	return n, c.count(n, err)
}

func (c *breakingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	return n, c.count(n, err)
}

func (c *breakingConn) count(n int, err error) error {
	if c.left -= n; c.left < 0 && err == nil {
		c.Close() //nolint:errcheck // that is the point
		return io.ErrUnexpectedEOF
	}
	return err
}

func TestLostDataNodesAreSurvived(t *testing.T) {
	w := newWorld(t)
	for i, after := range []int{10, 700, 100_000, mib - 100} {
		e := w.put(w.src, fmt.Sprint(i), data(uint64(i), 3*mib+5))
		network := &breaking{after: after}
		network.left.Store(3)
		opt := everything()
		opt.Dial = network.dial
		res, err := mirror.File(t.Context(), w.src, e, w.dst, opt)
		if err != nil {
			t.Errorf("connections break after %d bytes: %v", after, err)
			continue
		}
		if network.left.Load() >= 0 {
			t.Errorf("only %d connections broke", 3-network.left.Load())
		}
		w.same(e, res)
	}
}
