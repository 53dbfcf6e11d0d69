package rows

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tsuna/gohbase/hrpc"
)

// shortened shows a Java exception without its stack.
type shortened struct{ err error }

func (s shortened) Error() string {
	msg, _, _ := strings.Cut(s.err.Error(), "\n\tat ")
	return strings.Join(strings.Fields(msg), " ")
}

func (s shortened) Unwrap() error { return s.err }

// Get reads every version of every cell of a row, newest first within a
// column. No cells and no error: the row does not exist.
func (c *Client) Get(ctx context.Context, table, row string) ([]Cell, error) {
	all, err := c.GetAll(ctx, table, []string{row})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// GetAll reads every version of every cell of each row, in one batch per
// region server. The result has one entry per row, in their order.
func (c *Client) GetAll(ctx context.Context, table string, rows []string) ([][]Cell, error) {
	return c.batch(ctx, table, rows, func(i int) []func(hrpc.Call) error {
		return []func(hrpc.Call) error{hrpc.MaxVersions(math.MaxInt32)}
	})
}

// Version names one version of one cell.
type Version struct {
	Row       string
	Family    string
	Qualifier string
	Timestamp uint64
}

// GetVersions reads exactly these versions, in one batch per region server:
// each entry of the result holds the one cell, or nothing. It costs a fraction
// of reading whole rows: other families and files of other times are not
// opened.
func (c *Client) GetVersions(ctx context.Context, table string, vs []Version) ([][]Cell, error) {
	rows := make([]string, len(vs))
	for i, v := range vs {
		rows[i] = v.Row
	}
	return c.batch(ctx, table, rows, func(i int) []func(hrpc.Call) error {
		return []func(hrpc.Call) error{
			hrpc.Families(map[string][]string{vs[i].Family: {vs[i].Qualifier}}),
			hrpc.TimeRangeUint64(vs[i].Timestamp, vs[i].Timestamp+1),
		}
	})
}

func (c *Client) batch(ctx context.Context, table string, rows []string, options func(i int) []func(hrpc.Call) error) (_ [][]Cell, err error) {
	op := "read table " + table
	defer recovered(ctx, op, &err)
	calls := make([]hrpc.Call, len(rows))
	for i, row := range rows {
		if calls[i], err = hrpc.NewGetStr(ctx, table, row, options(i)...); err != nil {
			return nil, fmt.Errorf("%s: row %q: %w", op, row, err)
		}
	}
	// SendBatch reorders the batch, but not the results.
	res, ok := c.hb.SendBatch(ctx, slices.Clone(calls))
	out := make([][]Cell, len(rows))
	for i, r := range res {
		if r.Error != nil {
			return nil, fmt.Errorf("%s: row %q: %w", op, rows[i], typed(r.Error))
		}
		if out[i], err = cellsOf(r.Msg); err != nil {
			return nil, fmt.Errorf("%s: row %q: %w", op, rows[i], err)
		}
	}
	if !ok {
		return nil, fmt.Errorf("%s: gohbase reports a failed batch without a failed row", op)
	}
	return out, nil
}

// Place is where a row lives.
type Place struct {
	Region string // full region name
	Server string // "host:port"
}

// Locate finds the region and server that hold row, by asking that server
// whether the row exists.
func (c *Client) Locate(ctx context.Context, table, row string) (p Place, err error) {
	op := fmt.Sprintf("locate row %q of table %s", row, table)
	defer recovered(ctx, op, &err)
	get, err := hrpc.NewGetStr(ctx, table, row)
	if err != nil {
		return Place{}, fmt.Errorf("%s: %w", op, err)
	}
	get.ExistsOnly()
	if _, err := c.hb.Get(get); err != nil {
		return Place{}, fmt.Errorf("%s: %w", op, typed(err))
	}
	region := get.Region()
	p.Region = string(region.Name())
	if rc := region.Client(); rc != nil {
		p.Server = rc.Addr()
	}
	return p, nil
}
