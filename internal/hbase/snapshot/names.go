package snapshot

import (
	"crypto/md5" //nolint:gosec // the digest HBase names regions by
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"drover/internal/hbase/hbasepb"
)

// DefaultNamespace is the directory of tables without a namespace.
const DefaultNamespace = "default"

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
// region it was split or merged from. The forms are those of StoreFileInfo,
// HFileLink and MobFileName of HBase 2.5:
//
//	file       hex [ "_" 32*hex ] [ "_SeqId_" digits "_" | "_del" ]
//	link       [ namespace "=" ] table "=" region "-" file
//	reference  ( file | link ) "." region
//
// The 32 digits are those of a MOB file, the region it was flushed in.
func resolve(namespace, table, region, name string, isReference bool) (target, error) {
	t := target{namespace: namespace, table: table, region: region, name: name}
	if !isReference {
		if isFile(name) {
			return t, nil
		}
		if link, ok := parseLink(name); ok {
			return link, nil
		}
	}
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 || !isHex(name[dot+1:]) {
		return target{}, fmt.Errorf("%w: %q", errName, name)
	}
	t.name, t.region, t.reference = name[:dot], name[dot+1:], true
	if isFile(t.name) {
		return t, nil
	}
	link, ok := parseLink(t.name)
	if !ok {
		return target{}, fmt.Errorf("%w: %q", errName, name)
	}
	link.reference = true
	return link, nil
}

func parseLink(s string) (target, bool) {
	place, file, ok := cutLast(s, '=')
	if !ok {
		return target{}, false
	}
	t := target{namespace: DefaultNamespace, table: place, link: true}
	if before, after, both := strings.Cut(place, "="); both {
		t.namespace, t.table = before, after
	}
	t.region, t.name, ok = strings.Cut(file, "-")
	return t, ok && isName(t.namespace, "") && isName(t.table, "-.") && isHex(t.region) && isFile(t.name)
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

func isFile(s string) bool {
	n := hexDigits(s)
	if n == 0 {
		return false
	}
	s = s[n:]
	if strings.HasPrefix(s, "_") && hexDigits(s[1:]) == 32 {
		s = s[33:]
	}
	if s == "" || s == "_del" {
		return true
	}
	id, bulk := strings.CutPrefix(s, "_SeqId_")
	id, ended := strings.CutSuffix(id, "_")
	return bulk && ended && id != "" && strings.Trim(id, "0123456789") == ""
}

func isHex(s string) bool { return s != "" && hexDigits(s) == len(s) }

// hexDigits is how many lower-case hexadecimal digits s begins with.
func hexDigits(s string) int {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return i
		}
	}
	return len(s)
}

// isName reports whether s is a name of letters, marks and digits of any script
// and "_", and, but for the first place, of the bytes in also.
func isName(s, also string) bool {
	for i, r := range s {
		if r != '_' && !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && (i == 0 || !strings.ContainsRune(also, r)) {
			return false
		}
	}
	return s != ""
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
