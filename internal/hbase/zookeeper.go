package hbase

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

const zkSessionTimeout = 30 * time.Second

// errNoNode says that a znode is absent.
var errNoNode = zk.ErrNoNode

type silence struct{}

func (silence) Printf(string, ...any) {}

var silenceOnce sync.Once

// SilenceZooKeeper turns off the messages that the ZooKeeper client writes to
// standard error by default. gohbase connects without a way to pass a logger,
// so the library's own default has to go; every user of either calls this
// first.
func SilenceZooKeeper() {
	silenceOnce.Do(func() { zk.DefaultLogger = silence{} })
}

// session is one ZooKeeper session, connected at its first use. It only reads.
// go-zookeeper knows no contexts and waits for ever while no server answers:
// so each request runs beside its caller, who leaves when ctx ends; the
// request itself ends with the session.
type session struct {
	servers []string

	mu      sync.Mutex
	conn    *zk.Conn
	closed  bool
	dialErr error
}

func (s *session) connect() (*zk.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if s.conn != nil {
		return s.conn, nil
	}
	SilenceZooKeeper()
	conn, _, err := zk.Connect(s.servers, zkSessionTimeout,
		zk.WithLogger(silence{}), zk.WithLogInfo(false), zk.WithDialer(s.dial))
	if err != nil {
		return nil, fmt.Errorf("zookeeper %s: %w", strings.Join(s.servers, ","), err)
	}
	s.conn = conn
	return conn, nil
}

// dial remembers why connecting failed: the client itself only logs it.
func (s *session) dial(network, addr string, timeout time.Duration) (net.Conn, error) {
	c, err := net.DialTimeout(network, addr, timeout)
	s.mu.Lock()
	s.dialErr = err
	s.mu.Unlock()
	return c, err
}

// close ends the session; requests under way return ErrClosed.
func (s *session) close() {
	s.mu.Lock()
	conn := s.conn
	s.conn, s.closed = nil, true
	s.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
}

func (s *session) lastDialError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dialErr
}

// zkAgain tells which failures pass when the client has found a server again.
func zkAgain(err error) bool {
	for _, e := range []error{zk.ErrNoServer, zk.ErrConnectionClosed, zk.ErrSessionExpired, zk.ErrSessionMoved} {
		if errors.Is(err, e) {
			return true
		}
	}
	var dns *net.DNSError
	return errors.As(err, &dns)
}

func (s *session) do(ctx context.Context, path string, fn func(*zk.Conn) error) error {
	once := func(ctx context.Context) error {
		done := make(chan error, 1)
		go func() {
			conn, err := s.connect()
			if err == nil {
				err = fn(conn)
			}
			done <- err
		}()
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	err := retryWhile(ctx, zkAgain, once)
	if err == nil {
		return nil
	}
	if dial := s.lastDialError(); dial != nil && !errors.Is(err, errNoNode) {
		return fmt.Errorf("zookeeper %s: read %s: %w (%w)", strings.Join(s.servers, ","), path, dial, err)
	}
	return fmt.Errorf("zookeeper %s: read %s: %w", strings.Join(s.servers, ","), path, err)
}

// get reads a znode. The result belongs to this call alone: a request that
// outlives its caller writes to its own variables.
func (s *session) get(ctx context.Context, path string) ([]byte, error) {
	out := make(chan []byte, 8)
	err := s.do(ctx, path, func(c *zk.Conn) error {
		b, _, err := c.Get(path)
		if err == nil {
			select {
			case out <- b:
			default:
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return <-out, nil
}

// children lists the names below a znode, in no order.
func (s *session) children(ctx context.Context, path string) ([]string, error) {
	out := make(chan []string, 8)
	err := s.do(ctx, path, func(c *zk.Conn) error {
		names, _, err := c.Children(path)
		if err == nil {
			select {
			case out <- names:
			default:
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return <-out, nil
}
