package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"drover/internal/config"
	"drover/internal/embedded"
	"drover/internal/hbase"
	"drover/internal/temporalclient"
	"drover/workers"
	"drover/workflows"
)

// stopPatience bounds how long dev waits for its server to end.
const stopPatience = 15 * time.Second

// devAnswer is what dev prints once everything runs.
type devAnswer struct {
	Temporal string    `json:"temporal"`
	HTTP     string    `json:"http,omitempty"`
	UI       string    `json:"ui,omitempty"`
	Queues   []string  `json:"queues"`
	Forms    []devForm `json:"forms"`
}

// devForm leads to the UI's start form of one runbook.
type devForm struct {
	Runbook string `json:"runbook"`
	Link    string `json:"link"`
}

func newDevCmd(a *app) *cobra.Command {
	var verbose, buildOnly bool
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "run Temporal, its web UI and a worker here until Ctrl-C",
		Long: exits(`
Run an embedded Temporal server with its web UI, and a worker for all sites of
the configuration, in one terminal until Ctrl-C. The server is built once (2-4
minutes) and keeps its history in a database file, so the next dev goes on where
this one stopped. When TEMPORAL_ADDRESS, a profile or the configuration names a
service, that one is used and only the worker runs here.`, codeOK, codeFailed, codeUsage, codeUnreachable),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if buildOnly {
				return a.buildServer(cmd.Context())
			}
			return a.dev(cmd.Context(), verbose)
		},
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "show the worker's log, not only its warnings")
	cmd.Flags().BoolVar(&buildOnly, "build-only", false, "build the embedded server and stop")
	return cmd
}

func (a *app) buildServer(ctx context.Context) error {
	binary, err := embedded.Build(ctx, embedded.Options{Log: a.log})
	if err != nil {
		return err
	}
	return a.answer(map[string]string{"binary": binary.Path, "version": binary.Version}, func(w io.Writer) error {
		p := &page{w: w}
		p.line("the embedded server %s is built: %s", binary.Version, binary.Path)
		return p.err
	})
}

func (a *app) dev(ctx context.Context, verbose bool) (err error) {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	hbase.SilenceZooKeeper()
	server, err := a.devServer(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopServer(ctx, server)) }()
	c, endpoint, err := temporalclient.Dial(ctx, temporalclient.Options{Config: cfg.Temporal, Log: a.zap(verbose)})
	if err != nil {
		return err
	}
	defer c.Close()
	if err := a.announce(cfg, server, endpoint); err != nil {
		return err
	}
	return a.work(ctx, c, cfg, endpoint)
}

// work runs the worker; an interrupt is how dev is meant to end.
func (a *app) work(ctx context.Context, c client.Client, cfg config.Config, endpoint temporalclient.Endpoint) error {
	err := workers.Run(ctx, c, cfg, workers.Options{Namespace: endpoint.Namespace})
	if ctx.Err() != nil {
		a.say("stopping")
		if errors.Is(err, context.Canceled) {
			return nil
		}
	}
	return err
}

// devServer starts the embedded server unless another service is named. It
// returns nil then.
func (a *app) devServer(ctx context.Context, cfg config.Config) (*embedded.Server, error) {
	wish := embedded.Wish{Address: cfg.Temporal.Address, Profile: cfg.Temporal.Profile}
	if _, named := embedded.Named(os.Getenv, wish); named {
		return nil, nil
	}
	return embedded.Start(ctx, embedded.Options{SearchAttributes: workers.SearchAttributeTypes(), Log: a.log})
}

// stopServer ends what dev started and leaves what it found running.
func stopServer(ctx context.Context, server *embedded.Server) error {
	if server == nil || server.Found {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	return server.Stop(ctx)
}

func (a *app) announce(cfg config.Config, server *embedded.Server, endpoint temporalclient.Endpoint) error {
	answer := devAnswer{Temporal: endpoint.Address, UI: endpoint.UI, Queues: cfg.WorkerQueues()}
	if server != nil {
		answer.HTTP = server.HTTP
	}
	for _, rb := range runbooks() {
		if link := endpoint.StartLink(rb.name, workflows.RunbooksQueue); link != "" {
			answer.Forms = append(answer.Forms, devForm{rb.name, link})
		}
	}
	return a.answer(answer, func(w io.Writer) error {
		p := &page{w: w}
		p.line("Temporal %s (%s), serving %d queues, Ctrl-C ends it", endpoint.Address, endpoint.From, len(answer.Queues))
		p.field("UI", answer.UI)
		p.field("HTTP API", answer.HTTP)
		for _, form := range answer.Forms {
			p.line("  start %s in the UI:\n    %s", form.Runbook, form.Link)
		}
		return p.err
	})
}

// zap writes warnings, or everything, as lines among drover's own talk.
func (a *app) zap(verbose bool) *zap.Logger {
	level := zapcore.WarnLevel
	if verbose {
		level = zapcore.InfoLevel
	}
	encoding := zap.NewDevelopmentEncoderConfig()
	encoding.EncodeTime = zapcore.TimeEncoderOfLayout(time.TimeOnly)
	encoding.CallerKey, encoding.StacktraceKey = zapcore.OmitKey, zapcore.OmitKey
	encoder := zapcore.NewConsoleEncoder(encoding)
	return zap.New(zapcore.NewCore(encoder, zapcore.AddSync(a.err), level))
}
