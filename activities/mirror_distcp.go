package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"

	"drover/internal/command"
	"drover/internal/config"
	"drover/internal/distcp"
	"drover/internal/fault"
	"drover/internal/preflight"
)

// distcpJobs begins the names of a run's jobs on the machine of the commands, as
// it begins those of its snapshots.
func distcpJobs(in MirrorDistcpInput) string { return "drover-" + in.RunKey + "-" }

// commandHost finds the machine the commands run on in the configuration.
func (a *Mirror) commandHost(in MirrorDistcpInput) (config.Hadoop, error) {
	cfg := a.sites.cfg
	switch in.Engine.At {
	case "", "target":
		return cfg.Sites[in.Target].Hadoop, nil
	case "source":
		return cfg.Sites[in.Source].Hadoop, nil
	}
	h, ok := cfg.CommandHosts[in.Engine.At]
	if !ok {
		return h, fault.As(fault.InvalidInput, fmt.Errorf("engine.at %q is neither source nor target, and this worker's configuration has no commandHosts.%s", in.Engine.At, in.Engine.At))
	}
	return h, nil
}

// distcp makes the engine of a mirror and says what it copies.
func (a *Mirror) distcp(in MirrorDistcpInput) (distcp.Engine, distcp.Copy, error) {
	if _, _, err := a.trees(in.MirrorAt); err != nil {
		return distcp.Engine{}, distcp.Copy{}, err
	}
	h, err := a.commandHost(in)
	if err != nil {
		return distcp.Engine{}, distcp.Copy{}, err
	}
	host, err := a.commands(h)
	source, target := a.sites.cfg.Sites[in.Source].HDFS, a.sites.cfg.Sites[in.Target].HDFS
	env := map[string]string{"HADOOP_USER_NAME": target.User}
	maps.Copy(env, h.Env)
	return distcp.Engine{Host: host, Bin: h.Bin, Env: env}, distcp.Copy{
		Source: source.URI + in.SourcePath, Target: target.URI + in.TargetPath,
		Queue: in.Engine.Queue, Maps: in.Engine.Maps, Bandwidth: in.Engine.BandwidthMB, Preserve: preserved(in.Without),
	}, err
}

// preserved is what a mirror keeps in the letters of -p: all but e, because
// erasure-coded trees are refused. Times are kept in any case: by them drover
// knows a file that is complete.
func preserved(without []string) string {
	var dropped string
	for _, w := range without {
		dropped += map[string]string{"owner": "ug", "acl": "a", "xattr": "x"}[w]
	}
	return strings.Map(func(letter rune) rune {
		if strings.ContainsRune(dropped, letter) {
			return -1
		}
		return letter
	}, "rbugpcaxt")
}

// PreflightMirrorDistcp looks at the machine the commands run on, and from there
// at both clusters. It changes nothing.
func (a *Mirror) PreflightMirrorDistcp(ctx context.Context, in MirrorDistcpInput) (DistcpPreflightResult, error) {
	defer beat(ctx).end()
	var out DistcpPreflightResult
	if !a.sites.keepsSnapshots(in.Target) {
		out.Findings = []preflight.Finding{{
			ID: distcp.FindingScheme, Severity: preflight.Block, Subject: in.TargetPath + " at " + in.Target,
			Seen: "the target is no HDFS, and distcp -diff follows snapshots from one HDFS to another", Do: "leave engine out: drover's own copy goes there",
		}}
		return out, nil
	}
	e, c, err := a.distcp(in)
	if err != nil {
		out.Findings = []preflight.Finding{{
			ID: distcp.FindingHost, Severity: preflight.Block, Subject: "engine.at " + in.Engine.At, Seen: err.Error(),
			Do: "correct engine.at, or the worker's configuration",
		}}
		return out, nil //nolint:nilerr // preflight reports it
	}
	out.Commands = commandsOf(e, c, in)
	var named []string
	if in.From != "" {
		named = append(named, in.From)
	}
	out.Findings = distcp.Check(c, named...)
	if len(out.Findings) == 0 {
		// The target's parent: a baseline makes the target itself.
		target := strings.TrimSuffix(c.Target, in.TargetPath) + path.Dir(in.TargetPath)
		out.Findings = e.CheckReach(ctx, c.Source, target)
	}
	return out, nil
}

// commandsOf tells what the run is going to start.
func commandsOf(e distcp.Engine, c distcp.Copy, in MirrorDistcpInput) DistcpCommands {
	out := DistcpCommands{Host: e.Host.Name(), Round: e.Command(distcp.Round(c, cmp.Or(in.From, in.Snapshot), in.Snapshot))}
	if in.From == "" {
		out.Baseline = e.Command(distcp.Baseline(c, in.Snapshot))
	}
	return out
}

