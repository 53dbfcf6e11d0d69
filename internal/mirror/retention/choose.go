// Package retention decides which snapshots of a mirrored tree may go, and says
// what each that stays costs.
//
// As long as a snapshot exists its data exist: deleting a file frees nothing
// until the last snapshot that holds it is gone. Deleting the wrong snapshot is
// worse: without the last one that both sides have in common, the next round is
// a full copy.
package retention

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Snapshot is one snapshot of a directory, as its NameNode lists it.
type Snapshot struct {
	Name string `json:"name"`
	// ID grows with every snapshot a NameNode makes. Snapshots are ordered by
	// it: names and clocks prove nothing.
	ID uint32 `json:"id"`
	// Created is when the NameNode made it; one before Hadoop 3.3 tells no ID,
	// and its snapshots are ordered by this.
	Created time.Time `json:"created"`
}

// compare is namenode.Snapshot's.
func (s Snapshot) compare(o Snapshot) int {
	return cmp.Or(cmp.Compare(s.ID, o.ID), s.Created.Compare(o.Created))
}

// Policy says what is kept. A snapshot that any rule keeps, stays. The zero
// value keeps everything.
type Policy struct {
	// Keep is how many of the newest snapshots stay; 0 means that the number
	// keeps none.
	Keep int `json:"keep,omitempty"`
	// MaxAge is how long a snapshot stays whatever their number; 0 means that
	// age keeps none.
	MaxAge time.Duration `json:"maxAge,omitempty"`
	// Protected names snapshots that stay in any case: the baseline, the major
	// checkpoints.
	Protected []string `json:"protected,omitempty"`
	// LastCommon is the newest snapshot that source and target share. It and
	// every newer one stay. While it is unknown nothing may go.
	LastCommon string `json:"lastCommon"`
	// Prefix, unless empty, begins the names that may go at all: snapshots of
	// other programs and people stay.
	Prefix string `json:"prefix,omitempty"`
}

// Kept is a snapshot that stays, and why.
type Kept struct {
	Snapshot
	Reason string `json:"reason"`
}

// The reasons for which a snapshot stays.
const (
	NoPolicy      = "no rule says that anything may go"
	CommonUnknown = "the last common snapshot is not known or not here, so nothing may go"
	LastCommon    = "it is the last common snapshot: the next round starts from it"
	Newer         = "it is newer than the last common snapshot: a round is under way"
	Protected     = "it is protected"
	Foreign       = "it was not made by this mirror"
	Among         = "it is among the newest that are kept"
	Young         = "it is younger than the age that is kept"
)

// Choose divides a directory's snapshots into those that may be deleted, oldest
// first, and those that stay, newest first. It has no effect of its own.
func Choose(snapshots []Snapshot, policy Policy, now time.Time) (remove []Snapshot, keep []Kept) {
	newest := slices.Clone(snapshots)
	slices.SortFunc(newest, func(a, b Snapshot) int { return b.compare(a) })
	common := slices.IndexFunc(newest, func(s Snapshot) bool { return s.Name == policy.LastCommon })
	counted := 0
	for i, s := range newest {
		reason := policy.standing(s, i, common)
		// Those that stay for another reason do not use up the number, or a
		// protected baseline would cost a round.
		if reason == "" && counted < policy.Keep {
			counted++
			reason = Among
		}
		if reason == "" && now.Sub(s.Created) < policy.MaxAge {
			reason = Young
		}
		if reason == "" {
			remove = append(remove, s)
			continue
		}
		keep = append(keep, Kept{s, reason})
	}
	slices.Reverse(remove)
	return remove, keep
}

// standing returns the reason for which a snapshot stays whatever its number
// and age; i counts from the newest, as common does.
func (p Policy) standing(s Snapshot, i, common int) string {
	switch {
	case common < 0:
		return CommonUnknown
	case i == common:
		return LastCommon
	case i < common:
		return Newer
	case slices.Contains(p.Protected, s.Name):
		return Protected
	case !strings.HasPrefix(s.Name, p.Prefix):
		return Foreign
	case p.Keep <= 0 && p.MaxAge <= 0:
		return NoPolicy
	}
	return ""
}
