package rows

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/tsuna/gohbase"

	"drover/internal/hbase"
)

// Client reads and writes rows of one cluster. It may be used by any number of
// goroutines.
type Client struct {
	cluster string
	hb      gohbase.Client
}

// Open checks cfg and returns the client. It connects at the first call.
func Open(cfg hbase.Config) (*Client, error) {
	// The cluster checks and completes the configuration; it does not connect.
	cluster, err := hbase.Open(cfg)
	if err != nil {
		return nil, err
	}
	cfg = cluster.Config()
	servers, err := cfg.Servers()
	if err != nil {
		return nil, err
	}
	if err := cluster.Close(); err != nil {
		return nil, err
	}
	hbase.SilenceZooKeeper()
	return &Client{
		cluster: cfg.ClusterKey(),
		hb: gohbase.NewClient(strings.Join(servers, ","),
			gohbase.ZookeeperRoot(cfg.ZNodeParent),
			gohbase.EffectiveUser(cfg.User),
			gohbase.Logger(slog.New(slog.DiscardHandler))),
	}, nil
}

// Close ends the client's connections. Calls under way fail.
func (c *Client) Close() { c.hb.Close() }

// Cluster gives the key of the cluster the client speaks to.
func (c *Client) Cluster() string { return c.cluster }

// recovered turns a panic of gohbase into an error: it panics on a znode that
// is still empty while a cluster starts.
func recovered(ctx context.Context, op string, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%s: gohbase: %v", op, p)
		if ctx.Err() != nil {
			*err = fmt.Errorf("%s: %w", op, context.Cause(ctx))
		}
	}
}
