package tree

import (
	"context"
	"sync"
)

// page is a part of a directory's entries, in the NameNode's order.
type page struct {
	entries []Entry
	last    string // name of the last one
	more    bool   // entries follow
}

// fetch gets the page of dir's entries behind the name after, "" for the first.
type fetch func(ctx context.Context, dir, after string) (page, error)

// promise is a page that is being fetched.
type promise struct {
	done chan struct{}
	page page
	err  error
}

// frame is a directory the walk is in.
type frame struct {
	dir   string
	page  page
	pos   int              // the entry to come
	ahead int              // the entry up to which directories are being fetched
	kids  map[int]*promise // directories' first pages, by position
	next  *promise         // the page behind this one
}

// walker goes through a tree in a fixed order, however it is cut into pages:
// each directory's entries in the NameNode's order, and behind a directory its content. Pages
// that will be needed next are fetched at the same time. What it holds is a page
// and a few promised ones for each level of the tree.
type walker struct {
	ctx     context.Context
	fetch   fetch
	skip    func(path string) bool
	each    func(Entry) error
	slots   chan struct{}  // bounds the fetches
	fetches sync.WaitGroup // those begun
	stack   []*frame
}

func newWalker(ctx context.Context, f fetch, parallel int, skip func(string) bool, each func(Entry) error) *walker {
	return &walker{ctx: ctx, fetch: f, skip: skip, each: each, slots: make(chan struct{}, parallel)}
}

// start begins to fetch a page.
func (w *walker) start(dir, after string) *promise {
	p := &promise{done: make(chan struct{})}
	w.fetches.Go(func() {
		defer close(p.done)
		select {
		case w.slots <- struct{}{}:
			defer func() { <-w.slots }()
			p.page, p.err = w.fetch(w.ctx, dir, after)
		case <-w.ctx.Done():
			p.err = w.ctx.Err()
		}
	})
	return p
}

func (w *walker) wait(p *promise) (page, error) {
	select {
	case <-p.done:
		return p.page, p.err
	case <-w.ctx.Done():
		return page{}, w.ctx.Err()
	}
}

// under walks what is below dir. When it returns nothing is being fetched any
// more, whatever ended it.
func (w *walker) under(dir string) error {
	whole := w.ctx
	ctx, cancel := context.WithCancel(whole)
	w.ctx = ctx
	defer func() {
		cancel()
		w.fetches.Wait()
		w.ctx, w.stack = whole, nil
	}()
	if err := w.enter(dir, w.start(dir, "")); err != nil {
		return err
	}
	for len(w.stack) > 0 {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if err := w.step(w.stack[len(w.stack)-1]); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) enter(dir string, first *promise) error {
	got, err := w.wait(first)
	if err != nil {
		return err
	}
	w.stack = append(w.stack, &frame{dir: dir, page: got, kids: map[int]*promise{}})
	return nil
}

// step goes on by one entry, one page, or out of the directory.
func (w *walker) step(f *frame) error {
	w.prefetch(f)
	if f.pos == len(f.page.entries) {
		if f.next == nil {
			w.stack = w.stack[:len(w.stack)-1]
			return nil
		}
		got, err := w.wait(f.next)
		if err != nil {
			return err
		}
		*f = frame{dir: f.dir, page: got, kids: f.kids}
		return nil
	}
	at := f.pos
	e := f.page.entries[at]
	f.page.entries[at] = Entry{}
	f.pos++
	if w.skip(e.Path) {
		return nil
	}
	if err := w.each(e); err != nil {
		return err
	}
	kid, ok := f.kids[at]
	if !ok {
		return nil
	}
	delete(f.kids, at)
	return w.enter(e.Path, kid)
}

// prefetch begins to fetch what comes next in f: directories, and at the end of
// the page the page behind it.
func (w *walker) prefetch(f *frame) {
	for f.ahead < len(f.page.entries) && (len(f.kids) < cap(w.slots) || f.ahead <= f.pos) {
		if e := f.page.entries[f.ahead]; e.IsDir() && e.Children != 0 && !w.skip(e.Path) {
			f.kids[f.ahead] = w.start(e.Path, "")
		}
		f.ahead++
	}
	if n := len(f.page.entries); f.next == nil && f.page.more && n > 0 && f.ahead == n {
		f.next = w.start(f.dir, f.page.last)
	}
}
