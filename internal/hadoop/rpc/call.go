package rpc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"drover/internal/hadoop/wire"
)

const (
	firstWait = 20 * time.Millisecond
	longWait  = 2 * time.Second
)

// header is an RpcRequestHeaderProto.
func (c *Client) header(callID int32, retry int64) wire.Message {
	return make(wire.Message, 0, 48).Uint(1, rpcProtobuf).Uint(2, 0).Sint(3, int64(callID)).Raw(4, c.id).Sint(5, retry)
}

// Call runs one method and returns the body of its answer, which the caller
// owns. It is repeated, always under the same call id, while connections are
// lost and servers are standby (the next is tried), or ask for a retry
// (RetriableException); a call that no server has seen fails as soon as none
// can be connected to. Errors: *RemoteError for any other exception, ctx's
// error, or what happened to the connections.
func (c *Client) Call(ctx context.Context, method string, req wire.Message) ([]byte, error) {
	a := attempt{
		client: c, method: method, req: req,
		until: time.Now().Add(c.cfg.FailoverTimeout),
		call:  call{id: c.nextID(), done: make(chan answerOrError, 1)},
	}
	for {
		at := c.active.Load()
		body, err := a.once(ctx, c.servers[at])
		if err == nil {
			return body, nil
		}
		what := a.judge(err)
		if what == giveUp {
			return nil, err
		}
		if what == tryNext {
			c.active.CompareAndSwap(at, (at+1)%int32(len(c.servers)))
		}
		if err := a.pause(ctx, what); err != nil {
			return nil, err
		}
	}
}

// nextID returns a call id; they are positive.
func (c *Client) nextID() int32 {
	for {
		if id := c.callID.Add(1); id > 0 {
			return id
		}
		c.callID.Store(0)
	}
}

// attempt is what a call knows of its tries.
type attempt struct {
	client *Client
	call   call
	method string
	req    wire.Message
	until  time.Time // no further try after this
	tries  int64     // sent so far
	failed int       // tries so far, sent or not
	heard  bool      // a server answered, or may have taken the call
}

// once tries the call on one server.
func (a *attempt) once(ctx context.Context, s *server) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, a.named(context.Cause(ctx))
	}
	conn, err := s.get(ctx)
	if err != nil {
		return nil, a.named(err)
	}
	about := make(wire.Message, 0, 96).Str(1, a.method).Str(2, a.client.cfg.Protocol).Uint(3, 1) // RequestHeaderProto
	sent := time.Now()
	if err := conn.send(&a.call, a.client.header(a.call.id, a.tries), about, a.req); err != nil {
		return nil, a.named(err)
	}
	a.tries++
	timer := time.NewTimer(a.client.cfg.CallTimeout)
	defer timer.Stop()
	select {
	case got := <-a.call.done:
		return a.take(got)
	case <-ctx.Done():
		conn.forget(&a.call)
		return nil, a.named(context.Cause(ctx))
	case <-timer.C:
	}
	silent := fmt.Errorf("no answer within %v", a.client.cfg.CallTimeout)
	if conn.heard.Load() < sent.UnixNano() {
		conn.fail(silent)
		return a.take(<-a.call.done)
	}
	if conn.take(a.call.id) == nil { // it came, or the connection broke, just now
		return a.take(<-a.call.done)
	}
	return nil, fmt.Errorf("%s: %s: %w, though the server answers other calls", a.method, s.addr, silent)
}

// take returns what became of the call.
func (a *attempt) take(got answerOrError) ([]byte, error) {
	re := got.answer.err
	if re == nil && got.err == nil {
		return got.answer.body, nil
	}
	if re == nil && !errors.As(got.err, &re) {
		return nil, a.named(got.err)
	}
	mine := *re // one that ended the connection is everybody's
	mine.Method = a.method
	return nil, &mine
}

func (a *attempt) named(err error) error { return fmt.Errorf("%s: %w", a.method, err) }

type verdict int

const (
	giveUp verdict = iota
	tryNext
	trySame
)

// judge says what a failed try leads to.
func (a *attempt) judge(err error) verdict {
	a.failed++
	var lost *lostError
	var what verdict
	switch {
	case errors.Is(err, wire.ErrMalformed), errors.Is(err, ErrClosed):
		return giveUp
	case IsClass(err, "StandbyException"), IsClass(err, "ObserverRetryOnActiveException"):
		a.heard, what = true, tryNext
	case IsClass(err, "RetriableException"):
		a.heard, what = true, trySame
	case errors.As(err, &lost):
		a.heard, what = a.heard || lost.sent, tryNext
	default:
		return giveUp
	}
	if time.Now().After(a.until) || (!a.heard && a.failed >= len(a.client.servers)) {
		return giveUp
	}
	return what
}

// pause waits before the next try: not at all while there are servers not yet
// tried, then longer and longer.
func (a *attempt) pause(ctx context.Context, what verdict) error {
	round := a.failed / len(a.client.servers)
	if what == trySame {
		round = a.failed
	}
	if round == 0 || (a.failed%len(a.client.servers) != 0 && what == tryNext) {
		return nil
	}
	wait := min(firstWait<<min(round-1, 10), longWait)
	timer := time.NewTimer(wait/2 + rand.N(wait))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return a.named(context.Cause(ctx))
	case <-a.client.closed:
		return a.named(ErrClosed)
	}
}
