package diff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"

	"golang.org/x/sync/errgroup"

	"drover/internal/command"
	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/plan"
)

// looksUp bounds the look-ups under way at a time; they share a connection.
const looksUp = 32

// Looker is a NameNode that can be asked for paths.
type Looker interface {
	Snapshots(ctx context.Context, dir string) ([]namenode.Snapshot, error)
	StatLink(ctx context.Context, path string) (namenode.Status, error)
}

// Tool is the command `hdfs snapshotDiff` on some machine.
type Tool struct {
	Host *command.Host
	// Bin is the directory of the command hdfs there; empty means that it is on
	// the account's PATH.
	Bin string
	// Env holds variables for it, such as HADOOP_CONF_DIR.
	Env map[string]string
	// FileSystem is the URI of the HDFS. Without it the command asks
	// fs.defaultFS of its own configuration, whatever the path says.
	FileSystem string
}

// Between returns what the command prints of the tree at root. It is for a
// NameNode that answers none of the calls of package diff's Each, while its
// vendor's own command knows a way. Every change is looked up, see Prove, because
// a text has no quoting.
func (t Tool) Between(ctx context.Context, nn Looker, root, from, to string) (plan.Diff, error) {
	argv := []string{path.Join(t.Bin, "hdfs"), "snapshotDiff", "-fs", t.FileSystem, root, named(from), named(to)}
	// Java writes "?" for what the locale has not.
	env := map[string]string{"LC_ALL": "C.UTF-8", "JAVA_TOOL_OPTIONS": "-Dfile.encoding=UTF-8 -Dstdout.encoding=UTF-8"}
	maps.Copy(env, t.Env)
	got, err := t.Host.Run(ctx, argv, env)
	if err != nil {
		return plan.Diff{}, err
	}
	ran := command.Printable(argv) + " on " + t.Host.Name()
	if got.ExitCode != 0 {
		return plan.Diff{}, fault.As(fault.Unsupported, fmt.Errorf("%s: exit code %d: %s", ran, got.ExitCode, lastLine(got.Stderr)))
	}
	r, err := plan.Parse(bytes.NewReader(got.Stdout))
	switch {
	case err != nil:
		return plan.Diff{}, fault.As(fault.Unsupported, fmt.Errorf("%s: %w", ran, err))
	case !r.Whole || r.Dir != root || r.From != from || r.To != to:
		return plan.Diff{}, fmt.Errorf("%s: the text is not whole, or is of %s from %q to %q: run it by hand and see what it prints", ran, r.Dir, r.From, r.To)
	}
	return Prove(ctx, nn, r)
}

// named is a snapshot as the command takes it; "." is the current tree.
func named(snapshot string) string {
	if snapshot == "" {
		return "."
	}
	return snapshot
}

func lastLine(said []byte) string {
	text := strings.TrimSpace(string(said))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// Prove returns the difference of a text, completed by which snapshot is the
// older, when every change in it is true of the NameNode's snapshots: what it
// says is there is there, by its inode where it says that it is the same. A text
// that leaves changes out is not found out.
func Prove(ctx context.Context, nn Looker, r plan.Report) (plan.Diff, error) {
	d := r.Diff
	if d.From == d.To {
		return d, nil
	}
	var err error
	if d.Backward, err = back(ctx, nn, r.Dir, d.From, d.To); err != nil {
		return plan.Diff{}, err
	}
	claims, err := d.Claims()
	if err != nil {
		return plan.Diff{}, fault.As(fault.Unsupported, err)
	}
	p := prover{nn: nn, before: at(r.Dir, d.From), after: at(r.Dir, d.To)}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(looksUp)
	for i, c := range claims {
		if gctx.Err() != nil {
			break
		}
		group.Go(func() error { return p.look(gctx, d.Changes[i], c) })
	}
	if err := group.Wait(); err != nil {
		return plan.Diff{}, err
	}
	return d, nil
}

// at is the directory as a snapshot keeps it.
func at(root, snapshot string) string {
	if snapshot == "" {
		return root
	}
	return path.Join(root, ".snapshot", snapshot)
}

type prover struct {
	nn            Looker
	before, after string
}

func (p prover) look(ctx context.Context, c plan.Change, claim plan.Claim) error {
	was, err := p.inode(ctx, p.before, claim.Before)
	if err != nil {
		return err
	}
	is, err := p.inode(ctx, p.after, claim.After)
	if err != nil {
		return err
	}
	same := was != 0 && was == is
	var holds bool
	switch claim.Kind {
	case plan.Modified, plan.Renamed:
		holds = same
	case plan.Created:
		holds = is != 0 && !same
	case plan.Deleted:
		holds = was != 0 && !same
	}
	if holds {
		return nil
	}
	return fault.As(fault.Unsupported, fmt.Errorf("the text says %s %q %q, and the snapshots do not: a name may hold a line break, or the text is of other snapshots", c.Kind, c.Path, c.Target))
}

// inode returns the number of what is at a path, 0 for nothing.
func (p prover) inode(ctx context.Context, root, rel string) (uint64, error) {
	name := root
	if rel != "" {
		name += "/" + rel
	}
	s, err := p.nn.StatLink(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, namenode.ErrNotDir):
		return 0, nil
	case err != nil:
		return 0, err
	}
	return s.FileID, nil
}
