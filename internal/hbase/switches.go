package hbase

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

// SplitMergeEnabled reads whether the cluster splits and merges regions.
func (c *Cluster) SplitMergeEnabled(ctx context.Context) (split, merge bool, err error) {
	for typ, out := range map[hbasepb.MasterSwitchType]*bool{hbasepb.MasterSwitchType_SPLIT: &split, hbasepb.MasterSwitchType_MERGE: &merge} {
		var resp hbasepb.IsSplitOrMergeEnabledResponse
		req := &hbasepb.IsSplitOrMergeEnabledRequest{SwitchType: typ.Enum()}
		if err := c.call(ctx, reading, "IsSplitOrMergeEnabled", req, &resp); err != nil {
			return false, false, failed("read split and merge switches of", c.cfg.ClusterKey(), err)
		}
		*out = resp.GetEnabled()
	}
	return split, merge, nil
}

// SetSplitMerge sets the cluster-wide switches. A split or merge that runs
// already goes on: AwaitNoSplits waits for it.
func (c *Cluster) SetSplitMerge(ctx context.Context, split, merge bool) error {
	for typ, on := range map[hbasepb.MasterSwitchType]bool{hbasepb.MasterSwitchType_SPLIT: split, hbasepb.MasterSwitchType_MERGE: merge} {
		req := &hbasepb.SetSplitOrMergeEnabledRequest{
			Enabled: proto.Bool(on), Synchronous: proto.Bool(true), SwitchTypes: []hbasepb.MasterSwitchType{typ},
		}
		if err := c.call(ctx, repeatable, "SetSplitOrMergeEnabled", req, &hbasepb.SetSplitOrMergeEnabledResponse{}); err != nil {
			return failed(fmt.Sprintf("set switch %s=%t on", typ, on), c.cfg.ClusterKey(), err)
		}
	}
	return nil
}

// AwaitNoSplits waits until no split or merge of t is under way.
func (c *Cluster) AwaitNoSplits(ctx context.Context, t TableName) error {
	err := poll(ctx, 10*time.Millisecond, 300*time.Millisecond, func(ctx context.Context) (bool, error) {
		run, err := c.RunningProcedures(ctx, t)
		if err != nil {
			return false, err
		}
		for _, p := range run {
			if p.IsSplitOrMerge() {
				return false, nil
			}
		}
		return true, nil
	})
	return failed("wait for splits and merges of", t.String(), err)
}

// BalancerEnabled reads whether the balancer moves regions.
func (c *Cluster) BalancerEnabled(ctx context.Context) (bool, error) {
	var resp hbasepb.IsBalancerEnabledResponse
	err := c.call(ctx, reading, "IsBalancerEnabled", &hbasepb.IsBalancerEnabledRequest{}, &resp)
	return resp.GetEnabled(), failed("read balancer switch of", c.cfg.ClusterKey(), err)
}
