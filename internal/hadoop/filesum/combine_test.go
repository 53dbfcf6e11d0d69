package filesum_test

import (
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"drover/internal/hadoop/filesum"
)

func TestCombineIsTheCRCOfBothPiecesTogether(t *testing.T) {
	table := crc32.MakeTable(crc32.Castagnoli)
	r := rand.NewChaCha8([32]byte{1})
	data := make([]byte, 100_000)
	r.Read(data) //nolint:errcheck // never fails
	for _, cut := range []int{0, 1, 511, 512, 65_536, 99_999, len(data)} {
		a, b := data[:cut], data[cut:]
		got := filesum.Combine(crc32.Checksum(a, table), crc32.Checksum(b, table), int64(len(b)))
		if want := crc32.Checksum(data, table); got != want {
			t.Errorf("cut at %d: got %08x, want %08x", cut, got, want)
		}
	}
}

func TestHadoopsNameAndForm(t *testing.T) {
	m := filesum.MD5{BytesPerCRC: 512, CRCPerBlock: 2048, CRCType: filesum.CRC32C, Sum: [16]byte{0xab}}
	if got, want := m.Algorithm(), "MD5-of-2048MD5-of-512CRC32C"; got != want {
		t.Errorf("algorithm %s, want %s", got, want)
	}
	if got, want := m.Hex(), "000002000000000000000800ab000000000000000000000000000000"; got != want {
		t.Errorf("form %s, want %s", got, want)
	}
}
