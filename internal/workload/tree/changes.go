package tree

import (
	"fmt"
	"maps"
	"path"
	"slices"
)

// allChanges lists every kind of change with how often it is drawn.
func allChanges() []change {
	return []change{
		{"create", 12, drawCreate},
		{"create tree", 3, drawTree},
		{"append", 10, drawAppend},
		{"truncate", 4, drawTruncate},
		{"replace", 5, drawReplace},
		{"overwrite", 3, drawOverwrite},
		{"delete file", 6, drawDeleteFile},
		{"delete directory", 2, drawDeleteDir},
		{"file to directory", 2, drawFileToDir},
		{"directory to file", 2, drawDirToFile},
		{"rename file", 6, drawRenameFile},
		{"move file", 6, drawMoveFile},
		{"rename over", 3, drawRenameOver},
		{"rename directory", 5, drawRenameDir},
		{"move directory", 4, drawMoveDir},
		{"swap files", 3, drawSwapFiles},
		{"swap directories", 3, drawSwapDirs},
		{"chain", 3, drawChain},
		{"take the old name", 3, drawOldName},
		{"rename inside a renamed directory", 3, drawInsideRenamed},
		{"turn parent and child", 2, drawInvert},
		{"append and rename", 3, drawAppendRename},
		{"move out", 3, drawMoveOut},
		{"move in", 3, drawMoveIn},
		{"chmod", 5, drawChmod},
		{"chown", 4, drawChown},
		{"acl", 4, drawSetACL},
		{"xattr", 4, drawSetXAttr},
		{"setrep", 3, drawSetRep},
		{"storage policy", 2, drawSetPolicy},
		{"times", 3, drawSetTimes},
	}
}

func drawCreate(m *Mutator) { m.createAt(m.free(m.place(), "file"), false) }

func drawTree(m *Mutator) {
	top := m.free(m.place(), "dir")
	m.do(Op{Kind: Mkdir, Path: top})
	m.createAt(path.Join(top, "a"), false)
	m.do(Op{Kind: Mkdir, Path: path.Join(top, "empty")})
	m.do(Op{Kind: Mkdir, Path: path.Join(top, "sub")})
	m.createAt(path.Join(top, "sub", "b"), false)
}

func drawAppend(m *Mutator) {
	f := m.file()
	if f == nil {
		return
	}
	p := m.piece(m.opts.MaxSize)
	p.Bytes = max(p.Bytes, 1)
	m.do(Op{Kind: Append, Path: f.path(), Piece: p, NewBlock: m.rng.IntN(5) == 0 && !m.opts.FullBlocks})
}

// drawTruncate cuts a file anywhere, at a block's end, or to nothing.
func drawTruncate(m *Mutator) {
	f := m.file()
	if f == nil || sizeOf(f.content) == 0 {
		return
	}
	n := m.rng.Int64N(sizeOf(f.content))
	switch m.rng.IntN(4) {
	case 0:
		n = 0
	case 1:
		n -= n % m.opts.BlockSize
	}
	m.do(Op{Kind: Truncate, Path: f.path(), Size: n})
}

func drawReplace(m *Mutator) {
	if f := m.file(); f != nil {
		name := f.path()
		m.do(Op{Kind: Delete, Path: name})
		m.createAt(name, false)
	}
}

func drawOverwrite(m *Mutator) {
	if f := m.file(); f != nil {
		m.createAt(f.path(), true)
	}
}

func drawDeleteFile(m *Mutator) {
	if f := m.file(); f != nil {
		m.do(Op{Kind: Delete, Path: f.path()})
	}
}

// drawDeleteDir spares directories with much below them, so that the tree does
// not melt away.
func drawDeleteDir(m *Mutator) {
	if d := m.dir(); d != nil && d.count() <= len(m.model.files)/10+2 {
		m.do(Op{Kind: Delete, Path: d.path()})
	}
}

func (i *item) count() int {
	n := 0
	i.each(func(*item) { n++ })
	return n
}

func drawFileToDir(m *Mutator) {
	if f := m.file(); f != nil {
		name := f.path()
		m.do(Op{Kind: Delete, Path: name})
		m.do(Op{Kind: Mkdir, Path: name})
		m.createAt(path.Join(name, "inside"), false)
	}
}

func drawDirToFile(m *Mutator) {
	if d := m.dir(); d != nil && d.count() <= len(m.model.files)/10+2 {
		name := d.path()
		m.do(Op{Kind: Delete, Path: name})
		m.createAt(name, false)
	}
}

func drawRenameFile(m *Mutator) {
	if f := m.file(); f != nil {
		m.rename(f, m.free(f.parent, "file"))
	}
}

func drawMoveFile(m *Mutator) {
	f := m.file()
	if f == nil {
		return
	}
	if to := m.place(); to.children[f.name] == nil {
		m.rename(f, path.Join(to.path(), f.name))
	}
}

func drawRenameOver(m *Mutator) {
	if f, g := m.file(), m.file(); f != g {
		m.do(Op{Kind: Rename, Path: f.path(), To: g.path(), Replace: true})
	}
}

func drawRenameDir(m *Mutator) {
	if d := m.dir(); d != nil {
		m.rename(d, m.free(d.parent, "dir"))
	}
}

func drawMoveDir(m *Mutator) {
	if d := m.dir(); d != nil {
		m.rename(d, m.free(m.place(d), "dir"))
	}
}

// swap exchanges two items of which none is below the other.
func (m *Mutator) swap(a, b *item) {
	if a == nil || b == nil || a == b || a.below(b) || b.below(a) {
		return
	}
	nameA, nameB := a.path(), b.path()
	m.rename(a, m.free(m.model.root, "aside"))
	m.rename(b, nameA)
	m.rename(a, nameB)
}

