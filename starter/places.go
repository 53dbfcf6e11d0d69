package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"drover/internal/config"
	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/tree"
	"drover/internal/storage/open"
)

// locations is the part of a verb's help that says what a location is.
const locations = `
A location is site:/path for a site of the configuration,
hdfs://namenode:8020/path, hdfs://nameservice/path for a nameservice that the
Hadoop files of a site know, s3://bucket/path or oss://bucket/path for a bucket
that a site of the configuration is, or a path of this machine. On HDFS drover is the
site's user, else $HADOOP_USER_NAME, else the user of the process. A path may
lead into a snapshot: site:/path/.snapshot/name.`

// answerWithin bounds the search for a NameNode that serves: somebody waits at
// the command line.
const answerWithin = 20 * time.Second

// place is an opened location.
type place struct {
	config.Location
	store open.Store
	nn    *namenode.Client // nil where there is none
}

// places opens what the arguments name. No configuration is needed for those
// that are not a site's. Close all of them after use.
func (a *app) places(texts ...string) (opened []place, err error) {
	cfg, err := a.optionalConfig()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closePlaces(opened))
		}
	}()
	for _, text := range texts {
		p := place{}
		if p.Location, err = cfg.Locate(text); err != nil {
			return opened, err
		}
		if p.store, err = open.At(p.Location); err != nil {
			return opened, err
		}
		opened = append(opened, p)
		if len(p.NameNodes) == 0 {
			continue
		}
		last := &opened[len(opened)-1]
		if last.nn, err = namenode.Open(namenode.Config{Addresses: p.NameNodes, User: p.User, FailoverTimeout: answerWithin}); err != nil {
			return opened, err
		}
	}
	return opened, nil
}

func closePlaces(opened []place) error {
	var err error
	for _, p := range opened {
		err = errors.Join(err, p.store.Close())
		if p.nn != nil {
			err = errors.Join(err, p.nn.Close())
		}
	}
	return err
}

// reach asks every NameNode for the location on it, so that one that is away, or
// a path that is not there, is told at once and as what it is.
func reach(ctx context.Context, opened []place) error {
	for _, p := range opened {
		if p.nn == nil {
			continue
		}
		if _, err := p.nn.Stat(ctx, p.Path); err != nil {
			return fmt.Errorf("location %s: %w", p, err)
		}
	}
	return nil
}

func (p place) tree() tree.Tree {
	return tree.Tree{NN: p.nn, Store: p.store, Root: p.Path, DataNodesByName: p.DataNodesByName}
}

// placed gives an error of a store the kind that decides the exit code, where
// nobody below knew it.
func placed(err error) error {
	var op *net.OpError
	switch {
	case err == nil, fault.KindOf(err) != fault.Unknown:
		return err
	case errors.Is(err, fs.ErrNotExist):
		return fault.As(fault.NotFound, err)
	case errors.Is(err, fs.ErrPermission):
		return fault.As(fault.Denied, err)
	case errors.As(err, &op), errors.Is(err, os.ErrDeadlineExceeded):
		return fault.As(fault.Unavailable, err)
	}
	return err
}

// someArgs wants at least least arguments and at most most; 0 is no bound.
func someArgs(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage("%s needs %s", cmd.CommandPath(), what).try(cmd.CommandPath() + " --help")
		case most > 0 && len(args) > most:
			return usage("%s takes %s only, got also %q", cmd.CommandPath(), what, args[most]).try(cmd.CommandPath() + " --help")
		}
		return nil
	}
}

// meter shows how far something is that nobody knows the length of: a line that
// moves on a terminal, plain lines now and then elsewhere.
type meter struct {
	app   *app
	lines io.Writer     // for answers meanwhile: above the moving line
	bars  *mpb.Progress // nil where there is no terminal
	bar   *mpb.Bar
	text  atomic.Value
	at    time.Time
}

func (a *app) newMeter(ctx context.Context) *meter {
	m := &meter{app: a, lines: a.out, at: time.Now()}
	m.text.Store("")
	if w, ok := a.err.(*lineWriter); ok && a.onTerminal() {
		m.bars = mpb.NewWithContext(ctx, mpb.WithOutput(w.to))
		m.bar = m.bars.New(0, mpb.SpinnerStyle(), mpb.BarWidth(2), mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
			text, _ := m.text.Load().(string)
			return text
		})))
		if isTerminal(a.out) {
			m.lines = m.bars
		}
	}
	return m
}

// show is called from one goroutine at a time. The text is made only when it is
// due: there may be a million calls.
func (m *meter) show(text func() string) {
	every := plainEvery
	if m.bars != nil {
		every = barEvery
	}
	if time.Since(m.at) < every {
		return
	}
	m.at = time.Now()
	if m.bars == nil {
		m.app.say("%s", text())
		return
	}
	m.text.Store(text())
}

// barEvery bounds how often the text of a bar is made anew.
const barEvery = 100 * time.Millisecond

func (m *meter) close() {
	if m.bars != nil {
		m.bar.Abort(true)
		m.bars.Wait()
	}
}
