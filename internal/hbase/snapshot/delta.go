package snapshot

import (
	"bytes"
	"fmt"
	"slices"
)

// Delta is what changed in a table's files between two manifests of it.
type Delta struct {
	// Regions are the regions of the second manifest that serve keys, ordered
	// by start key; together they cover the key space.
	Regions []RegionDelta
}

// RegionDelta is one region of the second manifest.
type RegionDelta struct {
	Region Region
	// New are the entries whose physical file no region of the first manifest
	// held for any of these keys: a flush, a compaction, a bulk load.
	New []StoreFile
	// Missing are the physical files the first manifest held for any of these
	// keys and this region no longer opens.
	Missing []File
	// Based are the families of which the first manifest held files for any of
	// these keys, in order.
	Based []string
}

// Decided reports whether the new files name every row of the region that
// changed in between. They do when the region still opens every file it had: a
// row that changed then left a cell, or a delete marker, in a new file. Once a
// file went, a compaction rewrote it, and a deleted row may have vanished
// without a trace; such a region has to be compared in full. So has one that
// opens half of a new file: which half is nowhere but in the file.
func (d RegionDelta) Decided() bool {
	return len(d.Missing) == 0 && !slices.ContainsFunc(d.New, func(s StoreFile) bool { return s.Reference != nil })
}

// Diff compares the files of one table at two times, the first before the
// second. Regions are matched by the keys they serve, not by their names:
// after a split or a merge a file may still be there for one half of its keys
// and rewritten for the other.
func Diff(first, second *Manifest) (Delta, error) {
	before, err := serving(first)
	if err != nil {
		return Delta{}, err
	}
	after, err := serving(second)
	if err != nil {
		return Delta{}, err
	}
	var out Delta
	for _, r := range after {
		had := overlapping(before, r)
		out.Regions = append(out.Regions, diffRegion(had, r))
	}
	return out, nil
}

func diffRegion(had []Region, r Region) RegionDelta {
	d := RegionDelta{Region: r}
	old := map[File]bool{} // true once found in r
	for _, h := range had {
		for _, s := range h.Stores {
			old[s.File.key()] = false
			d.Based = append(d.Based, s.Family)
		}
	}
	slices.Sort(d.Based)
	d.Based = slices.Compact(d.Based)
	for _, s := range r.Stores {
		if _, ok := old[s.File.key()]; ok {
			old[s.File.key()] = true
			continue
		}
		d.New = append(d.New, s)
	}
	for f, found := range old {
		if !found {
			d.Missing = append(d.Missing, f)
		}
	}
	slices.SortFunc(d.Missing, File.Compare)
	return d
}

// key is the file without its size, which one snapshot may have recorded and
// the other not.
func (f File) key() File {
	f.Size = 0
	return f
}

// serving returns the regions that serve keys, in order, and an error unless
// they cover the key space without gap or overlap: a proof that rests on
// regions must see all of them.
func serving(m *Manifest) ([]Region, error) {
	var out []Region
	for _, r := range m.Regions {
		if !r.Retired() && !r.MOB() && r.Info.GetReplicaId() == 0 {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Region) int { return bytes.Compare(a.Info.GetStartKey(), b.Info.GetStartKey()) })
	var end []byte
	for i, r := range out {
		if !bytes.Equal(r.Info.GetStartKey(), end) || (i > 0 && len(end) == 0) {
			return nil, fmt.Errorf("snapshot %s: regions do not cover the keys: %s starts at %q, the one before ends at %q", m.Name, r.Encoded, r.Info.GetStartKey(), end)
		}
		end = r.Info.GetEndKey()
	}
	if len(out) == 0 || len(end) > 0 {
		return nil, fmt.Errorf("snapshot %s: regions do not cover the keys: none serves those from %q on", m.Name, end)
	}
	return out, nil
}

// overlapping returns those of the regions, ordered and without gaps, that
// serve any key of r.
func overlapping(regions []Region, r Region) []Region {
	start, end := r.Info.GetStartKey(), r.Info.GetEndKey()
	i, _ := slices.BinarySearchFunc(regions, start, func(h Region, key []byte) int {
		if e := h.Info.GetEndKey(); len(e) > 0 && bytes.Compare(e, key) <= 0 {
			return -1
		}
		return 1
	})
	j := i
	for j < len(regions) && (len(end) == 0 || bytes.Compare(regions[j].Info.GetStartKey(), end) < 0) {
		j++
	}
	return regions[i:j]
}
