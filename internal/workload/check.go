package workload

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"drover/internal/hbase"
	"drover/internal/hbase/rows"
)

const (
	checkBatch   = 500
	checkWorkers = 4
	// maxNamed bounds how many lost writes are named; all are counted.
	maxNamed = 20
)

// LedgerCheck says what became of the acknowledged writes of a ledger.
type LedgerCheck struct {
	Checked int64 // entries read back
	Lost    int64 // entries whose cell is absent or has another value
	// Named describes the first lost ones.
	Named []string
}

// CheckLedger reads every entry of the ledger back from the table and reports
// those that are not there exactly as acknowledged: same row, column,
// timestamp and value. It holds a few batches in memory whatever the ledger's
// size. A read that fails is an error, never a lost write.
func CheckLedger(ctx context.Context, client *rows.Client, table hbase.TableName, path string) (LedgerCheck, error) {
	var mu sync.Mutex
	var total LedgerCheck
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(checkWorkers)
	check := func(batch []Entry) {
		g.Go(func() error {
			got, err := checkEntries(ctx, client, table, batch)
			mu.Lock()
			defer mu.Unlock()
			total.add(got)
			return err
		})
	}
	var bad error
	batch := make([]Entry, 0, checkBatch)
	for e, err := range Entries(path) {
		if err != nil {
			bad = err
			break
		}
		if batch = append(batch, e); len(batch) < checkBatch {
			continue
		}
		if ctx.Err() != nil {
			break // a check failed; Wait tells why
		}
		check(batch)
		batch = make([]Entry, 0, checkBatch)
	}
	if len(batch) > 0 && bad == nil {
		check(batch)
	}
	if err := g.Wait(); err != nil {
		return total, fmt.Errorf("check ledger against table %s: %w", table, err)
	}
	return total, bad
}

func (c *LedgerCheck) add(o LedgerCheck) {
	c.Checked += o.Checked
	c.Lost += o.Lost
	c.Named = append(c.Named, o.Named[:min(len(o.Named), maxNamed-len(c.Named))]...)
}

func checkEntries(ctx context.Context, client *rows.Client, table hbase.TableName, batch []Entry) (LedgerCheck, error) {
	keys := make([]rows.Version, len(batch))
	for i, e := range batch {
		keys[i] = rows.Version{Row: e.Row, Family: e.Family, Qualifier: e.Qualifier, Timestamp: e.Timestamp}
	}
	found, err := client.GetVersions(ctx, table.String(), keys)
	if err != nil {
		return LedgerCheck{}, err
	}
	check := LedgerCheck{Checked: int64(len(batch))}
	for i, e := range batch {
		why := e.lost(found[i])
		if why == "" {
			continue
		}
		check.Lost++
		if len(check.Named) < maxNamed {
			check.Named = append(check.Named, fmt.Sprintf("%s %s:%s@%d: %s", e.Row, e.Family, e.Qualifier, e.Timestamp, why))
		}
	}
	return check, nil
}

// lost says in words why the cells read for the entry are not what was
// acknowledged; "" when they are.
func (e Entry) lost(cells []rows.Cell) string {
	for _, c := range cells {
		if c.Family != e.Family || c.Qualifier != e.Qualifier || c.Timestamp != e.Timestamp {
			continue
		}
		if d := Digest(c.Value); d != e.Digest {
			return "value has digest " + d + ", acknowledged was " + e.Digest
		}
		return ""
	}
	return "absent"
}
