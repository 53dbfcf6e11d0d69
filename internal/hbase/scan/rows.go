package scan

import (
	"bytes"
	"context"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

const (
	// rowsPerScan bounds the rows one filter names: about 100 kB of request.
	rowsPerScan = 2000
	// rowsPerAnswer bounds what an answer pins on the server: each row that
	// stands alone keeps the whole block it came from (64 kB unless configured)
	// in memory until the answer is sent. Unbounded, eight such scans of 2 MB
	// answers ended a region server with a small heap.
	rowsPerAnswer = 128
)

const filterPackage = "org.apache.hadoop.hbase.filter."

// RowSpecs gives scans that together read exactly the given rows, in order, each
// within one region as far as regions are known. rows must be sorted and free
// of duplicates; each row costs the server one seek.
func (t *Table) RowSpecs(ctx context.Context, rows [][]byte) ([]Spec, error) {
	regions, _, err := t.known(ctx)
	if err != nil {
		return nil, err
	}
	var specs []Spec
	for len(rows) > 0 {
		n := min(len(rows), rowsPerScan)
		for _, r := range regions {
			if r.Contains(rows[0]) && len(r.End) > 0 {
				i, _ := slices.BinarySearchFunc(rows[:n], r.End, bytes.Compare)
				n = max(i, 1)
			}
		}
		specs = append(specs, rowSpec(rows[:n]))
		rows = rows[n:]
	}
	return specs, nil
}

func rowSpec(rows [][]byte) Spec {
	return Spec{
		Start:  rows[0],
		Stop:   append(slices.Clone(rows[len(rows)-1]), 0), // the row after the last
		Filter: rowFilter(rows),
		Random: true,
		Rows:   rowsPerAnswer,
	}
}

// rowFilter passes exactly the given rows and makes the server seek from one to
// the next. Wire: Filter.proto, MultiRowRangeFilter{repeated RowRange
// row_range_list = 1}, RowRange{start_row = 1, start_row_inclusive = 2,
// stop_row = 3, stop_row_inclusive = 4}.
func rowFilter(rows [][]byte) *hbasepb.Filter {
	var list, one []byte
	for _, row := range rows {
		one = protowire.AppendTag(one[:0], 1, protowire.BytesType)
		one = protowire.AppendBytes(one, row)
		one = protowire.AppendTag(one, 2, protowire.VarintType)
		one = protowire.AppendVarint(one, 1)
		one = protowire.AppendTag(one, 3, protowire.BytesType)
		one = protowire.AppendBytes(one, row)
		one = protowire.AppendTag(one, 4, protowire.VarintType)
		one = protowire.AppendVarint(one, 1)
		list = protowire.AppendTag(list, 1, protowire.BytesType)
		list = protowire.AppendBytes(list, one)
	}
	return &hbasepb.Filter{Name: proto.String(filterPackage + "MultiRowRangeFilter"), SerializedFilter: list}
}

// KeysOnly passes the first cell of each row, without its value: all that is
// needed to learn which rows there are. Wire: Filter.proto, FilterList{operator
// = 1 (MUST_PASS_ALL = 1), filters = 2} of FirstKeyOnlyFilter{} and
// KeyOnlyFilter{len_as_val = 1}.
func KeysOnly() (*hbasepb.Filter, error) {
	list := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	keyOnly := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 0)
	for _, f := range []*hbasepb.Filter{
		{Name: proto.String(filterPackage + "FirstKeyOnlyFilter")},
		{Name: proto.String(filterPackage + "KeyOnlyFilter"), SerializedFilter: keyOnly},
	} {
		b, err := proto.Marshal(f)
		if err != nil {
			return nil, err
		}
		list = protowire.AppendBytes(protowire.AppendTag(list, 2, protowire.BytesType), b)
	}
	return &hbasepb.Filter{Name: proto.String(filterPackage + "FilterList"), SerializedFilter: list}, nil
}
