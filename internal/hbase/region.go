package hbase

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

// Region is one region of a table as hbase:meta shows it.
type Region struct {
	Table    TableName
	Name     []byte // REGION_NAME: "t,start,id.encoded."
	Encoded  string // 32 hex digits; the region's directory
	RegionID uint64
	Start    []byte // first row; empty = from the beginning
	End      []byte // first row after it; empty = to the end
	Server   string // "host:port"; empty while unassigned
	// State is the region's state in hbase:meta, for example OPEN or SPLIT.
	State string
	// Offline and Split mark the parent of a split, which stays in hbase:meta
	// until its daughters no longer refer to its files.
	Offline bool
	Split   bool
}

// Serving reports whether the region is one of those that tile the key space:
// not the parent of a split.
func (r Region) Serving() bool { return !r.Split && !r.Offline }

func (r Region) String() string { return string(r.Name) }

// Contains reports whether row falls into the region.
func (r Region) Contains(row []byte) bool {
	return bytes.Compare(row, r.Start) >= 0 && (len(r.End) == 0 || bytes.Compare(row, r.End) < 0)
}

// Specifier names the region in requests. Calls of AdminService accept the
// full name only, not the encoded one.
func (r Region) Specifier() *hbasepb.RegionSpecifier { return regionSpecifier(r.Name) }

func regionSpecifier(name []byte) *hbasepb.RegionSpecifier {
	return &hbasepb.RegionSpecifier{Type: hbasepb.RegionSpecifier_REGION_NAME.Enum(), Value: name}
}

func (r Region) proto() *hbasepb.RegionInfo {
	return &hbasepb.RegionInfo{
		RegionId: proto.Uint64(r.RegionID), TableName: r.Table.Proto(), StartKey: r.Start, EndKey: r.End,
		Offline: proto.Bool(r.Offline), Split: proto.Bool(r.Split), ReplicaId: proto.Int32(0),
	}
}

// RegionName gives the full and the encoded name of a region
// (client.RegionInfo.createRegionName): the encoded name is the MD5 of
// "t,start,id", with "_%04X" after it for replicas other than the first.
func RegionName(t TableName, start []byte, id uint64, replica int32) (name []byte, encoded string) {
	b := append([]byte(t.String()), ',')
	b = append(b, start...)
	b = append(b, ',')
	b = strconv.AppendUint(b, id, 10)
	if replica > 0 {
		b = fmt.Appendf(b, "_%04X", replica)
	}
	sum := md5.Sum(b)
	encoded = hex.EncodeToString(sum[:])
	b = append(b, '.')
	b = append(b, encoded...)
	return append(b, '.'), encoded
}

// RegionOf reads the wire form of a region, for example a snapshot manifest's.
func RegionOf(p *hbasepb.RegionInfo) Region {
	t := TableNameOf(p.GetTableName())
	name, enc := RegionName(t, p.GetStartKey(), p.GetRegionId(), p.GetReplicaId())
	return Region{
		Table: t, Name: name, Encoded: enc, RegionID: p.GetRegionId(), Start: p.GetStartKey(), End: p.GetEndKey(),
		Offline: p.GetOffline(), Split: p.GetSplit(),
	}
}
