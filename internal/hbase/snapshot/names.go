package snapshot

import (
	"crypto/md5" //nolint:gosec // the digest HBase names regions by
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"drover/internal/hbase/hbasepb"
)

// DefaultNamespace is the directory of tables without a namespace.
const DefaultNamespace = "default"

// The forms of a store file's name, from StoreFileInfo, HFileLink and
// MobFileName of HBase 2.5. The optional suffix of 32 hex digits is that of MOB
// files, which carry the region they were flushed in.
const (
	hfilePattern  = `[0-9a-f]+(?:_[0-9a-f]{32})?(?:_SeqId_[0-9]+_|_del)?`
	regionPattern = `[0-9a-f]+`
	nsPattern     = `[_\p{Nd}\p{L}\p{M}]+`
	tablePattern  = `[_\p{Nd}\p{L}\p{M}][-_.\p{Nd}\p{L}\p{M}]*`
	linkPattern   = `(?:(` + nsPattern + `)=)?(` + tablePattern + `)=(` + regionPattern + `)-(` + hfilePattern + `)`
)

var (
	hfileName = regexp.MustCompile(`^` + hfilePattern + `$`)
	linkName  = regexp.MustCompile(`^` + linkPattern + `$`)
	refName   = regexp.MustCompile(`^(.+)\.(` + regionPattern + `)$`)
)

// errName is wrapped by every error about a name that has no known form.
var errName = errors.New("unknown form of store file name")

// target is the physical file a store file's name stands for.
type target struct {
	namespace, table, region, name string
	reference                      bool // half of the file, from a split or merge
	link                           bool // lives under another table
}

// resolve finds the physical file behind a store file's name as it stands in
// the region of the table. A name is a file of the region itself, a link to a
// file of another table (clones), or a reference to a file, or a link, of the
// region it was split or merged from.
func resolve(namespace, table, region, name string, isReference bool) (target, error) {
	t := target{namespace: namespace, table: table, region: region, name: name}
	if !isReference {
		switch {
		case hfileName.MatchString(name):
			return t, nil
		case linkName.MatchString(name):
			return t.follow(name), nil
		}
	}
	m := refName.FindStringSubmatch(name)
	if m == nil {
		return target{}, fmt.Errorf("%w: %q", errName, name)
	}
	t.reference = true
	switch {
	case hfileName.MatchString(m[1]):
		t.name, t.region = m[1], m[2]
		return t, nil
	case linkName.MatchString(m[1]):
		return t.follow(m[1]), nil
	}
	return target{}, fmt.Errorf("%w: %q", errName, name)
}

// follow replaces the target by the one a link's name tells.
func (t target) follow(link string) target {
	m := linkName.FindStringSubmatch(link)
	t.link = true
	t.namespace, t.table, t.region, t.name = m[1], m[2], m[3], m[4]
	if t.namespace == "" {
		t.namespace = DefaultNamespace
	}
	return t
}

// regionName returns a region's full name and its encoded form, the directory
// its files are in: hex(md5("<table>,<start>,<id>[_<replica>]")) with the table
// as "ns:t", or "t" in the default namespace (RegionInfo.createRegionName).
func regionName(info *hbasepb.RegionInfo) (full []byte, encoded string) {
	ns, table := string(info.GetTableName().GetNamespace()), string(info.GetTableName().GetQualifier())
	if ns != "" && ns != DefaultNamespace {
		table = ns + ":" + table
	}
	b := make([]byte, 0, len(table)+len(info.GetStartKey())+64)
	b = append(b, table...)
	b = append(b, ',')
	b = append(b, info.GetStartKey()...)
	b = append(b, ',')
	b = strconv.AppendUint(b, info.GetRegionId(), 10)
	if r := info.GetReplicaId(); r > 0 {
		b = fmt.Appendf(b, "_%04X", r)
	}
	sum := md5.Sum(b) //nolint:gosec // see above
	encoded = hex.EncodeToString(sum[:])
	b = append(b, '.')
	b = append(b, encoded...)
	return append(b, '.'), encoded
}