// RunMirrorDistcp runs a command and waits for its end, or goes on waiting for
// the one that an earlier worker started. The command outlives the worker; it
// ends when the activity is cancelled.
func (a *Mirror) RunMirrorDistcp(ctx context.Context, in MirrorDistcpInput) (MirrorDistcpResult, error) {
	p := beat(ctx)
	defer p.end()
	e, c, err := a.distcp(in)
	if err != nil {
		return MirrorDistcpResult{}, err
	}
	name := fmt.Sprintf("%s-%d", in.Snapshot, in.Attempt)
	out, err := a.runDistcp(ctx, e, c, in, name, p)
	if err != nil && temporal.IsCanceledError(context.Cause(ctx)) {
		// Not when a worker stops, or lost its server: another goes on waiting.
		ending, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer stop()
		err = errors.Join(context.Cause(ctx), e.Cancel(ending, name))
	}
	return out, err
}

func (a *Mirror) runDistcp(ctx context.Context, e distcp.Engine, c distcp.Copy, in MirrorDistcpInput, name string, p *pulse) (MirrorDistcpResult, error) {
	argv, err := a.distcpCommand(ctx, e, c, in, name)
	if err == nil {
		err = forgetJobs(ctx, e, distcpJobs(in), name)
	}
	if err != nil {
		return MirrorDistcpResult{}, err
	}
	out := MirrorDistcpResult{Host: e.Host.Name(), Command: command.Printable(e.Command(argv))}
	done, err := e.Run(ctx, name, argv, func(now distcp.Progress) {
		p.show(Progress{Name: strings.TrimSpace("distcp " + now.JobID), Done: int64(max(now.MapPercent, 0)), Total: 100, Unit: "% of the maps"})
	})
	var failed *distcp.Failure
	if errors.As(err, &failed) {
		out.JobID = failed.JobID
		out.Failure = &DistcpFailure{ID: failed.ID, Kind: failed.Kind, Happened: failed.Happened(), Do: failed.Do, Touched: failed.TargetTouched}
		// What a lost client left on YARN would write beside the next attempt.
		return out, e.Cancel(ctx, name)
	}
	if err != nil {
		return out, err
	}
	out.JobID, out.Seconds = done.JobID, int64(done.EndedAt.Sub(done.StartedAt).Seconds())
	out.Copied = MirrorCopied{Copied: done.Counters.FilesCopied, Bytes: done.Counters.BytesCopied}
	if in.From == "" { // those of a round are looked at once more, and counted then
		out.Copied.Adopted = done.Counters.FilesSkipped
		out.Copied.Files = out.Copied.Copied + out.Copied.Adopted
	}
	return out, nil
}

// distcpCommand chooses the command. A plain baseline into a directory that is
// there would nest the tree in it.
func (a *Mirror) distcpCommand(ctx context.Context, e distcp.Engine, c distcp.Copy, in MirrorDistcpInput, name string) ([]string, error) {
	switch {
	case in.From != "":
		return distcp.Round(c, in.From, in.Snapshot), nil
	case in.Attempt > 0:
		return distcp.ResumeBaseline(c, in.Snapshot), nil
	}
	state, err := e.Host.Look(ctx, name)
	if err != nil || state.Phase != command.Absent {
		return distcp.Baseline(c, in.Snapshot), err
	}
	_, target, err := a.trees(in.MirrorAt)
	if err != nil {
		return nil, err
	}
	switch _, err := target.NN.StatLink(ctx, target.Root); {
	case err == nil:
		return nil, fault.As(fault.Conflict, fmt.Errorf("baseline: %s at %s is there since the preflight, and distcp would copy into %s: find out who made it, remove it and start again",
			target.Root, in.Target, path.Join(target.Root, in.Snapshot)))
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return distcp.Baseline(c, in.Snapshot), nil
}

// forgetJobs removes what is left of a run's former commands. The newest stays,
// with all that it said.
func forgetJobs(ctx context.Context, e distcp.Engine, prefix, but string) error {
	names, err := e.Host.Jobs(ctx, prefix)
	if err != nil {
		return err
	}
	for _, name := range slices.DeleteFunc(names, func(n string) bool { return n == but }) {
		if err := e.Host.Forget(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// EndMirrorDistcp ends the run's command if one is left running: the worker that
// waited for it may be gone.
func (a *Mirror) EndMirrorDistcp(ctx context.Context, in MirrorDistcpInput) (string, error) {
	defer beat(ctx).end()
	e, _, err := a.distcp(in)
	if err != nil {
		return "", err
	}
	names, err := e.Host.Jobs(ctx, distcpJobs(in))
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if err := e.Cancel(ctx, name); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("no distcp of this run runs on %s", e.Host.Name()), forgetJobs(ctx, e, distcpJobs(in), "")
}
