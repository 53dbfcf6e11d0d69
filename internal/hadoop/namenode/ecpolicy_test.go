package namenode

import (
	"testing"

	"drover/internal/hadoop/wire"
)

// TestErasurePoliciesAreNamed: of a policy that every HDFS has a NameNode sends
// the id alone.
func TestErasurePoliciesAreNamed(t *testing.T) {
	for _, c := range []struct {
		policy wire.Message
		name   string
		coded  bool
	}{
		{wire.Message(nil).Uint(4, 4), "XOR-2-1-1024k", true},
		{wire.Message(nil).Str(1, "RS-12-4-1024k").Uint(4, 64), "RS-12-4-1024k", true},
		{wire.Message(nil).Uint(4, 77), "", true},
		{wire.Message(nil).Uint(4, 0), "replication", false},
	} {
		s, err := parseStatus(wire.Message(nil).Raw(17, c.policy))
		if err != nil || s.ECPolicy != c.name || s.ErasureCoded != c.coded {
			t.Errorf("% x: policy %q, erasure-coded %t, %v; want %q, %t", []byte(c.policy), s.ECPolicy, s.ErasureCoded, err, c.name, c.coded)
		}
	}
}
