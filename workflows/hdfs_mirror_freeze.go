package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"drover/activities"
	"drover/workflows/step"
)

// How writers are kept off the source from the approval of the cutover on.
const (
	// FreezeWord leaves it to people; the run proves that they did.
	FreezeWord = "word"
	// FreezePermissions closes the source's root to everybody but the superuser.
	FreezePermissions = "permissions"
	// FreezeQuota lets nothing be added to the source.
	FreezeQuota = "quota"
)

// PhaseFreeze is the part of an attempt that keeps writers off the source.
const PhaseFreeze = "freeze"

// frozenKeys are what a freeze remembers; forgotten when it is taken back.
var frozenKeys = []string{"frozen/found", "frozen/set"}

func (in HDFSMirrorInput) validateFreeze() error {
	known := []string{FreezeWord, FreezePermissions, FreezeQuota}
	switch {
	case !slices.Contains(known, in.Freeze):
		return fmt.Errorf("input of HDFSMirror: freeze %q is unknown: use %s", in.Freeze, strings.Join(known, ", "))
	case in.Thaw && in.Freeze == FreezeWord:
		return fmt.Errorf("input of HDFSMirror: thaw has nothing to undo: freeze is %s", FreezeWord)
	}
	return nil
}

// freezeSource keeps writers off the source, as found is put back when the
// attempt fails.
func (m *hdfsMirror) freezeSource(ctx workflow.Context, attempt int) error {
	if m.in.Freeze == FreezeWord {
		return nil
	}
	m.run.Phase(ctx, fmt.Sprintf("%s-%d", PhaseFreeze, attempt), "keeping writers off the source by "+m.in.Freeze)
	in := activities.FreezeInput{TreeAt: m.sourceTree(), How: m.in.Freeze}
	at := control(ctx, m.in.Source)
	var err error
	if in.Found, err = step.Once(at, m.run, "frozen/found", hm.LookAtTreeRoot, in); err != nil {
		return err
	}
	if err := undoTree(at, m, "let writers on "+m.in.SourcePath+" at "+m.in.Source+" again", hm.ThawTree, in); err != nil {
		return err
	}
	_, err = step.Once(at, m.run, "frozen/set", hm.FreezeTree, in)
	return err
}

// frozen is the source as it was found, and how it was frozen.
func (m *hdfsMirror) frozen(tree activities.TreeAt) activities.FreezeInput {
	found, _ := step.Recall[activities.FreezeFound](m.run, "frozen/found")
	return activities.FreezeInput{TreeAt: tree, How: m.in.Freeze, Found: found}
}

// openTarget opens the target's root, which came over closed.
func (m *hdfsMirror) openTarget(ctx workflow.Context) error {
	if m.in.Freeze != FreezePermissions || m.found.Ledger { // a place without snapshots took no modes over
		return nil
	}
	in := m.frozen(m.targetTree()).Without(m.in.Without)
	return m.forward(ctx, "open the target's root", func(ctx workflow.Context) error {
		_, err := step.Once(control(ctx, m.in.Target), m.run, "frozen/opened", hm.OpenTreeRoot, in)
		return err
	})
}

// thawSource thaws the source if that was asked for. Otherwise it stays frozen:
// whoever still writes there is told by an error, not by lost data.
func (m *hdfsMirror) thawSource(ctx workflow.Context) error {
	in := m.frozen(m.sourceTree())
	switch {
	case m.in.Freeze == FreezeWord:
		return nil
	case !m.in.Thaw:
		m.result.Left = append(m.result.Left, fmt.Sprintf("%s at %s is frozen by %s; to let writers on again: %s", in.Path, in.Site, in.How, in.Commands()))
		return nil
	}
	return m.forward(ctx, "thaw the source", func(ctx workflow.Context) error {
		_, err := step.Once(control(ctx, m.in.Source), m.run, "frozen/thawed", hm.ThawTree, in)
		return err
	})
}

// writersFact says at the gate who keeps writers off.
func (m *hdfsMirror) writersFact() step.Fact {
	said := map[string]string{
		FreezeWord:        "people stop them before approving",
		FreezePermissions: "the source's root is closed to everybody but the superuser, readers included",
		FreezeQuota:       "a quota keeps anything from being added to the source; people stop those who delete, rename and change attributes",
	}[m.in.Freeze]
	return step.Fact{Name: "writers", Value: said + "; the attempt fails when something was written after its snapshot, or a file is open"}
}
