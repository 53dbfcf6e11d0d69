package hbase

import (
	"crypto/sha256"
	"encoding/binary"

	"google.golang.org/protobuf/proto"
)

// Nonce makes a call that changes something recognisable: a master that gets
// the same nonce again answers with the procedure it already started, also
// after that has ended (for hbase.procedure.remove.nonce… about half an hour).
// So one key names one intent: a retried activity uses the same key, a new
// attempt to do the thing again uses another.
type Nonce uint64

// NonceFor derives a nonce from a key; the same key gives the same nonce in
// every process. It is never zero, which HBase takes for "no nonce".
func NonceFor(key string) Nonce {
	return Nonce(nonZero("nonce\x00" + key))
}

// with gives the nonce of one step of an intent; no nonce stays none, or all
// steps without one would be the same intent.
func (n Nonce) with(step string) Nonce {
	if n == 0 {
		return 0
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	return Nonce(nonZero(string(b[:]) + step))
}

// pair gives nonce group and nonce as the requests carry them. The group is
// derived too: a retry may come from another process. Zero stays absent.
func (n Nonce) pair() (group, nonce *uint64) {
	if n == 0 {
		return nil, nil
	}
	return proto.Uint64(uint64(n.with("group"))), proto.Uint64(uint64(n))
}

func nonZero(s string) uint64 {
	sum := sha256.Sum256([]byte(s))
	return max(1, binary.BigEndian.Uint64(sum[:8]))
}
