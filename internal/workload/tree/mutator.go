package tree

import (
	"fmt"
	"math/rand/v2"
	"path"
)

// Mutator draws changes to a tree. Two mutators with the same seed on models of
// the same tree draw the same changes.
type Mutator struct {
	model   *Model
	rng     *rand.Rand
	names   *namer
	opts    MutatorOptions
	changes int
	ops     []Op // of the change under way
	as      string
	broken  error
}

// MutatorOptions narrow what a Mutator draws.
type MutatorOptions struct {
	BlockSize int64 // of new files, bytes; default MiB
	// MaxSize bounds new files and what is appended, in bytes; default three
	// blocks.
	MaxSize int64
	// Superuser also changes what only HDFS's superuser may: xattrs in
	// "trusted.".
	Superuser bool
	// FullBlocks has appends fill a file's last block first, never begin a new
	// one: a file with a short block in the middle has another MD5-of-CRC than
	// its copy, at which distcp fails.
	FullBlocks bool
	// PlainNames keeps odd and long names out.
	PlainNames bool
	// Only names the changes to draw from, as Op.As has them; default all.
	Only []string
}

// NewMutator returns a mutator that changes the model with every change it
// draws.
func NewMutator(model *Model, seed uint64, opts MutatorOptions) *Mutator {
	if opts.BlockSize == 0 {
		opts.BlockSize = MiB
	}
	if opts.MaxSize == 0 {
		opts.MaxSize = 3 * opts.BlockSize
	}
	rng := rand.New(rand.NewPCG(seed, 3))
	names := newNamer(rng, fmt.Sprintf("%x-", seed))
	names.plain = opts.PlainNames
	return &Mutator{model: model, rng: rng, names: names, opts: opts}
}

// Draw gives the ops of the next n changes in the order they must be made. The
// model has them when it returns. An error is a flaw of the mutator: it drew
// what its own model refuses.
func (m *Mutator) Draw(n int) ([]Op, error) {
	kinds, total := m.kinds()
	if total == 0 {
		return nil, fmt.Errorf("draw changes: none is called %q", m.opts.Only)
	}
	var out []Op
	for range n {
		m.changes++
		m.ops = nil
		for len(m.ops) == 0 && m.broken == nil {
			k := choose(kinds, m.rng.IntN(total))
			m.as = k.as
			if k.draw(m); len(m.ops) == 0 && len(m.model.files) < 3 {
				// Too little is left for most changes.
				m.as = "create"
				drawCreate(m)
			}
		}
		if m.broken != nil {
			return nil, fmt.Errorf("change %d (%s): %w", m.changes, m.as, m.broken)
		}
		out = append(out, m.ops...)
	}
	return out, nil
}

// change is one kind of change; draw makes no op when the tree has nothing fit.
type change struct {
	as     string
	weight int
	draw   func(*Mutator)
}

func (m *Mutator) kinds() ([]change, int) {
	var out []change
	total := 0
	for _, c := range allChanges() {
		wanted := len(m.opts.Only) == 0
		for _, as := range m.opts.Only {
			wanted = wanted || as == c.as
		}
		if wanted {
			out = append(out, c)
			total += c.weight
		}
	}
	return out, total
}

func choose(kinds []change, n int) change {
	for _, c := range kinds {
		if n -= c.weight; n < 0 {
			return c
		}
	}
	return kinds[len(kinds)-1]
}

// do makes an op part of the change under way.
func (m *Mutator) do(op Op) {
	if m.broken != nil {
		return
	}
	op.Change, op.As = m.changes, m.as
	m.broken = m.model.Apply(op)
	m.ops = append(m.ops, op)
}

func (m *Mutator) rename(from *item, to string) {
	m.do(Op{Kind: Rename, Path: from.path(), To: to})
}

// file draws a file, or nil when there is none. Some of the time it is one
// changed not long ago: changes upon changes are what breaks planners.
func (m *Mutator) file() *item { return m.draw(m.model.files) }

// dir draws a directory other than the root, or nil.
func (m *Mutator) dir() *item { return m.draw(m.model.dirs) }

func (m *Mutator) draw(list []*item) *item {
	if len(list) == 0 {
		return nil
	}
	if recent := min(len(list), 10); m.rng.IntN(4) == 0 {
		return list[len(list)-1-m.rng.IntN(recent)]
	}
	return list[m.rng.IntN(len(list))]
}

// place draws a directory to put something into, the root included, that is not
// below any of the items given.
func (m *Mutator) place(not ...*item) *item {
	for range 20 {
		d := m.dir()
		if d == nil {
			break
		}
		if !belowAny(d, not) && len(d.path()) < 4000 { // of 8,000 HDFS takes
			return d
		}
	}
	return m.model.root
}

func belowAny(i *item, of []*item) bool {
	for _, d := range of {
		if i.below(d) {
			return true
		}
	}
	return false
}

// free draws a path in a directory at which nothing is.
func (m *Mutator) free(parent *item, kind string) string {
	for {
		name := m.names.next(kind)
		if parent.children[name] == nil {
			return path.Join(parent.path(), name)
		}
	}
}

func (m *Mutator) piece(atMost int64) *Piece {
	return &Piece{Seed: m.rng.Uint64(), Bytes: min(drawSize(m.rng, m.opts.BlockSize), atMost)}
}

func (m *Mutator) createAt(name string, replace bool) {
	attr := &Attr{BlockSize: m.opts.BlockSize, Replication: 1}
	m.do(Op{Kind: Create, Path: name, Piece: m.piece(m.opts.MaxSize), Replace: replace, Attr: attr})
}

// Changes lists what the changes a Mutator draws are called, see
// MutatorOptions.Only.
func Changes() []string {
	var out []string
	for _, c := range allChanges() {
		out = append(out, c.as)
	}
	return out
}
