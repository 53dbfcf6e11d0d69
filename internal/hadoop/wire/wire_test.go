package wire_test

import (
	"bufio"
	"bytes"
	"errors"
	"math"
	"testing"

	"drover/internal/hadoop/wire"
)

func TestMessageReadsBack(t *testing.T) {
	m := wire.Message(nil).Str(1, "a").Raw(2, []byte{0, 1}).Uint(3, math.MaxUint64).Int(4, -1).Sint(5, -33).Bool(6, true)
	var got []any
	err := wire.Fields(m, func(n wire.Number, v uint64, raw []byte) error {
		switch n {
		case 1:
			got = append(got, string(raw))
		case 2:
			got = append(got, len(raw))
		case 4:
			got = append(got, int32(v))
		case 5:
			got = append(got, wire.Sint(v))
		default:
			got = append(got, v)
		}
		return nil
	})
	want := []any{"a", 2, uint64(math.MaxUint64), int32(-1), int64(-33), uint64(1)}
	for i := range want {
		if err != nil || len(got) != len(want) || got[i] != want[i] {
			t.Fatalf("got %v, %v, want %v", got, err, want)
		}
	}
}

func TestMalformed(t *testing.T) {
	for name, b := range map[string][]byte{
		"tag cut short":    {0x80},
		"number cut short": {8, 0x80},
		"string too long":  {10, 5, 'a'},
		"field number 0":   {0, 0},
	} {
		err := wire.Fields(b, func(wire.Number, uint64, []byte) error { return nil })
		if !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, _, err := wire.CutDelimited([]byte{9, 1}); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("cut: got %v", err)
	}
	if _, err := wire.ReadDelimited(bufio.NewReader(bytes.NewReader([]byte{0xff, 0xff, 0xff, 0xff, 0x7f}))); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("read: got %v", err)
	}
}

func FuzzFields(f *testing.F) {
	f.Add([]byte(wire.Message(nil).Str(1, "a").Int(2, -1)))
	f.Add([]byte{13, 1, 2, 3, 4, 17, 1, 2, 3, 4, 5, 6, 7, 8, 19, 20})
	f.Fuzz(func(_ *testing.T, b []byte) {
		wire.Fields(b, func(_ wire.Number, _ uint64, raw []byte) error { //nolint:errcheck // must not panic
			_, _, err := wire.CutDelimited(raw)
			return err
		})
	})
}
