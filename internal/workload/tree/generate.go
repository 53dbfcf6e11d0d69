package tree

import (
	"fmt"
	"math/rand/v2"
	"path"
	"time"
)

// MiB is the smallest block size a NameNode allows unless told otherwise
// (dfs.namenode.fs-limits.min-block-size).
const MiB = 1 << 20

// Spec describes the tree Generate makes. The same spec gives the same nodes.
type Spec struct {
	Seed uint64
	// Dirs and Files are drawn at random, besides the fixed shapes: names, a
	// deep path, a wide directory, sizes, empty directories. Default 20, 100.
	Dirs, Files int
	Depth       int   // of the deep path; default 30
	Wide        int   // files in the wide directory; default 100
	BlockSize   int64 // of every file; default MiB
	// Plain leaves every attribute but replication and block size as HDFS makes
	// it.
	Plain bool
	// Superuser also sets what only HDFS's superuser may: xattrs in "trusted.".
	Superuser bool
}

func (s Spec) withDefaults() Spec {
	s.Dirs, s.Files = orDefault(s.Dirs, 20), orDefault(s.Files, 100)
	s.Depth, s.Wide = orDefault(s.Depth, 30), orDefault(s.Wide, 100)
	if s.BlockSize == 0 {
		s.BlockSize = MiB
	}
	return s
}

func orDefault(n, def int) int {
	if n > 0 {
		return n
	}
	return def
}

// firstTime is the earliest time a node gets: fixed, so that a spec gives the
// same tree at any time.
var firstTime = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// Generate draws a tree: parents before children, the root first.
func Generate(spec Spec) []Node {
	spec = spec.withDefaults()
	rng := rand.New(rand.NewPCG(spec.Seed, 1))
	g := &generator{spec: spec, rng: rng, names: newNamer(rng, "")}
	g.dir("")
	g.odd()
	g.deep()
	g.wide()
	g.sizes()
	g.empty()
	g.random()
	return g.nodes
}

type generator struct {
	spec  Spec
	rng   *rand.Rand
	names *namer
	nodes []Node
}

func (g *generator) dir(name string) string {
	n := Node{Path: name, Dir: true}
	if !g.spec.Plain {
		n.Attr = drawAttr(g.rng, true, g.spec.Superuser)
	}
	g.nodes = append(g.nodes, n)
	return name
}

func (g *generator) file(name string, size int64) {
	n := Node{Path: name, Content: Piece{Seed: g.rng.Uint64(), Bytes: size}}
	if !g.spec.Plain {
		n.Attr = drawAttr(g.rng, false, g.spec.Superuser)
	}
	n.Attr.BlockSize = g.spec.BlockSize
	if n.Attr.Replication == 0 {
		n.Attr.Replication = 1
	}
	g.nodes = append(g.nodes, n)
}

// odd makes a file and a directory of every odd name.
func (g *generator) odd() {
	files, dirs := g.dir("odd"), g.dir("odd directories")
	for _, name := range append(oddNames(), longName("", 0, false), longName("", 1, true)) {
		g.file(path.Join(files, name), int64(g.rng.IntN(100)))
		g.file(path.Join(g.dir(path.Join(dirs, name)), name), int64(g.rng.IntN(100)))
	}
}

// deep makes one long path, longest names included.
func (g *generator) deep() {
	at := g.dir("deep")
	for i := range g.spec.Depth {
		name := fmt.Sprintf("d%d", i)
		if i%10 == 5 {
			name = longName("", i, i%20 == 5)
		}
		at = g.dir(path.Join(at, name))
		if i%5 == 4 || i == g.spec.Depth-1 {
			g.file(path.Join(at, "f"), int64(g.rng.IntN(1000)))
		}
	}
}

func (g *generator) wide() {
	at := g.dir("wide")
	for i := range g.spec.Wide {
		g.file(path.Join(at, fmt.Sprintf("w%05d", i)), int64(g.rng.IntN(64)))
	}
}

// sizes makes files around every length at which HDFS begins something new: a
// chunk of 512 bytes, a packet of 64 KiB, a block.
func (g *generator) sizes() {
	at, block := g.dir("sizes"), g.spec.BlockSize
	for _, n := range []int64{
		0, 1, 511, 512, 513, 64<<10 - 1, 64 << 10, 64<<10 + 1,
		block - 1, block, block + 1, 2*block + 700, 3 * block,
	} {
		g.file(path.Join(at, fmt.Sprintf("%d bytes", n)), n)
	}
}

func (g *generator) empty() {
	at := g.dir("empty")
	g.dir(path.Join(at, "one"))
	g.dir(path.Join(g.dir(path.Join(at, "two")), "nested"))
}

func (g *generator) random() {
	dirs := []string{g.dir("drawn")}
	for range g.spec.Dirs {
		parent := dirs[g.rng.IntN(len(dirs))]
		dirs = append(dirs, g.dir(path.Join(parent, g.names.next("dir"))))
	}
	for range g.spec.Files {
		parent := dirs[g.rng.IntN(len(dirs))]
		g.file(path.Join(parent, g.names.next("file")), drawSize(g.rng, g.spec.BlockSize))
	}
}

// drawSize gives mostly small sizes, some empty files, some of several blocks.
func drawSize(rng *rand.Rand, block int64) int64 {
	switch p := rng.IntN(100); {
	case p < 15:
		return 0
	case p < 30:
		return 1 + rng.Int64N(100)
	case p < 80:
		return rng.Int64N(16 << 10)
	case p < 96:
		return rng.Int64N(256 << 10)
	default:
		return rng.Int64N(3 * block)
	}
}
