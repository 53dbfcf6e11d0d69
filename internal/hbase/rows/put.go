package rows

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tsuna/gohbase"
	"github.com/tsuna/gohbase/hrpc"

	"drover/internal/hbase"
)

// Delete says what a cell deletes; the zero value writes it.
type Delete int

// The kinds of deletes. All act on what is not newer than their timestamp.
const (
	NoDelete            Delete = iota
	DeleteVersion              // the one version of a column at that timestamp
	DeleteColumn               // every version of a column
	DeleteFamily               // every column of a family
	DeleteFamilyVersion        // all columns of a family at exactly that timestamp
)

// Cell is one value, or one delete.
type Cell struct {
	Family    string
	Qualifier string // unused by deletes of families
	Timestamp uint64 // ms since 1970; 0 = the server's clock
	Value     []byte
	Delete    Delete
}

// Mutation is what one call changes in one row.
type Mutation struct {
	Row   string
	Cells []Cell
}

// RowError tells what became of one mutation of a batch.
type RowError struct {
	Index int // in the batch
	Row   string
	Err   error
}

// BatchError lists the mutations of a batch that were not acknowledged, in
// order. All others were. errors.Is finds hbase.ErrReadOnly and
// hbase.ErrTableNotFound in it.
type BatchError struct {
	Table string
	Rows  []RowError
}

func (e *BatchError) Error() string {
	first := e.Rows[0]
	if len(e.Rows) == 1 {
		return fmt.Sprintf("write row %q of table %s: %v", first.Row, e.Table, first.Err)
	}
	return fmt.Sprintf("write %d rows of table %s, first %q: %v", len(e.Rows), e.Table, first.Row, first.Err)
}

func (e *BatchError) Unwrap() []error {
	out := make([]error, len(e.Rows))
	for i, r := range e.Rows {
		out[i] = r.Err
	}
	return out
}

// Put sends the mutations in one batch per region server and returns when
// every one is acknowledged. Otherwise the error is a *BatchError, which names
// each that was not. Batches wait out moving and reopening regions until ctx
// ends; with timestamps of their own they may be sent again safely.
func (c *Client) Put(ctx context.Context, table string, ms []Mutation) (err error) {
	op := "write table " + table
	defer recovered(ctx, op, &err)
	var calls []hrpc.Call
	var owner []int // index of the mutation each call belongs to
	for i, m := range ms {
		cs, err := mutates(ctx, table, m)
		if err != nil {
			return fmt.Errorf("%s: row %q: %w", op, m.Row, err)
		}
		for _, call := range cs {
			calls, owner = append(calls, call), append(owner, i)
		}
	}
	// The batch is reordered inside SendBatch: the results are not.
	res, ok := c.hb.SendBatch(ctx, slices.Clone(calls))
	if ok {
		return nil
	}
	be := &BatchError{Table: table}
	for i, r := range res {
		if r.Error == nil || len(be.Rows) > 0 && be.Rows[len(be.Rows)-1].Index == owner[i] {
			continue
		}
		be.Rows = append(be.Rows, RowError{Index: owner[i], Row: ms[owner[i]].Row, Err: typed(r.Error)})
	}
	if len(be.Rows) == 0 {
		return fmt.Errorf("%s: gohbase reports a failed batch without a failed row", op)
	}
	return be
}

// typed gives gohbase's errors, which are text, the sentinels callers know.
func typed(err error) error {
	switch {
	case hbase.IsReadOnly(err):
		return hbase.ErrReadOnly
	case errors.Is(err, gohbase.TableNotFound):
		return hbase.ErrTableNotFound
	}
	return shortened{err}
}

// mutates makes the calls for one mutation: one per kind of delete and
// timestamp, because a call carries one of each.
func mutates(ctx context.Context, table string, m Mutation) ([]hrpc.Call, error) {
	type kind struct {
		del Delete
		ts  uint64
	}
	var order []kind
	values := map[kind]map[string]map[string][]byte{}
	for _, cell := range m.Cells {
		k := kind{cell.Delete, cell.Timestamp}
		if values[k] == nil {
			values[k] = map[string]map[string][]byte{}
			order = append(order, k)
		}
		if cell.Delete == DeleteFamily || cell.Delete == DeleteFamilyVersion {
			values[k][cell.Family] = nil
			continue
		}
		if values[k][cell.Family] == nil {
			values[k][cell.Family] = map[string][]byte{}
		}
		values[k][cell.Family][cell.Qualifier] = cell.Value
	}
	if len(order) == 0 {
		return nil, errors.New("mutation without cells")
	}
	var out []hrpc.Call
	for _, k := range order {
		call, err := mutate(ctx, table, m.Row, k.del, k.ts, values[k])
		if err != nil {
			return nil, err
		}
		out = append(out, call)
	}
	return out, nil
}

func mutate(ctx context.Context, table, row string, del Delete, ts uint64, values map[string]map[string][]byte) (hrpc.Call, error) {
	var opts []func(hrpc.Call) error
	if ts != 0 {
		opts = append(opts, hrpc.TimestampUint64(ts))
	}
	if del == NoDelete {
		return hrpc.NewPutStr(ctx, table, row, values, opts...)
	}
	if del == DeleteVersion || del == DeleteFamilyVersion {
		opts = append(opts, hrpc.DeleteOneVersion())
	}
	return hrpc.NewDelStr(ctx, table, row, values, opts...)
}
