package hbase

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

// errForgotten says that the master no longer knows a procedure: it ended and
// was evicted, or never was stored. The caller looks at the real state.
var errForgotten = errors.New("the master no longer knows the procedure")

// Procedure is one procedure of the master that is under way or ended lately.
type Procedure struct {
	ID      uint64
	Class   string // without its package, for example SplitTableRegionProcedure
	State   string
	Running bool
	nonce   Nonce
	state   [][]byte // the serialised state messages
}

func (p Procedure) String() string {
	return fmt.Sprintf("%s %d (%s)", p.Class, p.ID, strings.ToLower(p.State))
}

// IsSplitOrMerge reports whether the procedure changes the regions themselves.
func (p Procedure) IsSplitOrMerge() bool {
	return strings.Contains(p.Class, "SplitTableRegion") || strings.Contains(p.Class, "MergeTableRegions")
}

// noProcedure reports whether id is one of the ways to say "none was started".
func noProcedure(id uint64) bool { return id == 0 || id == math.MaxUint64 }

// await waits until procedure id has ended and returns its failure. The first
// polls come quickly: a write fence is such a procedure and its length is what
// writers wait. Wire: getProcedureResult, with a small g.
func (c *Cluster) await(ctx context.Context, id uint64) error {
	if noProcedure(id) {
		return errForgotten
	}
	req := &hbasepb.GetProcedureResultRequest{ProcId: proto.Uint64(id)}
	return poll(ctx, 10*time.Millisecond, 200*time.Millisecond, func(ctx context.Context) (bool, error) {
		var resp hbasepb.GetProcedureResultResponse
		if err := c.call(ctx, reading, "getProcedureResult", req, &resp); err != nil {
			return false, err
		}
		switch resp.GetState() {
		case hbasepb.GetProcedureResultResponse_FINISHED:
			return true, procedureFailure(resp.GetException())
		case hbasepb.GetProcedureResultResponse_NOT_FOUND:
			return false, errForgotten
		}
		return false, nil
	})
}

// procedureFailure gives a procedure's exception the shape of one that a call
// threw: clients of HBase 2.x get most pre-check failures this way.
func procedureFailure(e *hbasepb.ForeignExceptionMessage) error {
	g := e.GetGenericException()
	if g == nil {
		return nil
	}
	msg := strings.TrimPrefix(g.GetMessage(), g.GetClassName()+": ")
	msg, _, _ = strings.Cut(msg, "\n\tat ")
	return &RemoteError{Class: g.GetClassName(), Message: strings.TrimSpace(msg), Method: "procedure", Server: "master", DoNotRetry: true}
}

// procedures lists what the master runs and has run lately.
func (c *Cluster) procedures(ctx context.Context) ([]Procedure, error) {
	var resp hbasepb.GetProceduresResponse
	if err := c.call(ctx, reading, "GetProcedures", &hbasepb.GetProceduresRequest{}, &resp); err != nil {
		return nil, failed("list procedures of", c.cfg.ClusterKey(), err)
	}
	out := make([]Procedure, 0, len(resp.GetProcedure()))
	for _, p := range resp.GetProcedure() {
		class := p.GetClassName()
		q := Procedure{
			ID: p.GetProcId(), Class: class[strings.LastIndexByte(class, '.')+1:], State: p.GetState().String(),
			Running: p.GetState() != hbasepb.ProcedureState_SUCCESS && p.GetState() != hbasepb.ProcedureState_ROLLEDBACK,
			nonce:   Nonce(p.GetNonce()),
		}
		for _, m := range p.GetStateMessage() {
			q.state = append(q.state, m.GetValue())
		}
		out = append(out, q)
	}
	return out, nil
}

// mentions reports whether any state message embeds the given encoded field.
func (p Procedure) mentions(field []byte) bool {
	for _, s := range p.state {
		if bytes.Contains(s, field) {
			return true
		}
	}
	return false
}

// Procedures lists the procedures that concern t: schema changes, enabling,
// splits, merges, restores, peers that carry it. Besides those under way the
// master knows those that ended lately, for five minutes and more. Every one of
// their state messages embeds the table's name as a message, whose encoding is
// searched for: it carries both lengths, so no other table's name matches.
func (c *Cluster) Procedures(ctx context.Context, t TableName) ([]Procedure, error) {
	name, err := proto.Marshal(t.Proto())
	if err != nil {
		return nil, failed("encode name of table", t.String(), err)
	}
	return c.mentioning(ctx, name)
}

// RunningProcedures lists the procedures under way that concern t.
func (c *Cluster) RunningProcedures(ctx context.Context, t TableName) ([]Procedure, error) {
	all, err := c.Procedures(ctx, t)
	return underWay(all), err
}

func (c *Cluster) mentioning(ctx context.Context, field []byte) ([]Procedure, error) {
	all, err := c.procedures(ctx)
	return slices.DeleteFunc(all, func(p Procedure) bool { return !p.mentions(field) }), err
}

func underWay(all []Procedure) []Procedure {
	return slices.DeleteFunc(all, func(p Procedure) bool { return !p.Running })
}

// AwaitTableSettled waits until no procedure concerns t any more. A table's
// descriptor changes before its regions have reopened with it, so a descriptor
// that reads as wanted proves nothing while one is under way.
func (c *Cluster) AwaitTableSettled(ctx context.Context, t TableName) error {
	name, err := proto.Marshal(t.Proto())
	if err != nil {
		return failed("encode name of table", t.String(), err)
	}
	return c.awaitSettled(ctx, name, "table "+t.String())
}

// awaitPeerSettled does the same for a replication peer (the state message of
// a peer procedure has the peer's id as field 1).
func (c *Cluster) awaitPeerSettled(ctx context.Context, id string) error {
	field := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), id)
	return c.awaitSettled(ctx, field, "replication peer "+id)
}

func (c *Cluster) awaitSettled(ctx context.Context, field []byte, what string) error {
	var last []Procedure
	err := poll(ctx, 10*time.Millisecond, 300*time.Millisecond, func(ctx context.Context) (bool, error) {
		all, err := c.mentioning(ctx, field)
		run := underWay(all)
		if err == nil {
			last = run
		}
		return len(run) == 0, err
	})
	if err != nil && len(last) > 0 {
		return fmt.Errorf("wait for procedures of %s, %s still runs: %w", what, last[0], err)
	}
	return failed("wait for procedures of", what, err)
}

// byNonce finds the procedure that was started with n.
func (c *Cluster) byNonce(ctx context.Context, n Nonce) (Procedure, bool, error) {
	if n == 0 {
		return Procedure{}, false, nil
	}
	all, err := c.procedures(ctx)
	if err != nil {
		return Procedure{}, false, err
	}
	for _, p := range all {
		if p.nonce == n {
			return p, true, nil
		}
	}
	return Procedure{}, false, nil
}
