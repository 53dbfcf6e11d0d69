package hdfs

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/cenkalti/backoff/v5"
	"google.golang.org/protobuf/encoding/protowire"
)

// nameNode is a connection to the active NameNode for the calls the library
// does not offer. It belongs to one session and is used by one goroutine.
type nameNode struct {
	conn     net.Conn
	r        *bufio.Reader
	clientID []byte
	callID   int64
}

const (
	clientProtocol = "org.apache.hadoop.hdfs.protocol.ClientProtocol"
	contextCallID  = -3
	standby        = "org.apache.hadoop.ipc.StandbyException"
)

// rpcError is a NameNode's refusal. It implements the library's Error.
type rpcError struct{ method, class, text string }

func (e *rpcError) Method() string    { return e.method }
func (e *rpcError) Desc() string      { return "ERROR_APPLICATION" }
func (e *rpcError) Exception() string { return e.class }
func (e *rpcError) Message() string   { return e.text }
func (e *rpcError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.method, shortClass(e.class), firstLine(e.text))
}

// call runs one method on the active NameNode, connecting first if need be.
func (ses *session) call(cfg Config, method string, req message) ([]byte, error) {
	if ses.nn != nil {
		return ses.nn.call(method, req)
	}
	var errs error
	for _, addr := range cfg.NameNodes {
		nn, err := ses.dialNameNode(cfg, addr)
		if err != nil {
			errs = errors.Join(errs, err)
			continue
		}
		resp, err := nn.call(method, req)
		var re *rpcError
		if errors.As(err, &re) && re.class == standby {
			nn.conn.Close() //nolint:errcheck // the other one is the active
			errs = errors.Join(errs, err)
			continue
		}
		ses.nn = nn
		return resp, err
	}
	return nil, errs
}

func (ses *session) dialNameNode(cfg Config, addr string) (*nameNode, error) {
	c, err := ses.dialer(cfg, false)(context.Background(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	nn := &nameNode{conn: c, r: bufio.NewReader(c), clientID: []byte(rand.Text())[:16]}
	// Version 9, service class 0, no authentication; then the context, which
	// has no answer (Hadoop's IpcConnectionContextProto).
	hello := []byte("hrpc\x09\x00\x00")
	about := message(nil).sub(2, message(nil).str(1, cfg.User)).str(3, clientProtocol)
	if _, err := c.Write(append(hello, frame(nn.header(contextCallID), about)...)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return nn, nil
}

// header is an RpcRequestHeaderProto.
func (nn *nameNode) header(callID int64) message {
	return message(nil).num(1, 2).num(2, 0).num(3, protowire.EncodeZigZag(callID)).sub(4, nn.clientID).num(5, protowire.EncodeZigZag(-1))
}

// frame puts the length of each message before it and that of all before them.
func frame(messages ...message) []byte {
	out := make([]byte, 4, 512)
	for _, m := range messages {
		out = protowire.AppendBytes(out, m)
	}
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out
}

func (nn *nameNode) call(method string, req message) ([]byte, error) {
	nn.callID++
	about := message(nil).str(1, method).str(2, clientProtocol).num(3, 1)
	if _, err := nn.conn.Write(frame(nn.header(nn.callID), about, req)); err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	var length [4]byte
	if _, err := io.ReadFull(nn.r, length[:]); err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	head, err := readDelimited(nn.r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	var status, id uint64
	re := &rpcError{method: method}
	err = fields(head, func(n protowire.Number, v uint64, raw []byte) error {
		switch n {
		case 1:
			id = v
		case 2:
			status = v
		case 4:
			re.class = string(raw)
		case 5:
			re.text = string(raw)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", method, err)
	case int64(id) != nn.callID:
		return nil, fmt.Errorf("%s: %w: to call %d, expected to %d", method, errWire, id, nn.callID)
	case status != 0:
		return nil, re
	}
	resp, err := readDelimited(nn.r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	return resp, nil
}

// locations is what the NameNode knows of a file's blocks.
type locations struct {
	size   int64
	blocks []block
	// odd says that the file is open, encrypted or erasure-coded.
	odd bool
}

func (ses *session) locate(cfg Config, name string) (locations, error) {
	resp, err := ses.call(cfg, "getBlockLocations", message(nil).str(1, name).num(2, 0).num(3, 1<<62))
	if err != nil {
		return locations{}, err
	}
	var out locations
	err = fields(resp, func(n protowire.Number, _ uint64, raw []byte) error {
		if n != 1 {
			return nil
		}
		return fields(raw, func(n protowire.Number, v uint64, raw []byte) error {
			switch n {
			case 1:
				out.size = int64(v)
			case 2:
				b, err := parseBlock(raw)
				out.blocks = append(out.blocks, b)
				return err
			case 3:
				out.odd = out.odd || v != 0
			case 6, 7:
				out.odd = true
			}
			return nil
		})
	})
	return out, err
}

// addBlock gets a new block at the end of a file that client has open; previous
// is the id, with its length, of the block before, or nil.
func (ses *session) addBlock(cfg Config, name, client string, previous []byte) (block, error) {
	req := message(nil).str(1, name).str(2, client)
	if previous != nil {
		req = req.sub(3, previous)
	}
	resp, err := ses.call(cfg, "addBlock", req)
	if err != nil {
		return block{}, err
	}
	var out block
	err = fields(resp, func(n protowire.Number, _ uint64, raw []byte) (err error) {
		if n == 1 {
			out, err = parseBlock(raw)
		}
		return err
	})
	if err == nil && len(out.nodes) == 0 {
		err = errors.New("addBlock: no datanode offered")
	}
	return out, err
}

// complete closes a file; false means that its last block is not reported yet.
func (ses *session) complete(cfg Config, name, client string, last []byte) (bool, error) {
	req := message(nil).str(1, name).str(2, client)
	if last != nil {
		req = req.sub(3, last)
	}
	resp, err := ses.call(cfg, "complete", req)
	if err != nil {
		return false, err
	}
	done := false
	err = fields(resp, func(n protowire.Number, v uint64, _ []byte) error {
		done = done || (n == 1 && v != 0)
		return nil
	})
	return done, err
}

// finish closes a file that the session's client has open, once the NameNode
// has heard of its last block.
func (ses *session) finish(ctx context.Context, cfg Config, name string, last []byte) error {
	_, err := again(ctx, func() (struct{}, error) {
		done, err := ses.complete(cfg, name, ses.client.Name(), last)
		if err == nil && !done {
			err = errNotComplete
		}
		return struct{}{}, err
	}, func(err error) bool { return errors.Is(err, errNotComplete) })
	return err
}

var errNotComplete = errors.New("the datanodes have not reported the last block")

func notReplicated(err error) bool {
	var re *rpcError
	return errors.As(err, &re) && shortClass(re.class) == "NotReplicatedYetException"
}

// again repeats a call to the NameNode while it says that it has not heard of a
// block from the DataNodes yet.
func again[T any](ctx context.Context, call func() (T, error), early func(error) bool) (T, error) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 5*time.Millisecond, time.Second
	return backoff.Retry(ctx, func() (T, error) {
		v, err := call()
		if err != nil && !early(err) {
			err = backoff.Permanent(err)
		}
		return v, err
	}, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(completeWait))
}
