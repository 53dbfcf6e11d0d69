package snapshot

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
	"drover/internal/storage"
)

var (
	// ErrNotFound means there is no completed snapshot of that name.
	ErrNotFound = fmt.Errorf("snapshot not found: %w", storage.ErrNotExist)
	// ErrUnfinished means the snapshot's directory lacks its manifest: it is
	// still being taken, or written by HBase before 1.0.
	ErrUnfinished = errors.New("snapshot has no data.manifest: it is being taken or of an unsupported old format; wait for it, or take it again")
	// ErrCorrupt means bytes that are not what HBase writes there.
	ErrCorrupt = errors.New("corrupt snapshot")
)

// maxMessage bounds one part of a manifest: HBase itself refuses manifests over
// 64 MiB (snapshot.manifest.size.limit), and one region is a part of that.
const maxMessage = 64 << 20

// supportedVersion is SnapshotManifestV2.DESCRIPTOR_VERSION.
const supportedVersion = 2

// Read reads the completed snapshot name under the HBase root directory.
func Read(ctx context.Context, store storage.Reader, root, name string) (*Manifest, error) {
	var regions []Region
	m, err := Walk(ctx, store, root, name, func(r Region) { regions = append(regions, r) })
	if err != nil {
		return nil, err
	}
	m.Regions = regions
	return m, nil
}

// Walk is Read for those who need the regions one at a time: it hands each to
// fn, in the order of the manifest, and returns the rest. A snapshot of any
// size takes no more memory than its largest region.
func Walk(ctx context.Context, store storage.Reader, root, name string, fn func(Region)) (*Manifest, error) {
	dir := Path(root, name)
	desc, err := readDescription(ctx, store, dir)
	if err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w", name, err)
	}
	m := &Manifest{Name: name, Description: desc}
	f, err := store.Open(ctx, path.Join(dir, ManifestFile))
	if errors.Is(err, storage.ErrNotExist) {
		return nil, fmt.Errorf("read snapshot %s: %w", name, ErrUnfinished)
	}
	if err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w", name, err)
	}
	defer f.Close() //nolint:errcheck // only read
	if err := m.decode(f, fn); err != nil {
		return nil, fmt.Errorf("read snapshot %s: %s: %w", name, ManifestFile, err)
	}
	return m, nil
}

func readDescription(ctx context.Context, store storage.Reader, dir string) (*hbasepb.SnapshotDescription, error) {
	f, err := store.Open(ctx, path.Join(dir, DescriptionFile))
	if errors.Is(err, storage.ErrNotExist) {
		if _, err := store.Stat(ctx, dir); err == nil {
			return nil, ErrUnfinished
		}
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(f, maxMessage))
	if err != nil {
		return nil, err
	}
	desc := new(hbasepb.SnapshotDescription)
	if err := proto.Unmarshal(b, desc); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, DescriptionFile, err)
	}
	if v := desc.GetVersion(); v != supportedVersion {
		return nil, fmt.Errorf("%w (format version %d)", ErrUnfinished, v)
	}
	return desc, nil
}

// decode reads a SnapshotDataManifest one field at a time.
func (m *Manifest) decode(r io.Reader, fn func(Region)) error {
	br := bufio.NewReaderSize(r, 64<<10)
	in := interner{}
	for {
		field, b, err := readField(br)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch field {
		case 1: // table_schema
			m.Schema = new(hbasepb.TableSchema)
			if err := proto.Unmarshal(b, m.Schema); err != nil {
				return fmt.Errorf("%w: table schema: %w", ErrCorrupt, err)
			}
		case 2: // region_manifests
			rm := new(hbasepb.SnapshotRegionManifest)
			if err := proto.Unmarshal(b, rm); err != nil {
				return fmt.Errorf("%w: region: %w", ErrCorrupt, err)
			}
			reg, err := newRegion(rm, in)
			if err != nil {
				return err
			}
			fn(reg)
		}
	}
	if m.Schema == nil {
		return fmt.Errorf("%w: no table schema", ErrCorrupt)
	}
	return nil
}

// readField reads one length-delimited field; io.EOF only between fields. The
// message has no fields of other wire types.
func readField(br *bufio.Reader) (protowire.Number, []byte, error) {
	tag, err := readVarint(br)
	if err != nil {
		return 0, nil, err
	}
	num, typ := protowire.DecodeTag(tag)
	if num < protowire.MinValidNumber || typ != protowire.BytesType {
		return 0, nil, fmt.Errorf("%w: unexpected tag %#x", ErrCorrupt, tag)
	}
	size, err := readVarint(br)
	if err != nil {
		return 0, nil, unexpectedEOF(err)
	}
	if size > maxMessage {
		return 0, nil, fmt.Errorf("%w: a part of %d bytes", ErrCorrupt, size)
	}
	// Grown as bytes arrive: a damaged length must not allocate its claim.
	var b strings.Builder
	if n, err := io.CopyN(&b, br, int64(size)); err != nil {
		return 0, nil, fmt.Errorf("%w: %d of %d bytes: %w", ErrCorrupt, n, size, unexpectedEOF(err))
	}
	return num, []byte(b.String()), nil
}

func readVarint(br *bufio.Reader) (uint64, error) {
	var v uint64
	for shift := uint(0); shift < 64; shift += 7 {
		b, err := br.ReadByte()
		if err != nil {
			if shift > 0 {
				err = unexpectedEOF(err)
			}
			return 0, err
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%w: endless varint", ErrCorrupt)
}

func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", ErrCorrupt, io.ErrUnexpectedEOF)
	}
	return err
}

func newRegion(rm *hbasepb.SnapshotRegionManifest, in interner) (Region, error) {
	info := rm.GetRegionInfo()
	full, encoded := regionName(info)
	reg := Region{Info: info, Name: full, Encoded: encoded}
	n := 0
	for _, ff := range rm.GetFamilyFiles() {
		n += len(ff.GetStoreFiles())
	}
	reg.Stores = make([]StoreFile, 0, n)
	ns := string(info.GetTableName().GetNamespace())
	if ns == "" {
		ns = DefaultNamespace
	}
	table := string(info.GetTableName().GetQualifier())
	for _, ff := range rm.GetFamilyFiles() {
		family := in.keep(string(ff.GetFamilyName()))
		if !safe(family) || !safe(ns) || !safe(table) {
			return Region{}, fmt.Errorf("%w: region %s: names %q, %q, %q", ErrCorrupt, encoded, ns, table, family)
		}
		for _, sf := range ff.GetStoreFiles() {
			t, err := resolve(ns, table, encoded, sf.GetName(), sf.GetReference() != nil)
			if err != nil {
				return Region{}, fmt.Errorf("%w: region %s, family %s: %w", ErrCorrupt, encoded, family, err)
			}
			size := int64(-1)
			if sf.FileSize != nil {
				size = int64(sf.GetFileSize())
			}
			reg.Stores = append(reg.Stores, StoreFile{
				Family: family, Entry: sf.GetName(), Reference: sf.GetReference(),
				File: File{
					Namespace: in.keep(t.namespace), Table: in.keep(t.table), Region: in.keep(t.region),
					Family: family, Name: t.name, Size: size,
				},
			})
		}
	}
	return reg, nil
}

// safe reports whether a name from a manifest may become a directory's name.
func safe(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsAny(s, "/\x00")
}

// interner keeps one copy of each string that repeats through a manifest.
type interner map[string]string

func (in interner) keep(s string) string {
	if k, ok := in[s]; ok {
		return k
	}
	in[s] = s
	return s
}
