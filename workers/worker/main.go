// Command worker serves drover's task queues: the workflows, the operations at
// the sites of its configuration, and the copies to and from them. Any number
// of workers may serve the same queues; one that dies loses nothing.
//
//	worker --config drover.yaml [--queues runbooks,site-a,copy-a]
//
// It runs until SIGINT or SIGTERM, then lets running activities end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"drover/internal/config"
	"drover/internal/hbase"
	"drover/internal/temporalclient"
	"drover/workers"
)

// dialWait is how long a worker waits for Temporal to come up: they are often
// started together.
const dialWait = 2 * time.Minute

// stopTimeout is what a running activity gets to end. docker-compose.yml allows
// the whole process a minute.
const stopTimeout = 45 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

type options struct {
	config string
	queues []string
	quiet  bool
}

func parse(args []string, talk io.Writer) (options, error) {
	var o options
	var queues string
	fs := flag.NewFlagSet("worker", flag.ContinueOnError)
	fs.SetOutput(talk)
	fs.StringVar(&o.config, "config", "drover.yaml", "the configuration `file`")
	fs.StringVar(&queues, "queues", "", "task queues to serve, comma-separated (default: worker.queues of the configuration, else all of its sites)")
	fs.BoolVar(&o.quiet, "quiet", false, "log warnings and errors only")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q: a worker takes flags only, see --help", fs.Arg(0))
	}
	if queues != "" {
		o.queues = strings.Split(queues, ",")
	}
	return o, nil
}

func run(ctx context.Context, args []string, talk io.Writer) error {
	o, err := parse(args, talk)
	if err != nil {
		return err
	}
	cfg, err := config.Load(o.config)
	if err != nil {
		return err
	}
	log, err := logger(o.quiet)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }() // stderr: nothing is lost that could be told elsewhere
	hbase.SilenceZooKeeper()
	c, at, err := temporalclient.Dial(ctx, temporalclient.Options{Config: cfg.Temporal, Log: log, Wait: dialWait})
	if err != nil {
		return err
	}
	defer c.Close()
	queues := o.queues
	if len(queues) == 0 {
		queues = cfg.WorkerQueues()
	}
	log.Info("worker serves", zap.Strings("queues", queues), zap.String("temporal", at.Address))
	return workers.Run(ctx, c, cfg, workers.Options{Namespace: at.Namespace, Queues: queues, StopTimeout: stopTimeout})
}

func logger(quiet bool) (*zap.Logger, error) {
	c := zap.NewProductionConfig()
	if quiet {
		c.Level = zap.NewAtomicLevelAt(zap.WarnLevel)
	}
	return c.Build()
}
