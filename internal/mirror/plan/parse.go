package plan

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	textHead  = "Difference between "
	textUnder = " under directory "
	textNow   = "current directory"
	textArrow = " -> "
	maxLine   = 1 << 20
)

// Report is a difference as `hdfs snapshotDiff` prints it.
type Report struct {
	Diff
	// Dir is the directory it is of.
	Dir string
	// Whole means that the text has the empty line that ends it: the tool
	// prints the report, which ends in a line break, as a line. Without it the
	// text may have been cut, by a full disk or by whoever copied it.
	Whole bool
}

// Parse reads what `hdfs snapshotDiff` prints
// (org.apache.hadoop.hdfs.protocol.SnapshotDiffReport.toString). The text has no
// quoting. A name that holds a line break, a renamed path that holds " -> " and
// a name with "?", which Java prints for what its locale has not, cannot be told
// apart from others and are refused; the listing call has none of these
// problems. A name that continues as an entry would after its line break is not
// seen here: see Diff.Claims. Whatever stands before the head line is skipped, as
// a log line of the tool may. A head without entries is a Diff without changes;
// text without a head is an error, and so is any line after the head that is no
// entry.
func Parse(text io.Reader) (Report, error) {
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, maxLine)
	lines.Split(splitLines)
	var r Report
	headed := false
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if !headed {
			if !strings.HasPrefix(line, textHead) {
				continue
			}
			if err := r.parseHead(line); err != nil {
				return Report{}, fmt.Errorf("snapshot difference, line %d: %w", n, err)
			}
			headed = true
			continue
		}
		if r.Whole {
			return Report{}, fmt.Errorf("snapshot difference, line %d: %q follows its end; a name may hold a line break: use the listing call", n, line)
		}
		if line == "" {
			r.Whole = true
			continue
		}
		c, err := parseLine(line)
		if err != nil {
			return Report{}, fmt.Errorf("snapshot difference, line %d: %w", n, err)
		}
		r.Changes = append(r.Changes, c)
	}
	if err := lines.Err(); err != nil {
		return Report{}, fmt.Errorf("read snapshot difference: %w", err)
	}
	if !headed {
		return Report{}, errors.New(`read snapshot difference: no line begins with "Difference between"; look at the tool's error output`)
	}
	return r, nil
}

// splitLines is bufio.ScanLines that takes nothing from a name that ends in a
// carriage return.
func splitLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

func (r *Report) parseHead(line string) error {
	body := strings.TrimSuffix(strings.TrimPrefix(line, textHead), ":")
	// A snapshot's name holds no slash and the directory begins with one, so
	// the first separator before a slash is the one.
	names, dir, ok := strings.Cut(body, textUnder+"/")
	if !ok {
		return fmt.Errorf("%q names no directory", line)
	}
	r.Dir = "/" + dir
	from, to, ok := strings.Cut(names, " and ")
	if !ok || strings.Contains(to, " and ") {
		return fmt.Errorf("%q does not name two snapshots clearly; use the listing call", line)
	}
	var err error
	if r.From, err = snapshotName(from); err != nil {
		return err
	}
	r.To, err = snapshotName(to)
	r.Backward = r.From == "" && r.To != ""
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
	switch {
	case strings.ContainsRune(path, '\r'):
		return "", fmt.Errorf("path %q holds a carriage return: use the listing call, or save the text without any", text)
	case strings.ContainsAny(path, "?\uFFFD") || !utf8.ValidString(path):
		return "", fmt.Errorf("path %q may stand for another: \"?\" is what Java prints for what its locale has not; use the listing call", text)
	}
	return path, checkPath(path)
}
