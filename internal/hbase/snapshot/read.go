package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
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

// supportedVersion is SnapshotManifestV2.DESCRIPTOR_VERSION.
const supportedVersion = 2

// Read reads the completed snapshot name under the HBase root directory, all of
// it into memory: some 150 bytes for each file.
func Read(ctx context.Context, store storage.Reader, root, name string) (*Manifest, error) {
	var regions []Region
	var stores []StoreFile // of the last region; cloned, not grown in place: there are many small ones
	complete := func() {
		if n := len(regions); n > 0 {
			regions[n-1].Stores = slices.Clone(stores)
		}
		stores = stores[:0]
	}
	m, err := Walk(ctx, store, root, name, Visitor{
		Region: func(r Region) {
			complete()
			regions = append(regions, r)
		},
		File: func(s StoreFile) { stores = append(stores, s) },
	})
	if err != nil {
		return nil, err
	}
	complete()
	m.Regions = regions
	return m, nil
}

// Visitor is told what a snapshot holds, in the order of its manifest: each
// region, without its files, and then each of the region's files. What is nil is
// passed over.
type Visitor struct {
	Region func(Region)
	File   func(StoreFile)
}

// Walk is Read for those who need the parts one at a time; it returns the rest.
// A snapshot of any size takes no more memory than one file of it.
func Walk(ctx context.Context, store storage.Reader, root, name string, visit Visitor) (*Manifest, error) {
	dir := Path(root, name)
	desc, err := readDescription(ctx, store, dir)
	if err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w", name, err)
	}
	f, err := store.Open(ctx, path.Join(dir, ManifestFile))
	if errors.Is(err, storage.ErrNotExist) {
		return nil, fmt.Errorf("read snapshot %s: %w", name, ErrUnfinished)
	}
	if err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w", name, err)
	}
	defer f.Close() //nolint:errcheck // only read
	d := decoder{visit: visit}
	if err := d.manifest(newFields(f)); err != nil {
		return nil, fmt.Errorf("read snapshot %s: %s: %w", name, ManifestFile, err)
	}
	return &Manifest{Name: name, Description: desc, Schema: d.schema}, nil
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
	b, err := io.ReadAll(io.LimitReader(f, maxPart))
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

// decoder reads a SnapshotDataManifest and tells a visitor. Messages come with
// their fields in the order of their numbers, as all generated code writes them:
// what is a region's stands before its files.
type decoder struct {
	visit  Visitor
	schema *hbasepb.TableSchema

	namespace, table string
	region           Region
	family           string
	named            bool // family is that of the message under way
	entry            hbasepb.SnapshotRegionManifest_StoreFile
}

// each calls take with every field of the message, which must consume it.
func each(f *fields, take func(protowire.Number, int64) error) error {
	for {
		field, n, err := f.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := take(field, n); err != nil {
			return err
		}
	}
}

func (d *decoder) manifest(f *fields) error {
	err := each(f, func(field protowire.Number, n int64) error {
		switch field {
		case 1: // table_schema
			d.schema = new(hbasepb.TableSchema)
			return f.decode(n, d.schema)
		case 2: // region_manifests
			d.region = Region{}
			return d.regionManifest(f.message(n))
		}
		return f.skip(n)
	})
	if err == nil && d.schema == nil {
		err = fmt.Errorf("%w: no table schema", ErrCorrupt)
	}
	return err
}

func (d *decoder) regionManifest(f *fields) error {
	return each(f, func(field protowire.Number, n int64) error {
		switch field {
		case 2: // region_info
			info := new(hbasepb.RegionInfo)
			if err := f.decode(n, info); err != nil {
				return err
			}
			return d.enter(info)
		case 3: // family_files
			if d.visit.File == nil {
				return f.skip(n)
			}
			if d.region.Info == nil {
				return fmt.Errorf("%w: files before their region", ErrCorrupt)
			}
			d.named = false
			return d.familyFiles(f.message(n))
		}
		return f.skip(n)
	})
}

func (d *decoder) enter(info *hbasepb.RegionInfo) error {
	full, encoded := regionName(info)
	d.region = Region{Info: info, Name: full, Encoded: encoded}
	keep(&d.namespace, info.GetTableName().GetNamespace())
	if d.namespace == "" {
		d.namespace = DefaultNamespace
	}
	keep(&d.table, info.GetTableName().GetQualifier())
	if !safe(d.namespace) || !safe(d.table) {
		return fmt.Errorf("%w: region %s of table %q, %q", ErrCorrupt, encoded, d.namespace, d.table)
	}
	if d.visit.Region != nil {
		d.visit.Region(d.region)
	}
	return nil
}

func (d *decoder) familyFiles(f *fields) error {
	return each(f, func(field protowire.Number, n int64) error {
		switch field {
		case 1: // family_name
			b, err := f.bytes(n)
			if err != nil {
				return err
			}
			keep(&d.family, b)
			d.named = true
			if !safe(d.family) {
				return fmt.Errorf("%w: region %s: family %q", ErrCorrupt, d.region.Encoded, d.family)
			}
			return nil
		case 2: // store_files
			if err := f.decode(n, &d.entry); err != nil {
				return err
			}
			return d.file(&d.entry)
		}
		return f.skip(n)
	})
}

func (d *decoder) file(sf *hbasepb.SnapshotRegionManifest_StoreFile) error {
	if !d.named {
		return fmt.Errorf("%w: region %s: files before their family", ErrCorrupt, d.region.Encoded)
	}
	t, err := resolve(d.namespace, d.table, d.region.Encoded, sf.GetName(), sf.GetReference() != nil)
	if err != nil {
		return fmt.Errorf("%w: region %s, family %s: %w", ErrCorrupt, d.region.Encoded, d.family, err)
	}
	size := int64(-1)
	if sf.FileSize != nil {
		size = int64(sf.GetFileSize())
	}
	d.visit.File(StoreFile{
		Family: d.family, Entry: sf.GetName(), Reference: sf.GetReference(),
		File: File{Namespace: t.namespace, Table: t.table, Region: t.region, Family: d.family, Name: t.name, Size: size},
	})
	return nil
}

// safe reports whether a name from a manifest may become a directory's name.
func safe(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsAny(s, "/\x00")
}

// keep sets a string, or leaves it as it is when it says the same: most names
// are those of the region before.
func keep(s *string, b []byte) {
	if *s != string(b) {
		*s = string(b)
	}
}
