package snapshot

import (
	"cmp"
	"errors"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"drover/internal/hbase/hbasepb"
)

const (
	regA = "0123456789abcdef0123456789abcdef"
	regB = "fedcba9876543210fedcba9876543210"
	file = "aabbccddeeff00112233445566778899"
	mob  = "d41d8cd98f00b204e9800998ecf8427e20261121" + file + "_" + regB
)

func TestResolve(t *testing.T) {
	own := func(name string) target { return target{namespace: "ns", table: "t", region: regA, name: name} }
	tests := []struct {
		name      string
		entry     string
		reference bool
		want      target
	}{
		{"a file", file, false, own(file)},
		{"a bulk loaded file", file + "_SeqId_12_", false, own(file + "_SeqId_12_")},
		{"a MOB file", mob, false, own(mob)},
		{"a MOB delete file", file + "_del", false, own(file + "_del")},
		{"a link", "orders=" + regB + "-" + file, false, target{namespace: "default", table: "orders", region: regB, name: file, link: true}},
		{"a link into a namespace", "shop=orders=" + regB + "-" + file, false, target{namespace: "shop", table: "orders", region: regB, name: file, link: true}},
		{"a link to a table with dots and dashes", "a.b-c.d=" + regB + "-" + file, false, target{namespace: "default", table: "a.b-c.d", region: regB, name: file, link: true}},
		{"a link to a bulk loaded file", "o=" + regB + "-" + file + "_SeqId_7_", false, target{namespace: "default", table: "o", region: regB, name: file + "_SeqId_7_", link: true}},
		{"a link to a MOB file", "o=" + regB + "-" + mob, false, target{namespace: "default", table: "o", region: regB, name: mob, link: true}},
		{"a link to a table of other letters", "größe=" + regB + "-" + file, false, target{namespace: "default", table: "größe", region: regB, name: file, link: true}},
		{"half a file", file + "." + regB, true, target{namespace: "ns", table: "t", region: regB, name: file, reference: true}},
		{"half a file, known by its name only", file + "." + regB, false, target{namespace: "ns", table: "t", region: regB, name: file, reference: true}},
		{"half a link", "shop=orders=" + regB + "-" + file + "." + regA, true, target{namespace: "shop", table: "orders", region: regB, name: file, reference: true, link: true}},
		{"half a link to a table with dots", "a.b=" + regB + "-" + file + "." + regA, true, target{namespace: "default", table: "a.b", region: regB, name: file, reference: true, link: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := resolve("ns", "t", regA, tt.entry, tt.reference)
			if err != nil || got != tt.want {
				t.Errorf("resolve %q: got %+v, %v, want %+v", tt.entry, got, err, tt.want)
			}
		})
	}
}

// The forms of names as patterns, to hold what parses them against.
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

// matched is resolve by the patterns.
func matched(namespace, table, region, name string, isReference bool) (t target, ok bool) {
	if m := refName.FindStringSubmatch(name); m != nil && (isReference || !linkName.MatchString(name)) {
		t, ok = matched(namespace, table, m[2], m[1], false)
		ok = ok && (hfileName.MatchString(m[1]) || linkName.MatchString(m[1]))
		t.reference = true
		return t, ok
	}
	if isReference {
		return target{}, false
	}
	if m := linkName.FindStringSubmatch(name); m != nil {
		return target{namespace: cmp.Or(m[1], DefaultNamespace), table: m[2], region: m[3], name: m[4], link: true}, true
	}
	return target{namespace: namespace, table: table, region: region, name: name}, hfileName.MatchString(name)
}

func TestResolveRefusesUnknownNames(t *testing.T) {
	for _, name := range []string{"", ".", "..", "../x", "ABC", file + "." + "../" + regB, "a/b=" + regB + "-" + file, file + "." + regB + "." + regA + ".x", "t=" + regB, file + "\x00"} {
		if got, err := resolve("ns", "t", regA, name, false); !errors.Is(err, errName) {
			t.Errorf("resolve %q: got %+v, %v, want a refusal", name, got, err)
		}
	}
}

// The encoded names are those HBase 2.5.13 gave to these regions.
func TestRegionName(t *testing.T) {
	tests := []struct {
		namespace, table, start string
		id                      uint64
		replica                 int32
		want                    string
	}{
		{"default", "drover_bench", "", 1795253582802, 0, "drover_bench,,1795253582802.bc1038e10b2b54d029ef56e7b3c59e69."},
		{"default", "drover_bench", "00000000000000000000150000", 1795253582802, 0, "drover_bench,00000000000000000000150000,1795253582802.e5747e33781e1eeac17c6200d8000d8b."},
		{"hbase", "namespace", "", 1795253574589, 0, "hbase:namespace,,1795253574589.dd9c649e54c8e5211582c5031ae8e992."},
	}
	for _, tt := range tests {
		full, encoded := regionName(&hbasepb.RegionInfo{
			RegionId:  proto.Uint64(tt.id),
			TableName: &hbasepb.TableName{Namespace: []byte(tt.namespace), Qualifier: []byte(tt.table)},
			StartKey:  []byte(tt.start), ReplicaId: proto.Int32(tt.replica),
		})
		if string(full) != tt.want || !strings.HasSuffix(tt.want, "."+encoded+".") {
			t.Errorf("got %q, %q, want %q", full, encoded, tt.want)
		}
	}
}

func FuzzResolve(f *testing.F) {
	for _, s := range []string{file, mob, "o=" + regB + "-" + file, "n=o=" + regB + "-" + file + "." + regA, file + "." + regB} {
		f.Add(s, true)
		f.Add(s, false)
	}
	for _, s := range []string{"a.b=" + regB + "-" + file, "n=a=b=" + regB + "-" + file, "=t=" + regB + "-" + file, "-t=" + regB + "-" + file, file + "_" + regB + "0", file + "_SeqId__", "_del", "t\xff=" + regB + "-" + file, file + ".."} {
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, name string, reference bool) {
		got, err := resolve("ns", "t", regA, name, reference)
		if want, ok := matched("ns", "t", regA, name, reference); ok != (err == nil) || ok && got != want {
			t.Errorf("resolve %q (reference: %v): got %+v, %v, by the patterns it is %+v, %v", name, reference, got, err, want, ok)
		}
		if err != nil {
			return
		}
		for _, part := range []string{got.namespace, got.table, got.region, got.name} {
			if !safe(part) {
				t.Errorf("resolve %q: %q may not become part of a path", name, part)
			}
		}
	})
}
