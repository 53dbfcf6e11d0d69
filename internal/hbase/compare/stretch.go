package compare

import (
	"bytes"
	"math"
	"slices"
	"sort"
	"time"

	"drover/internal/hbase/snapshot"
)

// how says by which means a stretch of keys is proved.
type how int

const (
	unchanged how = iota
	byRow
	rewritten
	small
	dense
)

func (h how) full() bool { return h == rewritten || h == small || h == dense }

// stretch is a range of keys between two neighbouring region borders of either
// side: within it, each side has one region.
type stretch struct {
	KeyRange
	how   how
	bytes int64 // of the larger side, roughly
	// rowsOnly keeps the stretch from being read in full for the sake of speed.
	rowsOnly bool
}

// affordable is how many rows can be looked up one by one in the time that
// reading all of the stretch takes.
func (s *stretch) affordable() int {
	if s.rowsOnly {
		return math.MaxInt - 1
	}
	full := time.Duration(float64(s.bytes) / bytesPerSecond * float64(time.Second))
	return int(full / rowLookup)
}

// stretches cuts the keys at the borders of both sides' regions and says what
// the file lists tell about each. Of a family that had files on one side only the
// other's may have been written, deleted and compacted away since: with no file of
// the base to go, that leaves no trace.
func stretches(sides [2]*deltaSide, rowsOnly bool) []*stretch {
	var borders [][]byte
	for _, s := range sides {
		for _, r := range s.delta.Regions {
			borders = append(borders, r.Region.Info.GetStartKey(), r.Region.Info.GetEndKey())
		}
	}
	var out []*stretch
	for _, r := range cutAt(borders) {
		c := &stretch{KeyRange: r, rowsOnly: rowsOnly}
		a, b := sides[0].regionOf(r.Start), sides[1].regionOf(r.Start)
		sides[0].judge(c, a)
		sides[1].judge(c, b)
		if !slices.Equal(a.Based, b.Based) {
			c.how = rewritten
		}
		out = append(out, c)
	}
	return out
}

// judge adds to a stretch what one side's files say. A region without any says
// nothing: a server answers so for one that it is closing (HRegion.getStoreFileList),
// whatever it holds.
func (s *deltaSide) judge(c *stretch, r *snapshot.RegionDelta) {
	c.bytes = max(c.bytes, size(r.Region))
	switch {
	case s.undecidable != "" || !r.Decided() || len(r.Region.Stores) == 0:
		c.how = rewritten
	case len(r.New) > 0 && c.how == unchanged:
		c.how = byRow
	}
}

// regionOf gives the region that serves a key now. The
// regions cover all keys: snapshot.Diff has checked that.
func (s *deltaSide) regionOf(key []byte) *snapshot.RegionDelta {
	all := s.delta.Regions
	after := sort.Search(len(all), func(i int) bool { return bytes.Compare(all[i].Region.Info.GetStartKey(), key) > 0 })
	return &all[after-1]
}

// size adds up a region's files. A half file counts as a whole one.
func size(r snapshot.Region) int64 {
	var n int64
	for _, f := range r.Stores {
		n += max(0, f.File.Size)
	}
	return n
}

func compareKeys(a, b []byte) int { return bytes.Compare(a, b) }
