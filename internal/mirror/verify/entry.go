package verify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is what an entry is.
type kind byte

const (
	dir kind = iota + 1
	file
	link
	other // neither of them: a socket, a device
)

func (k kind) String() string {
	switch k {
	case dir:
		return "directory"
	case file:
		return "file"
	case link:
		return "symbolic link"
	default:
		return "special file"
	}
}

// entry is one entry of a tree as its side describes it. Fields a store has no
// notion of are zero, and has says which ones it has.
type entry struct {
	rel  string // path relative to the root of the side
	name string // last element of rel
	kind kind
	size int64

	has         attribute
	mode        uint16
	owner       string
	group       string
	modTime     time.Time
	replication int
	blockSize   int64 // bytes; where the file's checksum is cut
	policy      byte  // id of the storage policy in force; 0 where none was ever set
	inherits    bool  // policy is that of the directory above
	fileID      uint64
	tag         string // another one for other bytes, "" where the store keeps none
	target      string // of a link
	hasACL      bool
	sumless     bool     // the store keeps no checksum of this file's bytes
	acl         []string // extended entries, sorted
	xattrs      []string // name=value, sorted
}

// attribute is a set of things a store keeps of an entry.
type attribute uint16

const (
	hasMode attribute = 1 << iota
	hasOwner
	hasReplication
	hasBlockSize
	hasPolicy
	hasModTime
	hasExtended // ACL and extended attributes
)

// differences compares all that is known of two entries of the same path but
// their bytes. Where the types differ nothing else is compared.
func differences(a, b entry, opt Options) []Difference {
	var found []Difference
	add := func(k Kind, source, target string) {
		if source != target {
			found = append(found, Difference{Path: a.rel, Kind: k, Source: source, Target: target})
		}
	}
	if a.kind != b.kind {
		add(Type, a.kind.String(), b.kind.String())
		return found
	}
	if a.kind == file {
		add(Size, strconv.FormatInt(a.size, 10), strconv.FormatInt(b.size, 10))
	}
	add(Link, a.target, b.target)
	if opt.fileIDs {
		add(FileID, strconv.FormatUint(a.fileID, 10), strconv.FormatUint(b.fileID, 10))
	}
	both := a.has & b.has
	timed := a.kind == file && (opt.Times || opt.Metadata) || a.kind == dir && opt.DirTimes
	if timed && both&hasModTime != 0 {
		add(ModTime, stamp(a.modTime), stamp(b.modTime))
	}
	if !opt.Metadata {
		return found
	}
	if both&hasMode != 0 {
		add(Mode, fmt.Sprintf("%04o", a.mode), fmt.Sprintf("%04o", b.mode))
	}
	if both&hasOwner != 0 {
		add(Owner, a.owner, b.owner)
		add(Group, a.group, b.group)
	}
	if a.kind == file && both&hasReplication != 0 {
		add(Replication, strconv.Itoa(a.replication), strconv.Itoa(b.replication))
	}
	if a.kind == file && both&hasBlockSize != 0 {
		add(BlockSize, strconv.FormatInt(a.blockSize, 10), strconv.FormatInt(b.blockSize, 10))
	}
	if both&hasPolicy != 0 {
		add(Policy, policyText(a), policyText(b.as(a)))
	}
	if both&hasExtended != 0 {
		found = append(found, listDifference(a.rel, ACL, a.acl, b.acl)...)
		found = append(found, listDifference(a.rel, XAttr, a.xattrs, b.xattrs)...)
	}
	return found
}

// hot is the storage policy of entries for which none was ever set
// (HdfsConstants.HOT_STORAGE_POLICY_ID).
const hot = 7

func (e entry) policyInForce() byte {
	if e.policy == 0 {
		return hot
	}
	return e.policy
}

// as is e as far as its policy tells it from a: a policy of a's own may be in
// force in e from above, one that a inherits must not be e's own.
func (e entry) as(a entry) entry {
	if !a.inherits && e.policyInForce() == a.policyInForce() {
		e.policy, e.inherits = a.policy, false
	}
	return e
}

func policyText(e entry) string {
	if e.inherits {
		return policyName(0)
	}
	return policyName(e.policyInForce())
}

// stamp shows a time to the millisecond, which is what HDFS keeps.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// listDifference compares two sorted lists and shows of each what the other
// lacks.
func listDifference(rel string, k Kind, a, b []string) []Difference {
	source, target := lacking(a, b), lacking(b, a)
	if source == "" && target == "" {
		return nil
	}
	return []Difference{{Path: rel, Kind: k, Source: source, Target: target}}
}

// lacking lists the elements of a that b does not have, both sorted.
func lacking(a, b []string) string {
	var only []string
	for _, v := range a {
		if _, found := slices.BinarySearch(b, v); !found {
			only = append(only, v)
		}
	}
	return strings.Join(only, ",")
}
