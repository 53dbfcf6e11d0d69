package sandboxtest

import (
	"context"
	"errors"
	"slices"
	"time"

	"drover/internal/hadoop/rpc"
	"drover/internal/hadoop/wire"
)

// Activate makes one NameNode of a pair the active one, as `hdfs haadmin
// -transitionToActive` does (HAServiceProtocol.proto), and waits until it is.
// Another that is active must be killed or made standby before.
func (h *HDFS) Activate(nn string) { h.transition("transitionToActive", nn) }

// Deactivate makes one NameNode of a pair a standby.
func (h *HDFS) Deactivate(nn string) { h.transition("transitionToStandby", nn) }

func (h *HDFS) transition(method, nn string) {
	h.t.Helper()
	if !slices.Contains(h.nameNodes, nn) {
		h.t.Fatalf("%s: no NameNode %s", method, nn)
	}
	c, err := rpc.New(rpc.Config{
		Addresses: []string{h.port("rpc." + nn)}, Protocol: "org.apache.hadoop.ha.HAServiceProtocol", Auth: rpc.Simple(h.Superuser()),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // an idle connection only
	ctx, cancel := context.WithTimeout(h.t.Context(), servesWithin)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	// HAStateChangeRequestInfoProto: REQUEST_BY_USER.
	req := wire.Message(nil).Raw(1, wire.Message(nil).Uint(1, 0))
	for {
		_, err := c.Call(ctx, method, req)
		if err == nil {
			return
		}
		var refused *rpc.RemoteError
		if errors.As(err, &refused) && refused.ShortClass() != "RetriableException" {
			h.t.Fatalf("%s %s: %v", method, nn, err)
		}
		select { // it does not listen yet
		case <-tick.C:
		case <-ctx.Done():
			h.t.Fatalf("%s %s: %v", method, nn, err)
		}
	}
}
