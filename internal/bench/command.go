package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Command is a program of benches: a line of JSON for each figure on stdout, what
// it is doing on stderr.
type Command struct {
	Name    string
	Sandbox string // name of its sandbox in the user's cache directory
	Benches []string
	// Children are the names under which the program runs itself as our side of
	// a pair; Once is what they do.
	Children []string
	Once     func(ctx context.Context, name string, args []string) error
	// Flags, when set, declares flags of its own.
	Flags func(*flag.FlagSet)
	// Setup brings the sandbox in dir up with the data in it.
	Setup func(ctx context.Context, dir string, log func(string)) (Rig, error)
}

// Rig is where benches run.
type Rig interface {
	// Run runs one bench, rounds times ours and each peer in turn, and writes the
	// medians to out.
	Run(ctx context.Context, bench string, rounds int, out io.Writer) error
	// Close releases the connections, Down ends the sandbox; its data stays.
	Close() error
	Down(ctx context.Context) error
}

// Main runs the program and ends the process.
func (c Command) Main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := c.run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, c.Name+":", err)
		os.Exit(1)
	}
}

func (c Command) run(ctx context.Context, args []string) (err error) {
	if len(args) > 0 && slices.Contains(c.Children, args[0]) {
		return c.Once(ctx, args[0], args[1:])
	}
	benches := strings.Join(c.Benches, ", ")
	flags := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	rounds := flags.Int("rounds", 3, "how often each pair runs")
	only := flags.String("only", "", "run only this bench: "+benches)
	dir := flags.String("dir", "", "directory of the benchmarks' own sandbox (default in the user's cache directory)")
	keep := flags.Bool("keep", false, "leave the sandbox up, for a next run")
	if c.Flags != nil {
		c.Flags(flags)
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *only != "" && !slices.Contains(c.Benches, *only) {
		return fmt.Errorf("-only %s: there are %s", *only, benches)
	}
	if *dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		*dir = filepath.Join(cache, "drover", c.Sandbox)
	}
	rig, err := c.Setup(ctx, *dir, func(line string) { fmt.Fprintln(os.Stderr, line) })
	if err != nil {
		return err
	}
	defer func() {
		rig.Close() //nolint:errcheck // nothing was promised about open connections
		if !*keep {
			err = errors.Join(err, rig.Down(context.WithoutCancel(ctx)))
		}
	}()
	for _, name := range c.Benches {
		if *only == "" || *only == name {
			if err := rig.Run(ctx, name, *rounds, os.Stdout); err != nil {
				return err
			}
		}
	}
	return nil
}
