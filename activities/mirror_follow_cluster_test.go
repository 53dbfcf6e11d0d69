//go:build cluster

package activities_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"drover/activities"
	"drover/internal/config"
	"drover/internal/fault"
	"drover/internal/report"
)

// follower drives the activities of a mirror in the order of the workflow, but
// without Temporal. It needs no test: a process that is to be killed has none.
type follower struct {
	acts *activities.Mirror
	at   activities.MirrorAt
	// history stands in for Temporal's: what is in it is not done again.
	history history
	// failed, when not nil, is told of every activity that fails and is tried
	// again, as Temporal does with what is not permanent.
	failed func(step string, err error)
	// began, when not nil, is told of every activity before it is first tried.
	began func(step string)
	// bytesPerSecond slows copies down; 0 does not. parallel is how many files
	// are copied at a time; 0 is the default.
	bytesPerSecond int64
	parallel       int
}

// order is all that a follower is made of.
type order struct {
	NameNodes map[string][]string // by site
	Users     map[string]string   // by site
	StateDir  string
	At        activities.MirrorAt
	History   string // file
	// From and To are the round of a process of its own.
	From, To string
	// Part is the part of a baseline that a process of its own copies.
	Part *activities.MirrorCopyInput
}

// follow makes a follower, and what closes its connections.
func follow(o order) (*follower, func() error, error) {
	cfg := config.Config{Sites: map[string]config.Site{}, Worker: config.Worker{StateDir: o.StateDir}}
	for name, addresses := range o.NameNodes {
		cfg.Sites[name] = config.Site{HDFS: config.HDFS{NameNodes: addresses, User: o.Users[name]}}
	}
	sites := activities.NewSites(cfg)
	h, err := openHistory(o.History)
	return &follower{acts: activities.NewMirror(sites), at: o.At, history: h}, sites.Close, err
}

// history remembers the results of activities in a file.
type history struct {
	file string
	done map[string]json.RawMessage
}

func openHistory(file string) (history, error) {
	h := history{file: file, done: map[string]json.RawMessage{}}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &h.done)
	}
	return h, err
}

func (h history) remember(step string, result any) error {
	text, err := json.Marshal(result)
	if err != nil {
		return err
	}
	h.done[step] = text
	all, err := json.Marshal(h.done)
	if err != nil {
		return err
	}
	if err := os.WriteFile(h.file+".new", all, 0o644); err != nil {
		return err
	}
	return os.Rename(h.file+".new", h.file)
}

// retryAfter is the wait before an activity is tried again; Temporal's would be
// a second at first.
const retryAfter = 200 * time.Millisecond

// once runs an activity that no process before this one has ended.
func once[In, Out any](ctx context.Context, f *follower, step string, act func(context.Context, In) (Out, error), in In) (Out, error) {
	var out Out
	if text, done := f.history.done[step]; done {
		return out, json.Unmarshal(text, &out)
	}
	if f.began != nil {
		f.began(step)
	}
	for {
		var err error
		if out, err = act(ctx, in); err == nil {
			return out, f.history.remember(step, out)
		}
		err = fmt.Errorf("%s: %w", step, err)
		if f.failed == nil || fault.KindOf(err).Permanent() || ctx.Err() != nil {
			return out, err
		}
		f.failed(step, err)
		select {
		case <-ctx.Done():
			return out, err
		case <-time.After(retryAfter):
		}
	}
}

func (f *follower) sourceTree() activities.TreeAt {
	return activities.TreeAt{Site: f.at.Source, Path: f.at.SourcePath}
}

func (f *follower) targetTree() activities.TreeAt {
	return activities.TreeAt{Site: f.at.Target, Path: f.at.TargetPath}
}

