package hbase

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

// Attribute keys of tables and families that the migration reads or sets.
const (
	attrReadOnly    = "READONLY"
	attrScope       = "REPLICATION_SCOPE"
	attrCompactions = "COMPACTION_ENABLED"
)

// Table is a table's descriptor as the master holds it. Whatever Drover does
// not know in it, unknown fields included, is kept and sent back untouched.
type Table struct {
	Schema *hbasepb.TableSchema
}

// Family is one column family with HBase's defaults filled in.
type Family struct {
	Name              string
	Scope             int // REPLICATION_SCOPE: 0 local, 1 replicated
	Versions          int
	MinVersions       int
	TTL               int // seconds; 2147483647 = for ever
	Compression       string
	DataBlockEncoding string
	Bloom             string
	KeepDeleted       string
	Encryption        string // algorithm; "" = none
	StoragePolicy     string
	MOB               bool
	Attributes        map[string]string
	Configuration     map[string]string
}

// NewTable describes a new table with families of the given names, each with
// the given attributes.
func NewTable(name TableName, families []string, attributes map[string]string) *Table {
	s := &hbasepb.TableSchema{TableName: name.Proto()}
	for _, f := range families {
		s.ColumnFamilies = append(s.ColumnFamilies, &hbasepb.ColumnFamilySchema{Name: []byte(f), Attributes: pairsOf(attributes)})
	}
	return &Table{Schema: s}
}

// Name gives the table's name.
func (t *Table) Name() TableName { return TableNameOf(t.Schema.GetTableName()) }

// Clone gives an independent copy.
func (t *Table) Clone() *Table {
	return &Table{Schema: proto.Clone(t.Schema).(*hbasepb.TableSchema)}
}

// Attribute gives the table attribute of that key, "" when absent.
func (t *Table) Attribute(key string) string { return attribute(t.Schema.GetAttributes(), key) }

// ReadOnly reports whether the table refuses writes.
func (t *Table) ReadOnly() bool { return strings.EqualFold(t.Attribute(attrReadOnly), "true") }

// CompactionEnabled reports whether the table compacts by itself.
func (t *Table) CompactionEnabled() bool {
	return !strings.EqualFold(t.Attribute(attrCompactions), "false")
}

// coprocessorKey matches the attributes that load coprocessors
// (HConstants.CP_HTD_ATTR_KEY_PATTERN).
var coprocessorKey = regexp.MustCompile(`(?i)^coprocessor\$[0-9]+$`)

// Coprocessors lists what the table loads, as "path|class|priority|arguments",
// in the order of their keys. The target has to have the classes.
func (t *Table) Coprocessors() []string {
	byKey := map[string]string{}
	for _, p := range t.Schema.GetAttributes() {
		if coprocessorKey.Match(p.GetFirst()) {
			byKey[string(p.GetFirst())] = string(p.GetSecond())
		}
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(byKey)) {
		out = append(out, byKey[k])
	}
	return out
}

