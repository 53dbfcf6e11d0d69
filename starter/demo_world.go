package main

import (
	"context"
	"errors"
	"os"
	"time"

	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"drover/internal/config"
	"drover/internal/embedded"
	"drover/internal/hbase"
	"drover/internal/hbase/rows"
	"drover/internal/sandbox"
	"drover/internal/temporalclient"
	"drover/workers"
)

// world is what the demo runs in: a Temporal service, two clusters, a worker.
type world struct {
	app      *app
	server   *embedded.Server // nil when the environment names a service
	box      *sandbox.Sandbox
	boxFound bool // it ran before: leave it running
	cfg      config.Config
	client   client.Client
	endpoint temporalclient.Endpoint

	source, target         *hbase.Cluster
	sourceRows, targetRows *rows.Client

	stopWorker func()
	worker     chan error
}

// closeTimeout bounds the clean-up, which also runs after Ctrl-C.
const closeTimeout = time.Minute

func (a *app) openWorld(ctx context.Context, o demoOptions) (_ *world, err error) {
	hbase.SilenceZooKeeper()
	w := &world{app: a}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close(false))
		}
	}()
	// A first run compiles one and downloads the other: side by side.
	g, starting := errgroup.WithContext(ctx)
	g.Go(func() error { return w.startTemporal(starting, o) })
	g.Go(func() error { return w.startClusters(starting, o) })
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
	if err := w.openClusters(); err != nil {
		return w, err
	}
	w.startWorker()
	return w, nil
}

// named reports whether the environment names a Temporal service.
func named() bool {
	return os.Getenv("TEMPORAL_ADDRESS") != "" || os.Getenv("TEMPORAL_PROFILE") != ""
}

func (w *world) startTemporal(ctx context.Context, o demoOptions) error {
	if named() {
		return nil
	}
	attributes := map[string]string{}
	for _, name := range workers.SearchAttributes() {
		attributes[name] = "Keyword"
	}
	var err error
	w.server, err = embedded.Start(ctx, embedded.Options{Detached: o.keep, SearchAttributes: attributes, Log: w.app.log})
	return err
}

func (w *world) startClusters(ctx context.Context, o demoOptions) error {
	if found, err := sandbox.Open(o.dir); err == nil {
		daemons, err := found.Status(ctx)
		if err != nil {
			return err
		}
		for _, d := range daemons {
			w.boxFound = w.boxFound || d.Running
		}
	}
	var err error
	w.box, err = sandbox.Up(ctx, sandbox.Options{Dir: o.dir, Log: w.app.log})
	return err
}

func (w *world) openClusters() (err error) {
	a, b := w.cfg.Sites["a"].HBase, w.cfg.Sites["b"].HBase
	source := hbase.Config{Quorum: a.Quorum, ZNodeParent: a.ZNodeParent, RootDir: a.RootDir, User: a.User}
	target := hbase.Config{Quorum: b.Quorum, ZNodeParent: b.ZNodeParent, RootDir: b.RootDir, User: b.User}
	if w.source, err = hbase.Open(source); err != nil {
		return err
	}
	if w.target, err = hbase.Open(target); err != nil {
		return err
	}
	if w.sourceRows, err = rows.Open(source); err != nil {
		return err
	}
	w.targetRows, err = rows.Open(target)
	return err
}

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
	for _, c := range []*rows.Client{w.sourceRows, w.targetRows} {
		if c != nil {
			c.Close()
		}
	}
	for _, c := range []*hbase.Cluster{w.source, w.target} {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
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

func (w *world) tellKept() {
	w.app.say("the clusters run on: \"drover sandbox status\", and \"drover sandbox down\" ends them")
	w.app.say("Temporal runs on at %s; \"drover dev --config %s\" serves it again with a worker", w.endpoint.Address, w.box.ConfigPath())
}