// baseline copies everything from a snapshot that both trees then have.
func (f *follower) baseline(ctx context.Context, name string) (activities.MirrorCopied, error) {
	var copied activities.MirrorCopied
	if _, err := once(ctx, f, "allow source", f.acts.AllowTreeSnapshots, f.sourceTree()); err != nil {
		return copied, err
	}
	if _, err := once(ctx, f, name+" source", f.acts.TakeTreeSnapshot, activities.TreeSnapshotInput{TreeAt: f.sourceTree(), Name: name}); err != nil {
		return copied, err
	}
	list, err := once(ctx, f, name+" list", f.acts.ListMirrorBaseline, activities.MirrorSnapshotInput{MirrorAt: f.at, Snapshot: name})
	if err != nil {
		return copied, err
	}
	part := activities.MirrorCopyInput{MirrorAt: f.at, Snapshot: name, Digest: list.Digest, Last: list.Shards, BytesPerSecond: f.bytesPerSecond, Parallel: f.parallel}
	if _, err := once(ctx, f, name+" directories", f.acts.MakeMirrorDirectories, part); err != nil {
		return copied, err
	}
	if copied, err = once(ctx, f, name+" files", f.acts.CopyMirrorShards, part); err != nil {
		return copied, err
	}
	if _, err := once(ctx, f, name+" attributes", f.acts.FinishMirrorDirectories, part); err != nil {
		return copied, err
	}
	if err := f.verified(ctx, name+" verify", activities.MirrorVerifyInput{MirrorAt: f.at, Snapshot: name}); err != nil {
		return copied, err
	}
	if _, err := once(ctx, f, "allow target", f.acts.AllowTreeSnapshots, f.targetTree()); err != nil {
		return copied, err
	}
	_, err = once(ctx, f, name+" target", f.acts.TakeTreeSnapshot, activities.TreeSnapshotInput{TreeAt: f.targetTree(), Name: name})
	return copied, err
}

func (f *follower) verified(ctx context.Context, step string, in activities.MirrorVerifyInput) error {
	res, err := once(ctx, f, step, f.acts.VerifyMirror, in)
	if err == nil && res.Verdict != string(report.Match) {
		err = fmt.Errorf("%s: verdict %s, %d differ: %v", step, res.Verdict, res.Differing, res.Differences)
	}
	return err
}

// round brings what changed at the source since the snapshot from, which both
// trees have, and ends with one more.
func (f *follower) round(ctx context.Context, from, to string) (activities.MirrorCopied, error) {
	var copied activities.MirrorCopied
	drift, err := once(ctx, f, to+" drift", f.acts.FindMirrorDrift, driftInput(f.at, from))
	if err == nil && drift.Changed > 0 {
		err = fmt.Errorf("the target drifted since %s: %v", from, drift.First)
	}
	if err != nil {
		return copied, err
	}
	r, plan, err := f.planned(ctx, from, to)
	if err != nil {
		return copied, err
	}
	if plan.Operations > 0 {
		in := activities.MirrorOperationsInput{MirrorRoundInput: r, Digest: plan.Digest, Last: plan.Operations}
		if _, err := once(ctx, f, to+" operations", f.acts.ApplyMirrorOperations, in); err != nil {
			return copied, err
		}
	}
	if copied, err = f.brought(ctx, r, plan); err != nil {
		return copied, err
	}
	check := activities.MirrorVerifyInput{MirrorAt: f.at, Snapshot: to, From: from, Digest: plan.Digest}
	if err := f.verified(ctx, to+" verify", check); err != nil {
		return copied, err
	}
	_, err = once(ctx, f, to+" target", f.acts.TakeTreeSnapshot, activities.TreeSnapshotInput{TreeAt: f.targetTree(), Name: to})
	return copied, err
}

// planned takes the source's snapshot and plans the round to it.
func (f *follower) planned(ctx context.Context, from, to string) (activities.MirrorRoundInput, activities.MirrorRoundPlan, error) {
	r := activities.MirrorRoundInput{MirrorAt: f.at, From: from, To: to}
	if _, err := once(ctx, f, to+" source", f.acts.TakeTreeSnapshot, activities.TreeSnapshotInput{TreeAt: f.sourceTree(), Name: to}); err != nil {
		return r, activities.MirrorRoundPlan{}, err
	}
	plan, err := once(ctx, f, to+" plan", f.acts.PlanMirrorRound, r)
	return r, plan, err
}

// brought copies what a round's plan names and gives directories their
// attributes.
func (f *follower) brought(ctx context.Context, r activities.MirrorRoundInput, plan activities.MirrorRoundPlan) (activities.MirrorCopied, error) {
	part := activities.MirrorCopyInput{
		MirrorAt: f.at, Snapshot: r.To, From: r.From, Digest: plan.Digest, Last: plan.Copies,
		BytesPerSecond: f.bytesPerSecond, Parallel: f.parallel,
	}
	var copied activities.MirrorCopied
	var err error
	if plan.Copies > 0 {
		if copied, err = once(ctx, f, r.To+" copies", f.acts.CopyMirrorChanges, part); err != nil {
			return copied, err
		}
	}
	_, err = once(ctx, f, r.To+" attributes", f.acts.FinishMirrorRound, part)
	return copied, err
}
