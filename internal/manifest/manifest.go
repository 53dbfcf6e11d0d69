// Package manifest keeps lists that are too long for a payload in a file: a
// plan lists what there is to do once, and batches then read the range of
// items that is theirs, in any order and from several processes.
//
// The file is text, for people who look at it with a pager: a header line, one
// line of JSON per item, one line of JSON that holds the count, the SHA-256 of
// everything above it and the offset and CRC-32C of each block of items, and a
// last line of fixed length that says where that line begins. A file that ends
// early has no last line and is refused; a block that changed is refused when a
// range in it is read. Writing and reading keep one block in memory, plus about
// 20 bytes per block of 1,024 items.
package manifest

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

const (
	header     = `{"droverManifest":1}` + "\n"
	blockItems = 1024
	tailFormat = "%020d\n"
	tailLength = 21
)

// castagnoli is the CRC used by HDFS as well; the table is never written to.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrDamaged is wrapped by the error of a read from a file that ends early or
// does not have the content it was written with.
var ErrDamaged = errors.New("manifest is damaged")

// Summary identifies the content of a manifest in a payload.
type Summary struct {
	Count  int64  `json:"count"`
	SHA256 string `json:"sha256"`
}

type block struct {
	Offset int64  `json:"o"`
	CRC    uint32 `json:"c"`
}

type footer struct {
	Summary
	Blocks []block `json:"blocks"`
}

// Writer writes a manifest beside its final name and moves it there in Commit.
// It is not safe for concurrent use.
type Writer struct {
	path   string
	file   *os.File
	buffer *bufio.Writer
	whole  hash.Hash
	block  hash.Hash32
	offset int64
	footer footer
}

// Create begins a manifest that will replace path, whose directory must exist.
func Create(path string) (*Writer, error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, fmt.Errorf("create manifest %s: %w", path, err)
	}
	w := &Writer{path: path, file: file, buffer: bufio.NewWriterSize(file, 1<<16), whole: sha256.New(), block: crc32.New(castagnoli)}
	if err := w.write([]byte(header)); err != nil {
		return nil, errors.Join(err, w.Discard())
	}
	return w, nil
}

// Append adds an item, which must marshal to JSON. Items are numbered from 0.
func (w *Writer) Append(item any) error {
	line, err := json.Marshal(item)
	if err != nil {
		return fmt.Errorf("manifest %s: item %d: %w", w.path, w.footer.Count, err)
	}
	if w.footer.Count%blockItems == 0 {
		w.closeBlock()
		w.footer.Blocks = append(w.footer.Blocks, block{Offset: w.offset})
	}
	line = append(line, '\n')
	if err := w.write(line); err != nil {
		return err
	}
	_, _ = w.block.Write(line) // a hash never fails
	w.footer.Count++
	return nil
}

// Commit completes the manifest and puts it at its path, durably and at once:
// a reader finds the former file or this one. The Writer is done afterwards,
// also when Commit fails.
func (w *Writer) Commit() (Summary, error) {
	summary, err := w.finish()
	if err != nil {
		return Summary{}, errors.Join(err, w.Discard())
	}
	return summary, nil
}

// Discard gives the manifest up and removes what was written; after Commit it
// does nothing.
func (w *Writer) Discard() error {
	if w.file == nil {
		return nil
	}
	name := w.file.Name()
	closed := w.file.Close()
	if errors.Is(closed, os.ErrClosed) {
		closed = nil
	}
	w.file = nil
	if err := errors.Join(closed, os.Remove(name)); err != nil {
		return fmt.Errorf("discard manifest %s: %w", w.path, err)
	}
	return nil
}

func (w *Writer) finish() (Summary, error) {
	w.closeBlock()
	w.footer.SHA256 = hex.EncodeToString(w.whole.Sum(nil))
	at := w.offset
	text, err := json.Marshal(w.footer)
	if err != nil {
		return Summary{}, fmt.Errorf("manifest %s: %w", w.path, err)
	}
	if err := w.write(append(text, '\n')); err != nil {
		return Summary{}, err
	}
	if err := w.write(fmt.Appendf(nil, tailFormat, at)); err != nil {
		return Summary{}, err
	}
	steps := []func() error{
		w.buffer.Flush, w.file.Sync, w.file.Close,
		func() error { return os.Rename(w.file.Name(), w.path) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return Summary{}, fmt.Errorf("commit manifest %s: %w", w.path, err)
		}
	}
	w.file = nil
	return w.footer.Summary, syncDir(filepath.Dir(w.path))
}

func (w *Writer) closeBlock() {
	if n := len(w.footer.Blocks); n > 0 {
		w.footer.Blocks[n-1].CRC = w.block.Sum32()
	}
	w.block.Reset()
}

func (w *Writer) write(p []byte) error {
	if _, err := w.buffer.Write(p); err != nil {
		return fmt.Errorf("write manifest %s: %w", w.path, err)
	}
	_, _ = w.whole.Write(p) // a hash never fails
	w.offset += int64(len(p))
	return nil
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// Reader reads ranges of a manifest. It is safe for concurrent use.
type Reader struct {
	path   string
	file   *os.File
	end    int64 // offset of the footer
	footer footer
}

// Open opens a manifest. The error wraps fs.ErrNotExist or ErrDamaged.
func Open(path string) (*Reader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open manifest: %w", err)
	}
	r := &Reader{path: path, file: file}
	if err := r.readFooter(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return r, nil
}

// Close releases the file.
func (r *Reader) Close() error { return r.file.Close() }

// Summary is what Commit returned when the manifest was written; compare it
// with the one in the payload to know that this is the same list.
func (r *Reader) Summary() Summary { return r.footer.Summary }

// Verify reads the whole manifest and compares it with its SHA-256.
func (r *Reader) Verify() error {
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(r.file, 0, r.end)); err != nil {
		return fmt.Errorf("read manifest %s: %w", r.path, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != r.footer.SHA256 {
		return r.damaged("content has SHA-256 %s, was written with %s", got, r.footer.SHA256)
	}
	return nil
}

// Range calls each for the items first to last-1 in order; each item is decoded
// into a new T. An error of each ends the range and is returned as it is.
func Range[T any](r *Reader, first, last int64, each func(i int64, item T) error) error {
	if first < 0 || last > r.footer.Count || first > last {
		return fmt.Errorf("manifest %s: range %d to %d is outside of its %d items", r.path, first, last, r.footer.Count)
	}
	for i := first; i < last; {
		lines, err := r.readBlock(i / blockItems)
		if err != nil {
			return err
		}
		from, to := i%blockItems, min(int64(len(lines)), last-i/blockItems*blockItems)
		for _, line := range lines[from:to] {
			var item T
			if err := json.Unmarshal(line, &item); err != nil {
				return fmt.Errorf("manifest %s: item %d: %w", r.path, i, err)
			}
			if err := each(i, item); err != nil {
				return err
			}
			i++
		}
	}
	return nil
}
