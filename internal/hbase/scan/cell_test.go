package scan

import (
	"bytes"
	"errors"
	"testing"

	"drover/internal/hbase"
)

func TestCellGivesBackWhatWasAppended(t *testing.T) {
	for _, want := range []struct {
		row, family, qualifier, value string
		timestamp                     uint64
		typ                           byte
	}{
		{"r", "f", "q", "v", 42, hbase.TypePut},
		{"row", "family", "", "", 0, hbase.TypeDeleteFamily},
		{"\x00\xff", "f", "q\x00", string(make([]byte, 70000)), 1<<63 + 1, hbase.TypePut},
	} {
		block := AppendCell([]byte{}, []byte(want.row), []byte(want.family), []byte(want.qualifier), want.timestamp, want.typ, []byte(want.value))
		c, rest, err := SplitCell(append(block, "rest"...))
		if err != nil {
			t.Fatalf("%q: %v", want.row, err)
		}
		if string(c.Row()) != want.row || string(c.Family()) != want.family || string(c.Qualifier()) != want.qualifier ||
			c.Timestamp() != want.timestamp || c.Type() != want.typ || string(c.Value()) != want.value || string(rest) != "rest" {
			t.Errorf("got %q %q %q %d %d, %d bytes of value and rest %q, want %+v", c.Row(), c.Family(), c.Qualifier(), c.Timestamp(), c.Type(), len(c.Value()), rest, want)
		}
	}
}

// FuzzSplitCell shows that no block makes the parser or an accessor panic, and
// that what it accepts is read as the admin client's parser reads it.
func FuzzSplitCell(f *testing.F) {
	good := AppendCell(nil, []byte("row"), []byte("f"), []byte("q"), 7, hbase.TypePut, []byte("value"))
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, block []byte) {
		c, rest, err := SplitCell(block)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("error %v is not marked malformed", err)
			}
			return
		}
		again := AppendCell(nil, c.Row(), c.Family(), c.Qualifier(), c.Timestamp(), c.Type(), c.Value())
		if !bytes.Equal(append(again, rest...), block) {
			t.Fatalf("% x written again is % x, rest % x", block, again, rest)
		}
		if len(c.Key())+len(c.Value())+cellHeader != len(c) {
			t.Fatalf("key of %d and value of %d bytes in a cell of %d", len(c.Key()), len(c.Value()), len(c))
		}
		other, _, err := hbase.NextCell(block)
		if err != nil || !bytes.Equal(other.Row, c.Row()) || !bytes.Equal(other.Value, c.Value()) {
			t.Fatalf("hbase.NextCell reads %+v (%v), want row %q", other, err, c.Row())
		}
	})
}