// Families lists the column families by name.
func (t *Table) Families() []Family {
	var out []Family
	for _, f := range t.Schema.GetColumnFamilies() {
		out = append(out, familyOf(f))
	}
	slices.SortFunc(out, func(a, b Family) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// FamilyNames lists the names of the column families, sorted.
func (t *Table) FamilyNames() []string {
	var out []string
	for _, f := range t.Families() {
		out = append(out, f.Name)
	}
	return out
}

// Scopes gives the replication scope of every family.
func (t *Table) Scopes() map[string]int {
	out := map[string]int{}
	for _, f := range t.Families() {
		out[f.Name] = f.Scope
	}
	return out
}

func familyOf(p *hbasepb.ColumnFamilySchema) Family {
	attrs := map[string]string{}
	for _, a := range p.GetAttributes() {
		attrs[string(a.GetFirst())] = string(a.GetSecond())
	}
	conf := map[string]string{}
	for _, c := range p.GetConfiguration() {
		conf[c.GetName()] = c.GetValue()
	}
	text := func(key, def string) string {
		if v := attrs[key]; v != "" {
			return strings.ToUpper(v)
		}
		return def
	}
	number := func(key string, def int) int {
		if n, err := strconv.Atoi(attrs[key]); err == nil {
			return n
		}
		return def
	}
	return Family{
		Name: string(p.GetName()), Scope: number(attrScope, 0),
		Versions: number("VERSIONS", 1), MinVersions: number("MIN_VERSIONS", 0), TTL: number("TTL", 1<<31-1),
		Compression: text("COMPRESSION", "NONE"), DataBlockEncoding: text("DATA_BLOCK_ENCODING", "NONE"),
		Bloom: text("BLOOMFILTER", "ROW"), KeepDeleted: text("KEEP_DELETED_CELLS", "FALSE"),
		Encryption: text("ENCRYPTION", ""), StoragePolicy: text("STORAGE_POLICY", ""),
		// Early 2.x wrote the flag as one byte 0xff.
		MOB:        strings.EqualFold(attrs["IS_MOB"], "true") || attrs["IS_MOB"] == "\xff",
		Attributes: attrs, Configuration: conf,
	}
}

// WithAttribute gives a copy with the attribute set; "" removes it.
func (t *Table) WithAttribute(key, value string) *Table {
	c := t.Clone()
	c.Schema.Attributes = withAttribute(c.Schema.GetAttributes(), key, value)
	return c
}

// WithScopes gives a copy with each family's replication scope as scope says.
// A family that has it already keeps its attributes as they are.
func (t *Table) WithScopes(scope func(family string) int) *Table {
	c := t.Clone()
	for _, f := range c.Schema.GetColumnFamilies() {
		if want := scope(string(f.GetName())); familyOf(f).Scope != want {
			f.Attributes = withAttribute(f.GetAttributes(), attrScope, strconv.Itoa(want))
		}
	}
	return c
}

// AllScopes is a scope function for WithScopes and EnsureScopes.
func AllScopes(scope int) func(string) int { return func(string) int { return scope } }

// ScopesOf is a scope function that gives back what Scopes read.
func ScopesOf(m map[string]int) func(string) int { return func(f string) int { return m[f] } }

// Equal reports whether both descriptors say the same, in whatever order.
func (t *Table) Equal(other *Table) bool { return len(t.Diff(other)) == 0 }

// Diff lists in words what differs, t's value first, without the attributes
// whose keys are given. Empty means equal.
func (t *Table) Diff(other *Table, ignore ...string) []string {
	var d []string
	if a, b := t.Name().String(), other.Name().String(); a != b {
		d = append(d, fmt.Sprintf("name: %q, other %q", a, b))
	}
	d = append(d, diffMaps("table attribute", attributesOf(t.Schema.GetAttributes()), attributesOf(other.Schema.GetAttributes()), ignore)...)
	d = append(d, diffMaps("table configuration", configurationOf(t.Schema.GetConfiguration()), configurationOf(other.Schema.GetConfiguration()), nil)...)
	d = append(d, diffUnknown("table", t.Schema, other.Schema)...)
	mine, theirs := familiesByName(t.Schema), familiesByName(other.Schema)
	for _, name := range sortedUnion(mine, theirs) {
		a, b := mine[name], theirs[name]
		if a == nil || b == nil {
			d = append(d, fmt.Sprintf("family %s: here %t, other %t", name, a != nil, b != nil))
			continue
		}
		d = append(d, diffMaps("family "+name+" attribute", attributesOf(a.GetAttributes()), attributesOf(b.GetAttributes()), ignore)...)
		d = append(d, diffMaps("family "+name+" configuration", configurationOf(a.GetConfiguration()), configurationOf(b.GetConfiguration()), nil)...)
		d = append(d, diffUnknown("family "+name, a, b)...)
	}
	return d
}

func diffUnknown(what string, a, b proto.Message) []string {
	if bytes.Equal(a.ProtoReflect().GetUnknown(), b.ProtoReflect().GetUnknown()) {
		return nil
	}
	return []string{what + ": fields this version does not know differ"}
}

func diffMaps(what string, a, b map[string]string, ignore []string) []string {
	var d []string
	for _, k := range sortedUnion(a, b) {
		x, inA := a[k]
		y, inB := b[k]
		if slices.Contains(ignore, k) || x == y && inA == inB {
			continue
		}
		d = append(d, fmt.Sprintf("%s %s: %s, other %s", what, k, shown(x, inA), shown(y, inB)))
	}
	return d
}

func shown(v string, present bool) string {
	if !present {
		return "absent"
	}
	return strconv.Quote(v)
}

func sortedUnion[V any](a, b map[string]V) []string {
	keys := slices.Collect(maps.Keys(a))
	for k := range b {
		if _, ok := a[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

func familiesByName(s *hbasepb.TableSchema) map[string]*hbasepb.ColumnFamilySchema {
	m := map[string]*hbasepb.ColumnFamilySchema{}
	for _, f := range s.GetColumnFamilies() {
		m[string(f.GetName())] = f
	}
	return m
}
