package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"drover/internal/hadoop/datanode"
	"drover/internal/hadoop/filesum"
	"drover/internal/storage"
)

// checksummed is one line of the answer of checksum.
type checksummed struct {
	Location  string `json:"location"`
	Algorithm string `json:"algorithm"`
	Checksum  string `json:"checksum"`
	Bytes     int64  `json:"bytes"`
}

func newChecksumCmd(a *app) *cobra.Command {
	blockSize := bytesFlag(storage.DefaultBlockSize)
	cmd := &cobra.Command{
		Use:   "checksum LOCATION...",
		Short: "print files' checksums in Hadoop's form",
		Long: exits(`
Print the checksum of files as "hdfs dfs -checksum" does: location, algorithm and
sum, parted by tabs, a line each as soon as it is known; of a directory that of
every file in and below it. On HDFS the DataNodes compute it from what they keep,
no data are read. A file of this machine or of a bucket is read, and cut into
blocks of --block-size: give that of the file it is to be compared with. With --json every
line is an object.
`+locations, codeOK, codeFailed, codeUsage, codeRefused, codeNotFound, codeUnreachable, codeInterrupted),
		Example: "  drover checksum a:/warehouse/part-0 b:/warehouse/part-0\n  drover checksum --block-size 256MiB ./part-0",
		Args:    someArgs(1, 0, "at least one location"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if blockSize < storage.ChunkSize || blockSize%storage.ChunkSize != 0 {
				return usage("--block-size %d: HDFS has blocks of a multiple of %d bytes", blockSize, storage.ChunkSize)
			}
			return a.checksums(cmd.Context(), args, int64(blockSize))
		},
	}
	cmd.Flags().Var(&blockSize, "block-size", "where files that no HDFS has are cut")
	return cmd
}

func (a *app) checksums(ctx context.Context, args []string, blockSize int64) error {
	places, err := a.places(args...)
	if err != nil {
		return err
	}
	if err := reach(ctx, places); err != nil {
		return placed(errors.Join(err, closePlaces(places)))
	}
	dn := datanode.New(datanode.Config{Name: "drover-checksum"})
	m := a.newMeter(ctx)
	s := &summing{app: a, meter: m, blockSize: blockSize}
	for _, p := range places {
		s.place, s.sums = p, nil
		if p.nn != nil {
			s.sums = filesum.New(p.nn, dn, p.DataNodesByName)
		}
		var o storage.Object
		if o, err = p.store.Stat(ctx, p.Path); err == nil {
			err = s.walk(ctx, o)
		}
		if err != nil {
			break
		}
	}
	m.close()
	return placed(errors.Join(err, dn.Close(), closePlaces(places)))
}

// summing is one run of checksum.
type summing struct {
	app       *app
	meter     *meter
	blockSize int64

	place place
	sums  *filesum.Client // nil where there is no HDFS
	files int64
	bytes int64
}

func (s *summing) walk(ctx context.Context, o storage.Object) error {
	if !o.IsDir {
		return s.file(ctx, o)
	}
	list, err := s.place.store.List(ctx, o.Path)
	if err != nil {
		return err
	}
	for _, entry := range list {
		if entry.Irregular {
			s.app.say("%s is neither a file nor a directory: left out", entry.Path)
			continue
		}
		if err := s.walk(ctx, entry); err != nil {
			return err
		}
	}
	return nil
}

func (s *summing) file(ctx context.Context, o storage.Object) error {
	line := checksummed{Location: s.place.URI + path.Clean(o.Path), Bytes: o.Size}
	var err error
	if s.sums != nil {
		var sum filesum.MD5
		sum, line.Bytes, err = s.sums.MD5(ctx, o.Path)
		line.Algorithm, line.Checksum = sum.Algorithm(), sum.Hex()
	} else {
		err = s.read(ctx, o, &line)
	}
	if err != nil {
		return err
	}
	s.files++
	s.bytes += line.Bytes
	s.meter.show(func() string {
		return fmt.Sprintf("%s files, %s", humanize.Comma(s.files), humanize.IBytes(uint64(s.bytes)))
	})
	return s.print(line)
}

// read computes what HDFS would keep of a file, had it been written there.
func (s *summing) read(ctx context.Context, o storage.Object, line *checksummed) error {
	r, err := s.place.store.Open(ctx, o.Path)
	if err != nil {
		return err
	}
	summer := storage.NewSummer(s.blockSize)
	line.Bytes, err = io.Copy(summer, r)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	m := filesum.MD5{BytesPerCRC: storage.ChunkSize, CRCType: filesum.CRC32C}
	switch {
	case line.Bytes == 0:
		m = filesum.MD5{CRCType: filesum.CRC32}
	case line.Bytes > s.blockSize:
		m.CRCPerBlock = s.blockSize / storage.ChunkSize
	}
	if _, err := hex.Decode(m.Sum[:], []byte(summer.Checksum().Sum)); err != nil {
		return fmt.Errorf("checksum %s: %w", o.Path, err)
	}
	line.Algorithm, line.Checksum = m.Algorithm(), m.Hex()
	return nil
}

func (s *summing) print(line checksummed) error {
	p := &page{w: s.meter.lines}
	if !s.app.json {
		p.line("%s\t%s\t%s", line.Location, line.Algorithm, line.Checksum)
		return p.err
	}
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("print answer: %w", err)
	}
	p.line("%s", text)
	return p.err
}
