package hbase

import (
	"fmt"
	"regexp"
	"strings"

	"drover/internal/hbase/hbasepb"
)

// TableName names a table. Namespace is "default" for tables without one.
type TableName struct {
	Namespace string
	Qualifier string
}

// The legal characters are those of org.apache.hadoop.hbase.TableName.
var (
	namespacePattern = regexp.MustCompile(`^[a-zA-Z0-9_]+$`)
	qualifierPattern = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9_.-]*$`)
)

// ParseTableName reads "ns:t" or "t".
func ParseTableName(s string) (TableName, error) {
	ns, q, found := strings.Cut(s, ":")
	if !found {
		ns, q = "default", s
	}
	if !namespacePattern.MatchString(ns) {
		return TableName{}, fmt.Errorf("table name %q: namespace %q may hold only letters, digits and _", s, ns)
	}
	if !qualifierPattern.MatchString(q) {
		return TableName{}, fmt.Errorf("table name %q: %q may hold only letters, digits, . - and _, and not begin with . or -", s, q)
	}
	return TableName{Namespace: ns, Qualifier: q}, nil
}

// TableNameOf reads the wire form.
func TableNameOf(p *hbasepb.TableName) TableName {
	return TableName{Namespace: string(p.GetNamespace()), Qualifier: string(p.GetQualifier())}
}

// String gives "t" in the default namespace and "ns:t" elsewhere, the form
// that HBase uses in region names and snapshot descriptions.
func (t TableName) String() string {
	if t.Namespace == "" || t.Namespace == "default" {
		return t.Qualifier
	}
	return t.Namespace + ":" + t.Qualifier
}

// Dir gives the table's directory below <root>/data or <root>/archive/data.
func (t TableName) Dir() string {
	if t.Namespace == "" {
		return "default/" + t.Qualifier
	}
	return t.Namespace + "/" + t.Qualifier
}

// Proto gives the wire form.
func (t TableName) Proto() *hbasepb.TableName {
	ns := t.Namespace
	if ns == "" {
		ns = "default"
	}
	return &hbasepb.TableName{Namespace: []byte(ns), Qualifier: []byte(t.Qualifier)}
}
