package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
)

func (r *Reader) readFooter() error {
	info, err := r.file.Stat()
	if err != nil {
		return fmt.Errorf("open manifest %s: %w", r.path, err)
	}
	tail, err := r.read(info.Size()-tailLength, tailLength)
	if err != nil {
		return err
	}
	r.end, err = strconv.ParseInt(strings.TrimSuffix(string(tail), "\n"), 10, 64)
	if err != nil || tail[tailLength-1] != '\n' || r.end < int64(len(header)) || r.end >= info.Size()-tailLength {
		return r.damaged("the last line is missing, the file ends early")
	}
	begin, err := r.read(0, int64(len(header)))
	if err != nil {
		return err
	}
	if string(begin) != header {
		return r.damaged("the first line is not that of a manifest of this version")
	}
	text, err := r.read(r.end, info.Size()-tailLength-r.end)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &r.footer); err != nil {
		return r.damaged("the list of blocks cannot be read: %v", err)
	}
	return r.checkFooter()
}

func (r *Reader) checkFooter() error {
	blocks := (r.footer.Count + blockItems - 1) / blockItems
	if r.footer.Count < 0 || int64(len(r.footer.Blocks)) != blocks {
		return r.damaged("%d items in %d blocks, want %d blocks", r.footer.Count, len(r.footer.Blocks), blocks)
	}
	before := int64(len(header)) - 1
	for i, b := range r.footer.Blocks {
		if b.Offset <= before || b.Offset >= r.end {
			return r.damaged("block %d begins at byte %d, out of order", i, b.Offset)
		}
		before = b.Offset
	}
	return nil
}

// readBlock returns the lines of block n after checking them.
func (r *Reader) readBlock(n int64) ([][]byte, error) {
	begin, end := r.footer.Blocks[n].Offset, r.end
	if n+1 < int64(len(r.footer.Blocks)) {
		end = r.footer.Blocks[n+1].Offset
	}
	data, err := r.read(begin, end-begin)
	if err != nil {
		return nil, err
	}
	if got := crc32.Checksum(data, castagnoli); got != r.footer.Blocks[n].CRC {
		return nil, r.damaged("block %d has CRC %08x, was written with %08x", n, got, r.footer.Blocks[n].CRC)
	}
	lines := bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
	if want := min(blockItems, r.footer.Count-n*blockItems); int64(len(lines)) != want {
		return nil, r.damaged("block %d has %d items, want %d", n, len(lines), want)
	}
	return lines, nil
}

func (r *Reader) read(offset, length int64) ([]byte, error) {
	if offset < 0 || length < 0 {
		return nil, r.damaged("the file is too short")
	}
	data := make([]byte, length)
	if _, err := io.ReadFull(io.NewSectionReader(r.file, offset, length), data); err != nil {
		return nil, r.damaged("read %d bytes at %d: %v", length, offset, err)
	}
	return data, nil
}

func (r *Reader) damaged(format string, args ...any) error {
	return fmt.Errorf("manifest %s: %w: %s; make the plan again", r.path, ErrDamaged, fmt.Sprintf(format, args...))
}
