package tree

import (
	"fmt"
	"math/rand/v2"
)

// The people and groups that own files. HDFS takes any name.
func owners() []string { return []string{"alice", "bob", "svc-etl", "ünal", "data.eng"} }

func groups() []string { return []string{"staff", "analysts", "supergroup", "g-42"} }

// policies are those under which a cluster with nothing but disks still writes;
// COLD and the like would refuse (BlockStoragePolicySuite).
func policies() []string { return []string{"HOT", "WARM", "ALL_SSD", "ONE_SSD"} }

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

// drawAttr gives a node some of the attributes HDFS keeps, times always.
func drawAttr(rng *rand.Rand, dir, superuser bool) Attr {
	a := Attr{ModTime: drawTime(rng)}
	if !dir {
		a.AccessTime = drawTime(rng)
		a.Replication = 1
		if rng.IntN(10) == 0 {
			a.Replication = 2 + rng.IntN(2)
		}
	}
	if rng.IntN(100) < 40 {
		a.Mode = drawMode(rng, dir)
	}
	if rng.IntN(100) < 30 {
		a.Owner, a.Group = pick(rng, owners()), pick(rng, groups())
	}
	if rng.IntN(100) < 15 {
		a.ACL = drawACL(rng, dir)
	}
	if rng.IntN(100) < 15 {
		a.XAttrs = map[string][]byte{}
		for range 1 + rng.IntN(3) {
			name, value := drawXAttr(rng, superuser)
			a.XAttrs[name] = value
		}
	}
	if rng.IntN(100) < 10 {
		a.Policy = pick(rng, policies())
	}
	return a
}

// drawTime gives a time in 2024 to a millisecond.
func drawTime(rng *rand.Rand) int64 { return firstTime + rng.Int64N(366*24*3600*1000) }

// drawMode gives any permission bits, for a directory with the sticky bit now
// and then: the only other bit HDFS keeps. 0 would mean "leave it", so it is
// never drawn.
func drawMode(rng *rand.Rand, dir bool) uint16 {
	mode := uint16(1 + rng.IntN(0o777))
	if dir && rng.IntN(4) == 0 {
		mode |= 0o1000
	}
	return mode
}

// drawACL gives a complete ACL as setAcl wants it, with default entries on some
// directories.
func drawACL(rng *rand.Rand, dir bool) []string {
	scopes := []string{""}
	if dir && rng.IntN(2) == 0 {
		scopes = append(scopes, "default:")
	}
	var out []string
	for _, scope := range scopes {
		for _, base := range []string{"user::", "group::", "mask::", "other::"} {
			out = append(out, scope+base+drawRights(rng))
		}
		for i, who := range owners() {
			if i == 0 || rng.IntN(3) == 0 {
				out = append(out, scope+"user:"+who+":"+drawRights(rng))
			}
		}
		if rng.IntN(2) == 0 {
			out = append(out, scope+"group:"+pick(rng, groups())+":"+drawRights(rng))
		}
	}
	return out
}

func drawRights(rng *rand.Rand) string {
	bits := rng.IntN(8)
	rights := []byte("rwx")
	for i := range rights {
		if bits&(4>>i) == 0 {
			rights[i] = '-'
		}
	}
	return string(rights)
}

// drawXAttr gives an attribute by its full name; the value is bytes of any kind,
// or none.
func drawXAttr(rng *rand.Rand, superuser bool) (name string, value []byte) {
	space := "user."
	if superuser && rng.IntN(3) == 0 {
		space = "trusted."
	}
	name = space + pick(rng, []string{"origin", "with blank", "ümlaut", "a.b.c", "n" + fmt.Sprint(rng.IntN(10))})
	value = make([]byte, rng.IntN(40))
	for i := range value {
		value[i] = byte(rng.IntN(256))
	}
	return name, value
}
