package namenode

import (
	"context"
	"fmt"

	"drover/internal/hadoop/wire"
)

// DiffEntry is one line of a snapshot diff report.
type DiffEntry struct {
	Kind byte   // 'M' '+' '-' 'R'
	Path string // relative to the directory; "" is itself
	// Target is where an 'R' went to.
	Target string
}

// SnapshotDiff compares two snapshots of a directory, "" being its present
// state, in one answer (getSnapshotDiffReport): of many changes the NameNode
// may refuse to send so much at once, then SnapshotDiffListing is the way.
func (c *Client) SnapshotDiff(ctx context.Context, dir, from, to string) ([]DiffEntry, error) {
	var out []DiffEntry
	req := wire.Message(nil).Str(1, dir).Str(2, from).Str(3, to)
	err := c.ask(ctx, "diff of "+span(from, to)+" of", dir, "getSnapshotDiffReport", req, func(n wire.Number, _ uint64, raw []byte) error {
		if n != 1 {
			return nil
		}
		return wire.Fields(raw, func(n wire.Number, _ uint64, raw []byte) error {
			if n != 4 {
				return nil
			}
			e, err := parseDiffEntry(raw)
			out = append(out, e)
			return err
		})
	})
	return out, err
}

func span(from, to string) string { return fmt.Sprintf("%q to %q", from, to) }

// parseDiffEntry reads a SnapshotDiffReportEntryProto.
func parseDiffEntry(b []byte) (DiffEntry, error) {
	var e DiffEntry
	err := wire.Fields(b, func(n wire.Number, _ uint64, raw []byte) error {
		switch n {
		case 1:
			e.Path = string(raw)
		case 2:
			if len(raw) != 1 {
				return fmt.Errorf("%w: diff entry labelled %q", wire.ErrMalformed, raw)
			}
			e.Kind = raw[0]
		case 3:
			e.Target = string(raw)
		}
		return nil
	})
	return e, err
}

// DiffListingEntry is one entry of a paged diff, as the NameNode keeps it
// (SnapshotDiffReportListingEntryProto): plan.Assembler makes changes of them.
type DiffListingEntry struct {
	Path string // relative to the directory; "" is itself
	// DirID joins a modified directory with what was created and deleted in
	// it.
	DirID uint64
	// Reference says of a modified entry that it is a directory, of a created
	// or deleted one that it came or went by a rename.
	Reference bool
	// Target is where a renamed entry went to, if HasTarget. (The NameNode
	// sends an empty one with every modified entry.)
	Target    string
	HasTarget bool
	FileID    uint64
}

// DiffPage is one page of a diff.
type DiffPage struct {
	Modified, Created, Deleted []DiffListingEntry
	// FromEarlier says that from is the older snapshot; otherwise created and
	// deleted, source and target change places.
	FromEarlier bool
}

// diffCursor is where the next page begins (SnapshotDiffReportCursorProto).
type diffCursor struct {
	path  string
	index int32
}

func firstCursor() diffCursor { return diffCursor{index: -1} }

// SnapshotDiffListing compares two snapshots of a directory page by page
// (getSnapshotDiffReportListing, Hadoop 3.1 on; dfs.namenode.snapshotdiff.
// listing.limit entries a page) and calls each with every page, which it owns;
// its error ends the listing. Both snapshots must be named: the present state
// would change between the pages.
func (c *Client) SnapshotDiffListing(ctx context.Context, dir, from, to string, each func(DiffPage) error) error {
	for cursor := firstCursor(); ; {
		page, next, err := c.diffPage(ctx, dir, from, to, cursor)
		if err != nil {
			return err
		}
		if err := each(page); err != nil {
			return err
		}
		if next == firstCursor() {
			return nil
		}
		if next == cursor {
			return wrap("diff of "+span(from, to)+" of", dir, fmt.Errorf("%w: the cursor stands still at %q", wire.ErrMalformed, next.path))
		}
		cursor = next
	}
}

func (c *Client) diffPage(ctx context.Context, dir, from, to string, at diffCursor) (DiffPage, diffCursor, error) {
	var page DiffPage
	next := firstCursor()
	cursor := wire.Message(nil).Str(1, at.path).Int(2, int64(at.index))
	req := wire.Message(nil).Str(1, dir).Str(2, from).Str(3, to).Raw(4, cursor)
	err := c.ask(ctx, "diff of "+span(from, to)+" of", dir, "getSnapshotDiffReportListing", req, func(n wire.Number, _ uint64, raw []byte) error {
		if n != 1 {
			return nil
		}
		return wire.Fields(raw, func(n wire.Number, v uint64, raw []byte) error {
			switch n {
			case 1:
				return appendEntry(&page.Modified, raw)
			case 2:
				return appendEntry(&page.Created, raw)
			case 3:
				return appendEntry(&page.Deleted, raw)
			case 4:
				page.FromEarlier = v != 0
			case 5:
				return wire.Fields(raw, next.field)
			}
			return nil
		})
	})
	return page, next, err
}

func (d *diffCursor) field(n wire.Number, v uint64, raw []byte) error {
	switch n {
	case 1:
		d.path = string(raw)
	case 2:
		d.index = int32(v)
	}
	return nil
}

func appendEntry(to *[]DiffListingEntry, b []byte) error {
	var e DiffListingEntry
	err := wire.Fields(b, func(n wire.Number, v uint64, raw []byte) error {
		switch n {
		case 1:
			e.Path = string(raw)
		case 2:
			e.DirID = v
		case 3:
			e.Reference = v != 0
		case 4:
			e.Target, e.HasTarget = string(raw), len(raw) > 0
		case 5:
			e.FileID = v
		}
		return nil
	})
	*to = append(*to, e)
	return err
}
