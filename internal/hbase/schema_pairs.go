package hbase

import (
	"bytes"
	"maps"
	"slices"

	"drover/internal/hbase/hbasepb"
)

func attribute(pairs []*hbasepb.BytesBytesPair, key string) string {
	for _, p := range pairs {
		if string(p.GetFirst()) == key {
			return string(p.GetSecond())
		}
	}
	return ""
}

// withAttribute replaces the pair of that key in place, appends it when there
// is none, and drops it when value is "". Other pairs stay where they are.
func withAttribute(pairs []*hbasepb.BytesBytesPair, key, value string) []*hbasepb.BytesBytesPair {
	i := slices.IndexFunc(pairs, func(p *hbasepb.BytesBytesPair) bool { return bytes.Equal(p.GetFirst(), []byte(key)) })
	switch {
	case value == "" && i < 0:
		return pairs
	case value == "":
		return slices.Delete(pairs, i, i+1)
	case i < 0:
		return append(pairs, &hbasepb.BytesBytesPair{First: []byte(key), Second: []byte(value)})
	}
	pairs[i].Second = []byte(value)
	return pairs
}

func pairsOf(m map[string]string) []*hbasepb.BytesBytesPair {
	var out []*hbasepb.BytesBytesPair
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, &hbasepb.BytesBytesPair{First: []byte(k), Second: []byte(m[k])})
	}
	return out
}

func attributesOf(pairs []*hbasepb.BytesBytesPair) map[string]string {
	m := map[string]string{}
	for _, p := range pairs {
		m[string(p.GetFirst())] = string(p.GetSecond())
	}
	return m
}

func configurationOf(pairs []*hbasepb.NameStringPair) map[string]string {
	m := map[string]string{}
	for _, p := range pairs {
		m[p.GetName()] = p.GetValue()
	}
	return m
}
