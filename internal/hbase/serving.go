package hbase

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// onlineWithin is how long AwaitServing waits: a region that opens takes
// seconds, one whose server died as long as its log takes to be split.
const onlineWithin = 10 * time.Minute

// AwaitServing waits until t is enabled and each of its regions is open on a
// server that lives, and returns the regions. One that is not so after ten
// minutes makes the error, by name.
func (c *Cluster) AwaitServing(ctx context.Context, t TableName) ([]Region, error) {
	bounded, cancel := context.WithTimeout(ctx, onlineWithin)
	defer cancel()
	var regions []Region
	var missing error
	err := poll(bounded, 20*time.Millisecond, time.Second, func(ctx context.Context) (bool, error) {
		var err error
		if regions, err = c.ServingRegions(ctx, t); err != nil {
			return false, err
		}
		missing, err = c.notServing(ctx, t, regions)
		return missing == nil, err
	})
	if err != nil && missing != nil && bounded.Err() != nil {
		err = fmt.Errorf("%w; look at what its master says of it: %w", missing, err)
	}
	return regions, failed("wait for every region of table", t.String(), err)
}

// notServing says what of a table does not serve yet, nil when all does.
func (c *Cluster) notServing(ctx context.Context, t TableName, regions []Region) (missing, err error) {
	state, err := c.TableState(ctx, t)
	if err != nil {
		return nil, err
	}
	if state != TableEnabled {
		return fmt.Errorf("the table is %s", state), nil
	}
	live, err := c.LiveServers(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range regions {
		switch {
		case r.State != regionOpen:
			return fmt.Errorf("region %s is %s", r, r.State), nil
		case !slices.ContainsFunc(live, func(s ServerName) bool { return s.Addr() == r.Server }):
			return fmt.Errorf("region %s is on %s, which is gone", r, r.Server), nil
		}
	}
	return nil, nil
}

// regionOpen is the state of a region that serves (master.RegionState.State).
const regionOpen = "OPEN"
