package plan

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	textHead  = "Difference between "
	textUnder = " under directory "
	textNow   = "current directory"
	textArrow = " -> "
	maxLine   = 1 << 20
)

// Parse reads what `hdfs snapshotDiff` prints
// (org.apache.hadoop.hdfs.protocol.SnapshotDiffReport.toString). The text has no
// quoting: a name that holds a line break, and a renamed path that holds " -> ",
// cannot be told apart, and are refused; the listing call has neither problem.
// Whatever stands before the head line is skipped, as a log line of the tool
// may. A head without entries is a Diff without changes; text without a head is
// an error, and so is any line after the head that is no entry.
func Parse(text io.Reader) (Diff, error) {
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, maxLine)
	var d Diff
	headed := false
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if !headed {
			if !strings.HasPrefix(line, textHead) {
				continue
			}
			if err := d.parseHead(line); err != nil {
				return Diff{}, fmt.Errorf("snapshot difference, line %d: %w", n, err)
			}
			headed = true
			continue
		}
		if line == "" {
			continue // the tool prints the report, which ends in a line break, as a line
		}
		c, err := parseLine(line)
		if err != nil {
			return Diff{}, fmt.Errorf("snapshot difference, line %d: %w", n, err)
		}
		d.Changes = append(d.Changes, c)
	}
	if err := lines.Err(); err != nil {
		return Diff{}, fmt.Errorf("read snapshot difference: %w", err)
	}
	if !headed {
		return Diff{}, errors.New(`read snapshot difference: no line begins with "Difference between"; look at the tool's error output`)
	}
	return d, nil
}

func (d *Diff) parseHead(line string) error {
	body := strings.TrimSuffix(strings.TrimPrefix(line, textHead), ":")
	// A snapshot's name holds no slash and the directory begins with one, so
	// the first separator before a slash is the one.
	names, _, ok := strings.Cut(body, textUnder+"/")
	if !ok {
		return fmt.Errorf("%q names no directory", line)
	}
	from, to, ok := strings.Cut(names, " and ")
	if !ok || strings.Contains(to, " and ") {
		return fmt.Errorf("%q does not name two snapshots clearly; use the listing call", line)
	}
	var err error
	if d.From, err = snapshotName(from); err != nil {
		return err
	}
	d.To, err = snapshotName(to)
	d.Backward = d.From == "" && d.To != ""
	return err
}

func snapshotName(text string) (string, error) {
	if text == textNow {
		return "", nil
	}
	name, ok := strings.CutPrefix(text, "snapshot ")
	if !ok || name == "" {
		return "", fmt.Errorf("%q is neither a snapshot nor the current directory", text)
	}
	return name, nil
}

func parseLine(line string) (Change, error) {
	label, rest, ok := strings.Cut(line, "\t")
	if !ok || len(label) != 1 || !Kind(label[0]).known() {
		return Change{}, fmt.Errorf("%q is no entry; a name may hold a line break: use the listing call", line)
	}
	c := Change{Kind: Kind(label[0])}
	source, target, arrow := strings.Cut(rest, textArrow)
	var err error
	if c.Kind != Renamed {
		c.Path, err = textPath(rest)
		return c, err
	}
	if !arrow || strings.Contains(target, textArrow) {
		return Change{}, fmt.Errorf("%q does not show clearly what was renamed to what, a name holds %q; use the listing call", line, textArrow)
	}
	if c.Path, err = textPath(source); err != nil {
		return Change{}, err
	}
	c.Target, err = textPath(target)
	return c, err
}

// textPath turns "./a/b" into "a/b" and "." into "".
func textPath(text string) (string, error) {
	if text == "." {
		return "", nil
	}
	path, ok := strings.CutPrefix(text, "./")
	if !ok || path == "" {
		return "", fmt.Errorf("path %q does not begin with \"./\"", text)
	}
	return path, checkPath(path)
}
