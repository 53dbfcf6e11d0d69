package tree

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

// Digest is what a ledger keeps of a file's bytes: the first 32 hex digits of
// their SHA-256.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// DigestReader is Digest of all that r gives, and how much that was.
func DigestReader(r io.Reader) (string, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return "", n, fmt.Errorf("digest: %w", err)
	}
	return digestOf(h), n, nil
}

func digestOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:16]) }
