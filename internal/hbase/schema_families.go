package hbase

import (
	"fmt"
	"maps"
	"slices"
)

// DiffFamilies lists in words which families other lacks or has more, and
// which it keeps by other rules, defaults filled in: another version of HBase
// may write out defaults that t leaves to be known. Replication scopes are left
// out. Empty means equal.
func (t *Table) DiffFamilies(other *Table) []string {
	rules := func(t *Table) map[string]string {
		m := map[string]string{}
		for _, f := range t.Families() {
			m[f.Name] = f.rules()
		}
		return m
	}
	mine, theirs := rules(t), rules(other)
	var d []string
	for _, name := range slices.Sorted(maps.Keys(mine)) {
		got, there := theirs[name]
		switch {
		case !there:
			d = append(d, "family "+name+" is missing")
		case got != mine[name]:
			d = append(d, fmt.Sprintf("family %s has %s, not %s", name, got, mine[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(theirs)) {
		if _, there := mine[name]; !there {
			d = append(d, "family "+name+" is one too many")
		}
	}
	return d
}

// rules is what decides which cells a family keeps and how its files are read.
func (f Family) rules() string {
	return fmt.Sprintf("VERSIONS %d, MIN_VERSIONS %d, TTL %d, KEEP_DELETED_CELLS %s, COMPRESSION %s, DATA_BLOCK_ENCODING %s, BLOOMFILTER %s, ENCRYPTION %q, MOB %t",
		f.Versions, f.MinVersions, f.TTL, f.KeepDeleted, f.Compression, f.DataBlockEncoding, f.Bloom, f.Encryption, f.MOB)
}