func drawSwapFiles(m *Mutator) { m.swap(m.file(), m.file()) }
func drawSwapDirs(m *Mutator)  { m.swap(m.dir(), m.dir()) }

// drawChain moves up to four files each to the next one's name, as log rotation
// does.
func drawChain(m *Mutator) {
	f := m.file()
	if f == nil {
		return
	}
	to := m.free(f.parent, "file")
	for range 2 + m.rng.IntN(3) {
		from := f.path()
		m.rename(f, to)
		to = from
		if f = m.file(); f == nil || f.path() == to {
			return
		}
	}
}

// drawOldName renames a file or directory and puts a new one at its old name.
func drawOldName(m *Mutator) {
	if d := m.dir(); d != nil && m.rng.IntN(2) == 0 {
		name := d.path()
		m.rename(d, m.free(d.parent, "dir"))
		m.do(Op{Kind: Mkdir, Path: name})
		m.createAt(path.Join(name, "new"), false)
		return
	}
	if f := m.file(); f != nil {
		name := f.path()
		m.rename(f, m.free(f.parent, "file"))
		m.createAt(name, false)
	}
}

// drawInsideRenamed renames a directory, then things below it, one of them out.
func drawInsideRenamed(m *Mutator) {
	f := m.file()
	if f == nil || f.parent == m.model.root {
		return
	}
	m.rename(f.parent, m.free(m.place(f.parent), "dir"))
	m.rename(f, m.free(f.parent, "file"))
	if g := m.file(); g != nil && g != f {
		m.rename(g, m.free(f.parent, "file"))
	}
	if m.rng.IntN(2) == 0 {
		m.rename(f, m.free(m.place(), "file"))
	}
}

// drawInvert puts a directory's parent into the directory.
func drawInvert(m *Mutator) {
	d := m.dir()
	if d == nil || d.parent == m.model.root {
		return
	}
	parent := d.parent
	name := parent.path()
	m.rename(d, m.free(m.model.root, "aside"))
	m.rename(parent, path.Join(d.path(), fmt.Sprintf("parent %d", m.changes)))
	m.rename(d, name)
}

func drawAppendRename(m *Mutator) {
	drawAppend(m)
	if len(m.ops) == 0 {
		return
	}
	if f := m.model.find(m.ops[0].Path); f != nil {
		m.rename(f, m.free(m.place(), "file"))
	}
}

func drawMoveOut(m *Mutator) {
	i := m.file()
	if d := m.dir(); d != nil && m.rng.IntN(3) == 0 && d.count() <= len(m.model.files)/10+2 {
		i = d
	}
	if i != nil {
		m.do(Op{Kind: MoveOut, Path: i.path(), To: fmt.Sprintf("out-%s%d", m.names.tag, m.changes)})
	}
}

func drawMoveIn(m *Mutator) {
	if len(m.model.outside) == 0 {
		return
	}
	i := pick(m.rng, m.model.outside)
	m.do(Op{Kind: MoveIn, Path: i.name, To: m.free(m.place(), "back")})
}

// either draws a file or, less often, a directory; nil when there is neither.
func (m *Mutator) either() *item {
	if d := m.dir(); d != nil && m.rng.IntN(4) == 0 {
		return d
	}
	return m.file()
}

// set changes an attribute of a file or directory.
func (m *Mutator) set(kind Kind, attr func(i *item) Attr) {
	if i := m.either(); i != nil {
		a := attr(i)
		m.do(Op{Kind: kind, Path: i.path(), Attr: &a})
	}
}

func drawChmod(m *Mutator) {
	m.set(SetMode, func(i *item) Attr { return Attr{Mode: drawMode(m.rng, i.dir)} })
}

func drawChown(m *Mutator) {
	m.set(SetOwner, func(*item) Attr { return Attr{Owner: pick(m.rng, owners()), Group: pick(m.rng, groups())} })
}

// drawSetACL sets an ACL, or removes one that is there.
func drawSetACL(m *Mutator) {
	m.set(SetACL, func(i *item) Attr {
		if len(i.attr.ACL) > 0 && m.rng.IntN(2) == 0 {
			return Attr{}
		}
		return Attr{ACL: drawACL(m.rng, i.dir)}
	})
}

func drawSetXAttr(m *Mutator) {
	i := m.either()
	if i == nil {
		return
	}
	if len(i.attr.XAttrs) > 0 && m.rng.IntN(2) == 0 {
		name := firstName(i.attr.XAttrs)
		m.do(Op{Kind: DropXAttr, Path: i.path(), Attr: &Attr{XAttrs: map[string][]byte{name: nil}}})
		return
	}
	name, value := drawXAttr(m.rng, m.opts.Superuser)
	m.do(Op{Kind: SetXAttr, Path: i.path(), Attr: &Attr{XAttrs: map[string][]byte{name: value}}})
}

func drawSetRep(m *Mutator) {
	if f := m.file(); f != nil {
		m.do(Op{Kind: SetRep, Path: f.path(), Attr: &Attr{Replication: 1 + m.rng.IntN(3)}})
	}
}

func drawSetPolicy(m *Mutator) {
	m.set(SetPolicy, func(*item) Attr { return Attr{Policy: pick(m.rng, policies())} })
}

func drawSetTimes(m *Mutator) {
	m.set(SetTimes, func(i *item) Attr {
		a := Attr{ModTime: drawTime(m.rng)}
		if !i.dir {
			a.AccessTime = drawTime(m.rng)
		}
		return a
	})
}

// firstName is the first in order, so that a draw does not depend on a map's.
func firstName(xattrs map[string][]byte) string { return slices.Sorted(maps.Keys(xattrs))[0] }
