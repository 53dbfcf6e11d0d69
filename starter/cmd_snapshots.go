package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/retention"
)

// snapshotList is the answer of snapshots.
type snapshotList struct {
	Location  string         `json:"location"`
	Snapshots []snapshotLine `json:"snapshots"`
}

// snapshotLine is one of its snapshots.
type snapshotLine struct {
	Name string    `json:"name"`
	Made time.Time `json:"made"`
	// Files and Bytes are what nothing but this snapshot keeps; bytes of one
	// replica.
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
}

func newSnapshotsCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "snapshots LOCATION",
		Short: "list a directory's snapshots and what each alone keeps",
		Long: exits(`
List the snapshots of a directory of HDFS, the oldest first, with the files and
bytes that each alone keeps: what would be freed, times the replicas, if it were
deleted. What neighbours share is in neither. It asks for what changed from one
snapshot to the next, not for the whole tree, and changes nothing. Files that were
truncated, or moved out of the directory, are counted roughly.
`+locations, codeOK, codeUsage, codeRefused, codeNotFound, codeUnreachable, codeInterrupted),
		Example: "  drover snapshots prod:/warehouse\n  drover snapshots hdfs://namenode:8020/warehouse --json",
		Args:    someArgs(1, 1, "a location"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.snapshots(cmd.Context(), args[0]) },
	}
}

func (a *app) snapshots(ctx context.Context, location string) error {
	p, err := a.snapshotted(ctx, location, "")
	if err != nil {
		return err
	}
	answer := snapshotList{Location: p.String()}
	answer.Snapshots, err = held(ctx, p)
	if err := placed(errors.Join(err, closePlaces([]place{p}))); err != nil {
		return err
	}
	return a.answer(answer, answer.text)
}

func held(ctx context.Context, p place) ([]snapshotLine, error) {
	dir, err := p.nn.Stat(ctx, p.Path)
	if err != nil {
		return nil, err
	}
	if !dir.Snapshottable {
		return nil, fault.As(fault.InvalidInput, fmt.Errorf("%s allows no snapshots: name the directory above it that does (hdfs lsSnapshottableDir), or allow them (hdfs dfsadmin -allowSnapshot %s)", p, p.Path))
	}
	made, err := p.nn.Snapshots(ctx, p.Path)
	if err != nil {
		return nil, err
	}
	made = slices.DeleteFunc(made, func(s namenode.Snapshot) bool { return s.Deleted })
	slices.SortFunc(made, namenode.Snapshot.Compare)
	var names []string
	for _, s := range made {
		names = append(names, s.Name)
	}
	held, err := retention.Held(ctx, p.tree(), names)
	lines := []snapshotLine{}
	for i, h := range held {
		lines = append(lines, snapshotLine{Name: h.Name, Made: time.UnixMilli(made[i].ModTime).UTC(), Files: h.Files, Bytes: h.Bytes})
	}
	return lines, err
}

func (l snapshotList) text(w io.Writer) error {
	p := &page{w: w}
	if len(l.Snapshots) == 0 {
		p.line("no snapshots")
		return p.err
	}
	var rows []table.Row
	for _, s := range l.Snapshots {
		rows = append(rows, table.Row{s.Name, clock(s.Made), humanize.Comma(s.Files), humanize.IBytes(uint64(s.Bytes))})
	}
	p.table(table.Row{"snapshot", "made", "files only it keeps", "bytes"}, rows)
	return p.err
}
