package compare

import (
	"fmt"
	"strconv"
)

// Key is a row key. As text it is written as HBase's shell does it: printable
// ASCII as it is, every other byte and the backslash as \xNN.
type Key []byte

func (k Key) String() string {
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, len(k))
	for _, b := range k {
		if b >= ' ' && b <= '~' && b != '\\' {
			out = append(out, b)
			continue
		}
		out = append(out, '\\', 'x', hex[b>>4], hex[b&15])
	}
	return string(out)
}

// MarshalText writes the key as String does.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *Key) UnmarshalText(text []byte) error {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out = append(out, text[i])
			continue
		}
		if i+3 >= len(text) || text[i+1] != 'x' {
			return fmt.Errorf("row key %q: a backslash at byte %d that does not begin \\xNN", text, i)
		}
		b, err := strconv.ParseUint(string(text[i+2:i+4]), 16, 8)
		if err != nil {
			return fmt.Errorf("row key %q: a backslash at byte %d that does not begin \\xNN", text, i)
		}
		out = append(out, byte(b))
		i += 3
	}
	*k = out
	return nil
}
