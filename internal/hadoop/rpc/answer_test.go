package rpc

import (
	"bufio"
	"bytes"
	"testing"
)

func FuzzAnswer(f *testing.F) {
	f.Add([]byte{0, 0, 0, 6, 4, 8, 1, 16, 0, 0})
	f.Add([]byte{0, 0, 0, 9, 8, 8, 1, 16, 1, 34, 2, 'a', '.'})
	f.Fuzz(func(_ *testing.T, b []byte) {
		readAnswer(bufio.NewReader(bytes.NewReader(b))) //nolint:errcheck // must not panic
	})
}
