package snapshot

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
	"drover/internal/storage"
)

// regionVersion is what SnapshotManifestV2 writes into each region's part.
const regionVersion = 0

// WriteDelta publishes a snapshot under root that holds only what is new in
// delta, whose regions have to be Decided. Its clone serves exactly the rows that
// the new files name. No file but the two of metadata is written: the new files
// are in root already, which is that of the cluster now was told by.
// DeleteSnapshot removes it.
//
// A snapshot that stands under the name already is an error wrapping
// storage.ErrExist.
func WriteDelta(ctx context.Context, store storage.Store, root string, now *Manifest, delta Delta, name string) error {
	desc := &hbasepb.SnapshotDescription{
		Name:         proto.String(name),
		Table:        now.Description.Table,
		CreationTime: proto.Int64(time.Now().UnixMilli()),
		Type:         hbasepb.SnapshotDescription_SKIPFLUSH.Enum(),
		Version:      proto.Int32(supportedVersion),
		Owner:        now.Description.Owner,
	}
	data := &hbasepb.SnapshotDataManifest{TableSchema: now.Schema}
	for _, d := range delta.Regions {
		data.RegionManifests = append(data.RegionManifests, d.manifest())
	}
	info, err := proto.Marshal(desc)
	if err != nil {
		return fmt.Errorf("write snapshot %s: %w", name, err)
	}
	manifest, err := proto.Marshal(data)
	if err != nil {
		return fmt.Errorf("write snapshot %s: %w", name, err)
	}
	return Publish(ctx, store, root, name, func(dir string) error {
		if err := writeFile(ctx, store, path.Join(dir, DescriptionFile), info); err != nil {
			return err
		}
		return writeFile(ctx, store, path.Join(dir, ManifestFile), manifest)
	})
}

func (d RegionDelta) manifest() *hbasepb.SnapshotRegionManifest {
	rm := &hbasepb.SnapshotRegionManifest{Version: proto.Int32(regionVersion), RegionInfo: d.Region.Info}
	at := map[string]*hbasepb.SnapshotRegionManifest_FamilyFiles{}
	for _, s := range d.New {
		ff := at[s.Family]
		if ff == nil {
			ff = &hbasepb.SnapshotRegionManifest_FamilyFiles{FamilyName: []byte(s.Family)}
			at[s.Family] = ff
			rm.FamilyFiles = append(rm.FamilyFiles, ff)
		}
		sf := &hbasepb.SnapshotRegionManifest_StoreFile{Name: proto.String(s.Entry), Reference: s.Reference}
		if s.File.Size >= 0 {
			sf.FileSize = proto.Uint64(uint64(s.File.Size))
		}
		ff.StoreFiles = append(ff.StoreFiles, sf)
	}
	return rm
}

// Publish puts a snapshot's directory in place in one step: fill writes its
// files into a directory elsewhere, which is then renamed. HBase's cleaner
// deletes archived files that no readable snapshot names, and skips a snapshot
// it cannot read: a half-written directory under the final name would protect
// nothing. An error wrapping storage.ErrExist means the name is taken.
func Publish(ctx context.Context, store storage.Store, root, name string, fill func(dir string) error) error {
	final := Path(root, name)
	// HBase's own scratch directory: whatever a crash leaves there is removed
	// at the master's next start, and protects no file until then.
	staging := path.Join(root, workingDir, "drover-snapshot-"+name)
	err := func() error {
		if err := store.RemoveAll(ctx, staging); err != nil {
			return err
		}
		if err := fill(staging); err != nil {
			return err
		}
		if err := store.Mkdirs(ctx, path.Dir(final)); err != nil {
			return err
		}
		return store.Rename(ctx, staging, final)
	}()
	if err != nil {
		return fmt.Errorf("publish snapshot %s: %w", name, errors.Join(err, store.RemoveAll(ctx, staging)))
	}
	return nil
}

func writeFile(ctx context.Context, store storage.Store, name string, data []byte) error {
	w, err := store.Create(ctx, name, storage.CreateOptions{})
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Commit()
}
