package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"drover/internal/config"
	"drover/internal/embedded"
	"drover/internal/hbase"
	"drover/internal/sandbox"
	"drover/internal/temporalclient"
	"drover/workers"
)

// world is what a demo runs in: a Temporal service, two clusters, a worker.
type world struct {
	app      *app
	began    time.Time
	server   *embedded.Server // nil when the environment names a service
	box      *sandbox.Sandbox
	boxFound bool // it ran before: leave it running
	cfg      config.Config
	client   client.Client
	endpoint temporalclient.Endpoint

	teller *teller        // while a run is followed
	ends   []func() error // what a story opened, to be closed after the worker

	stopWorker func()
	worker     chan error
}

// closeTimeout bounds the clean-up, which also runs after Ctrl-C.
const closeTimeout = time.Minute

// openWorld starts what does not run yet. How long that takes only those who
// wait for it know, and they say so.
func (a *app) openWorld(ctx context.Context, o demoOptions, box sandbox.Options) (_ *world, err error) {
	hbase.SilenceZooKeeper()
	clusters := "two HBase clusters on two HDFS clusters"
	if box.OnlyHDFS {
		clusters = "two HDFS clusters"
	}
	a.say("starting %s, Temporal and a worker on this machine: under a minute where they ran before, several minutes of downloading and compiling where they never did", clusters)
	w := &world{app: a, began: time.Now()}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close(false))
		}
	}()
	// A first run compiles one and downloads the other: side by side.
	g, starting := errgroup.WithContext(ctx)
	g.Go(func() error { return w.startTemporal(starting, o) })
	g.Go(func() error { return w.startClusters(starting, box) })
	if err := g.Wait(); err != nil {
		return w, err
	}
	if w.cfg, err = config.Load(w.box.ConfigPath()); err != nil {
		return w, err
	}
	temporal := w.cfg.Temporal
	if w.server != nil {
		temporal.Address = w.server.GRPC
	}
	if w.client, w.endpoint, err = temporalclient.Dial(ctx, temporalclient.Options{Config: temporal, Wait: time.Minute}); err != nil {
		return w, err
	}
	if w.server != nil {
		w.endpoint.UI = w.server.UI
		a.say("web UI: %s", w.server.UI)
	}
	w.startWorker()
	return w, nil
}

// named reports whether the environment names a Temporal service.
func named() bool {
	_, yes := embedded.Named(os.Getenv, embedded.Wish{})
	return yes
}

func (w *world) startTemporal(ctx context.Context, o demoOptions) error {
	if named() {
		return nil
	}
	var err error
	w.server, err = embedded.Start(ctx, embedded.Options{Detached: o.keep, SearchAttributes: workers.SearchAttributeTypes(), Log: w.app.log})
	return err
}

func (w *world) startClusters(ctx context.Context, o sandbox.Options) error {
	if found, err := sandbox.Open(o.Dir); err == nil {
		daemons, err := found.Status(ctx)
		if err != nil {
			return err
		}
		for _, d := range daemons {
			w.boxFound = w.boxFound || d.Running
		}
	}
	var err error
	w.box, err = sandbox.Up(ctx, o)
	return err
}

// atEnd has something closed with the world.
func (w *world) atEnd(end func() error) { w.ends = append(w.ends, end) }

func (w *world) startWorker() {
	ctx, stop := context.WithCancel(context.Background()) // outlives Ctrl-C until close
	w.stopWorker, w.worker = stop, make(chan error, 1)
	go func() {
		w.worker <- workers.Run(ctx, w.client, w.cfg, workers.Options{Namespace: w.endpoint.Namespace, StopTimeout: 5 * time.Second})
	}()
}

// workerEnded gives the worker's error when it ended by itself.
func (w *world) workerEnded() error {
	select {
	case err := <-w.worker:
		w.worker <- err
		return errors.Join(errors.New("the demo's worker ended"), err)
	default:
		return nil
	}
}

// close ends what the demo started. Kept, the services go on; the worker ends
// with the process in any case.
func (w *world) close(keep bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout) // Ctrl-C must not leave processes behind
	defer cancel()
	var err error
	if w.stopWorker != nil {
		w.stopWorker()
		err = <-w.worker
	}
	for _, end := range slices.Backward(w.ends) {
		err = errors.Join(err, end())
	}
	if w.client != nil {
		w.client.Close()
	}
	if keep {
		return err
	}
	if w.server != nil && !w.server.Found {
		err = errors.Join(err, w.server.Stop(ctx))
	}
	if w.box != nil && !w.boxFound {
		w.app.say("stopping the clusters")
		err = errors.Join(err, w.box.Down(ctx))
	}
	return err
}

// lookEvery is how often a demo asks where its run is. Around the switch it
// decides how late the writer learns of the target.
const lookEvery = 100 * time.Millisecond

// follow goes with a run to its end: it tells what changes, and lets the story
// act on every look.
func (w *world) follow(ctx context.Context, id string, act func(context.Context, view) error) (view, error) {
	s := session{client: w.client, endpoint: w.endpoint}
	t := w.app.newTeller(ctx)
	switch { // a demo is never silent; with --json it tells its story on stderr
	case w.app.json && t.bars != nil:
		t.lines = t.bars
	case w.app.json:
		t.lines = w.app.err
	}
	w.teller = t
	defer func() {
		w.teller = nil
		t.close()
	}()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		v, err := w.app.look(ctx, s, id)
		if err != nil || v.closed() {
			return v, err
		}
		if err := errors.Join(t.tell(v), w.workerEnded()); err != nil {
			return v, err
		}
		if err := act(ctx, v); err != nil {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// say is the app's, above the bars while there are any: they would wipe the
// line out.
func (w *world) say(format string, args ...any) {
	if w.teller == nil || w.teller.bars == nil {
		w.app.say(format, args...)
		return
	}
	_, _ = fmt.Fprintf(w.teller.bars, "drover: "+format+"\n", args...) // talk, as there
}

// resultOf reads how a run ended. One that did not complete is an error; what
// blocked it is shown.
func (w *world) resultOf(v view, result any) error {
	if err := v.ended(); err != nil {
		p := &page{w: w.app.err}
		if len(v.Status.Findings) > 0 {
			showFindings(p, v.Status.Findings)
		}
		return errors.Join(err, p.err)
	}
	if err := json.Unmarshal(v.result, result); err != nil {
		return fmt.Errorf("read the result of %s: %w", v.WorkflowID, err)
	}
	return nil
}

// tell sends an update to a story's run.
func (w *world) tell(ctx context.Context, v view, update, updateID string, arg any) error {
	_, err := w.app.ask(ctx, session{client: w.client, endpoint: w.endpoint}, v, update, updateID, arg)
	return err
}

// ledger makes a place for a writer's ledger, and removes it with the world
// unless that is kept.
func (w *world) ledger(keep bool) (string, error) {
	dir, err := os.MkdirTemp("", "drover-demo-")
	if err != nil {
		return "", fmt.Errorf("make a directory for the ledger: %w", err)
	}
	if !keep {
		w.atEnd(func() error { return os.RemoveAll(dir) })
	}
	return filepath.Join(dir, "ledger"), nil
}

func (w *world) tellKept() {
	w.app.say("the clusters run on: \"drover sandbox status\", and \"drover sandbox down\" ends them")
	w.app.say("Temporal runs on at %s; \"drover dev --config %s\" serves it again with a worker", w.endpoint.Address, w.box.ConfigPath())
}
