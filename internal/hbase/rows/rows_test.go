package rows

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tsuna/gohbase"

	"drover/internal/hbase"
)

func TestMutationsAreSentByKindAndTime(t *testing.T) {
	value := []byte("v")
	for _, tc := range []struct {
		what  string
		cells []Cell
		calls int
	}{
		{"one time, two families", []Cell{{Family: "f", Qualifier: "a", Timestamp: 1, Value: value}, {Family: "g", Qualifier: "a", Timestamp: 1, Value: value}}, 1},
		{"two versions of a column", []Cell{{Family: "f", Qualifier: "a", Timestamp: 1, Value: value}, {Family: "f", Qualifier: "a", Timestamp: 2, Value: value}}, 2},
		{"a put and a delete", []Cell{{Family: "f", Qualifier: "a", Timestamp: 1, Value: value}, {Family: "f", Timestamp: 1, Delete: DeleteFamily}}, 2},
	} {
		calls, err := mutates(t.Context(), "t", Mutation{Row: "r", Cells: tc.cells})
		if err != nil || len(calls) != tc.calls {
			t.Errorf("%s: %d calls, %v; want %d", tc.what, len(calls), err, tc.calls)
		}
	}
	if _, err := mutates(t.Context(), "t", Mutation{Row: "r"}); err == nil {
		t.Error("a mutation without cells is accepted")
	}
}

func TestBatchErrorNamesRowsAndKeepsCauses(t *testing.T) {
	java := errors.New("HBase Java exception org.apache.hadoop.hbase.DoNotRetryIOException:\norg.apache.hadoop.hbase.DoNotRetryIOException: region is read only\n\tat x.y(Z.java:1)")
	e := &BatchError{Table: "t", Rows: []RowError{{Index: 1, Row: "r1", Err: typed(java)}, {Index: 4, Row: "r4", Err: typed(fmt.Errorf("lookup: %w", gohbase.TableNotFound))}}}
	if !errors.Is(e, hbase.ErrReadOnly) || !errors.Is(e, hbase.ErrTableNotFound) {
		t.Errorf("sentinels are lost in %v", e)
	}
	if got, want := e.Error(), `write 2 rows of table t, first "r1": region is read only`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	other := typed(errors.New("HBase Java exception a.B:\na.B: text\n\tat x.y(Z.java:1)"))
	if got, want := other.Error(), "HBase Java exception a.B: a.B: text"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDeadlineHoldsWithoutZooKeeper(t *testing.T) {
	c, err := Open(hbase.Config{Quorum: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := c.Get(ctx, "t", "r"); err == nil {
		t.Error("a read without a cluster succeeded")
	}
	if err := c.Put(ctx, "t", []Mutation{{Row: "r", Cells: []Cell{{Family: "f", Qualifier: "q"}}}}); err == nil {
		t.Error("a write without a cluster succeeded")
	}
	if _, err := c.Locate(ctx, "t", "r"); err == nil {
		t.Error("a row was located without a cluster")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}
