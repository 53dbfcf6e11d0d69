package snapshot

import (
	"fmt"
	"path"

	"drover/internal/hbase/hbasepb"
)

// LiveRegion is a region as its server has it open.
type LiveRegion struct {
	Info *hbasepb.RegionInfo
	// Files are the paths of its store files, "…/<region>/<family>/<name>", as
	// AdminService.GetStoreFile tells them.
	Files []string
}

// Live gives the manifest of a table as it is served now, to be compared with
// one of the same table that was taken before. Of a reference it does not know
// which half it stands for, and of no file the size.
func Live(before *Manifest, schema *hbasepb.TableSchema, regions []LiveRegion) (*Manifest, error) {
	m := &Manifest{Name: "of the open files", Description: before.Description, Schema: schema}
	for _, live := range regions {
		r := Region{Info: live.Info}
		r.Name, r.Encoded = regionName(live.Info)
		namespace, table := m.Table()
		for _, p := range live.Files {
			family, entry := path.Base(path.Dir(p)), path.Base(p)
			if !safe(family) || path.Base(path.Dir(path.Dir(p))) != r.Encoded {
				return nil, fmt.Errorf("region %s: its server says it has %s open, which is no file of it", r.Encoded, p)
			}
			t, err := resolve(namespace, table, r.Encoded, entry, false)
			if err != nil {
				return nil, fmt.Errorf("region %s, family %s: %w", r.Encoded, family, err)
			}
			s := StoreFile{
				Family: family, Entry: entry,
				File: File{Namespace: t.namespace, Table: t.table, Region: t.region, Family: family, Name: t.name, Size: -1},
			}
			if t.reference {
				s.Reference = new(hbasepb.Reference)
			}
			r.Stores = append(r.Stores, s)
		}
		m.Regions = append(m.Regions, r)
	}
	return m, nil
}
