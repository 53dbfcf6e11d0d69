package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"drover/internal/fault"
	"drover/internal/hbase"
	"drover/internal/hbase/rows"
	"drover/internal/sandbox"
	"drover/internal/workload"
)

// sandboxLoad is the input of "sandbox load".
type sandboxLoad struct {
	site, table string
	spec        workload.Spec
	rate        int
	lasting     time.Duration
}

// sandboxLoaded is its answer.
type sandboxLoaded struct {
	Site   string                `json:"site"`
	Table  string                `json:"table"`
	Made   *workload.Stats       `json:"made,omitempty"`
	Wrote  *workload.WriterStats `json:"wrote,omitempty"`
	Ledger string                `json:"ledger,omitempty"`
}

func (v *sandboxVerb) load() *cobra.Command {
	var in sandboxLoad
	cmd := &cobra.Command{
		Use:   "load",
		Short: "make a table, fill it, and go on writing to it",
		Long: exits(`
Make a table on one of the two clusters and fill it: several versions of every
cell, in files of their own. The same flags give the same cells. The table must
not exist, unless --rows is 0.

With --rate it then writes new rows at that rate, for the time of --for or until
Ctrl-C, and keeps a ledger of every acknowledged write in the sandbox's
directory.`, codeOK, codeFailed, codeUsage, codeRefused, codeUnreachable, codeInterrupted),
		Example: "  drover sandbox load --table shop:orders --rows 100000 --regions 8 --deletes 50 --split\n" +
			"  drover sandbox load --table shop:orders --rows 0 --rate 2000 --for 1m",
		RunE: func(cmd *cobra.Command, _ []string) error {
			box, err := v.open()
			if err != nil {
				return err
			}
			return v.fill(cmd.Context(), box, in)
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.site, "site", "a", "the cluster: a or b")
	f.StringVar(&in.table, "table", "demo:orders", "the table, with its namespace")
	f.StringSliceVar(&in.spec.Families, "families", []string{"f", "g", "h"}, "column families")
	f.IntVar(&in.spec.Rows, "rows", 10_000, "rows; 0: the table is there already")
	f.IntVar(&in.spec.Regions, "regions", 4, "regions")
	f.IntVar(&in.spec.Versions, "versions", 3, "versions of every cell")
	f.IntVar(&in.spec.ValueSize, "value-size", 100, "bytes of a value")
	f.IntVar(&in.spec.Deletes, "deletes", 0, "rows that get a delete each")
	f.BoolVar(&in.spec.SplitAfterLoad, "split", false, "split a region after the load, so that files are referenced by its daughters")
	f.Int64Var(&in.spec.Seed, "seed", 1, "makes the values: another seed, other values")
	f.IntVar(&in.rate, "rate", 0, "rows a second to go on writing; 0: stop after the load")
	f.DurationVar(&in.lasting, "for", 0, "how long to go on writing; 0: until Ctrl-C")
	return cmd
}

// fill makes the table, writes to it, and answers with what was done.
func (v *sandboxVerb) fill(ctx context.Context, box *sandbox.Sandbox, in sandboxLoad) error {
	site, err := box.Site(in.site)
	if err != nil {
		return fault.As(fault.InvalidInput, err)
	}
	if in.spec.Table, err = hbase.ParseTableName(in.table); err != nil {
		return fault.As(fault.InvalidInput, err)
	}
	cfg := hbase.Config{Quorum: site.Quorum, ZNodeParent: site.ZNodeParent, RootDir: site.RootDir}
	client, err := rows.Open(cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	answer := sandboxLoaded{Site: in.site, Table: in.spec.Table.String()}
	if in.spec.Rows > 0 {
		v.app.say("loading %s rows into %s of site %s", humanize.Comma(int64(in.spec.Rows)), answer.Table, in.site)
		stats, err := seedTable(ctx, cfg, client, in.spec)
		if err != nil {
			return err
		}
		answer.Made = &stats
	}
	if in.rate > 0 {
		answer.Ledger = filepath.Join(box.Dir(), "ledgers", time.Now().Format("20060102-150405")+".ledger")
		stats, err := v.keepWriting(ctx, client, in, answer.Ledger)
		if err != nil {
			return err
		}
		answer.Wrote = &stats
	}
	return v.app.answer(answer, answer.text)
}

// seedTable makes the namespace where needed, the table and its content.
func seedTable(ctx context.Context, cfg hbase.Config, client *rows.Client, spec workload.Spec) (workload.Stats, error) {
	cluster, err := hbase.Open(cfg)
	if err != nil {
		return workload.Stats{}, err
	}
	defer cluster.Close()
	if namespace := spec.Table.Namespace; namespace != "default" {
		if _, err := cluster.CreateNamespace(ctx, namespace, hbase.NonceFor(rand.Text())); err != nil {
			return workload.Stats{}, err
		}
	}
	stats, err := workload.Seed(ctx, cluster, client, spec)
	if errors.Is(err, hbase.ErrTableExists) {
		return stats, fault.As(fault.Conflict, fmt.Errorf("%w; take another name, or --rows 0 to write to it as it is", err))
	}
	return stats, err
}

// keepWriting writes until the time is over or ctx ends, which is how it is
// meant to end, not a failure.
func (v *sandboxVerb) keepWriting(ctx context.Context, client *rows.Client, in sandboxLoad, ledger string) (workload.WriterStats, error) {
	if err := os.MkdirAll(filepath.Dir(ledger), 0o755); err != nil {
		return workload.WriterStats{}, fmt.Errorf("make the ledger's directory: %w", err)
	}
	writer, err := workload.StartWriter(client, workload.WriterConfig{
		Table: in.spec.Table, Families: in.spec.Families, Rate: in.rate, ValueSize: in.spec.ValueSize, LedgerPath: ledger,
	})
	if err != nil {
		return workload.WriterStats{}, err
	}
	end := ctx
	if in.lasting > 0 {
		var cancel context.CancelFunc
		end, cancel = context.WithTimeout(ctx, in.lasting)
		defer cancel()
	}
	v.app.say("writing %s rows a second; Ctrl-C ends it", humanize.Comma(int64(in.rate)))
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	for end.Err() == nil {
		select {
		case <-end.Done():
		case <-ticker.C:
			v.app.say("%s writes acknowledged", humanize.Comma(writer.Stats().Acked))
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return writer.Stop(last)
}

func (r sandboxLoaded) text(w io.Writer) error {
	if made := r.Made; made != nil {
		_, err := fmt.Fprintf(w, "table %s of site %s: %s rows, %s puts, %s deletes, %s of values, %d regions, %d split\n",
			r.Table, r.Site, humanize.Comma(int64(made.Rows)), humanize.Comma(int64(made.Cells)),
			humanize.Comma(int64(made.Deletes)), humanize.IBytes(uint64(made.Bytes)), made.Regions, made.Parents)
		if err != nil {
			return err
		}
	}
	if r.Wrote == nil {
		return nil
	}
	_, err := fmt.Fprintf(w, "table %s of site %s: %s writes acknowledged, longest stall %s\nledger  %s\n",
		r.Table, r.Site, humanize.Comma(r.Wrote.Acked), r.Wrote.LongestStall.Round(time.Millisecond), r.Ledger)
	return err
}
