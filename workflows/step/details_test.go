package step_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/workflow"

	"drover/workflows/step"
)

func (b *bench) metadata() *sdk.WorkflowMetadata {
	b.Helper()
	value, err := b.env.QueryWorkflow("__temporal_workflow_metadata")
	if err != nil {
		b.Fatalf("query metadata: %v", err)
	}
	var m sdk.WorkflowMetadata
	if err := value.Get(&m); err != nil {
		b.Fatalf("read metadata: %v", err)
	}
	return &m
}

func (b *bench) details() string {
	b.Helper()
	return b.metadata().GetCurrentDetails()
}

func TestDetailsSayWhatToDo(t *testing.T) {
	b := newBench(t)
	b.after(time.Hour, func() {
		s := b.status()
		wantText(t, "details at the gate", b.details(),
			"## Trial shop:orders",
			"**Phase** decide since ",
			"**Waiting for** a person to decide gate cutover",
			"**Next** after an approval: the source becomes read-only",
			"| rows that differ | 0 |",
			"evidence "+s.Digest,
			"drover approve "+s.WorkflowID+" --gate cutover --digest "+s.Digest,
			`{"gate":"cutover","digest":"`+s.Digest+`","by":"NAME","reason":"WHY","approved":true}`,
			"An abort would put back",
		)
		b.approve()
	})
	if _, err := b.run(input{Gate: step.GateOptions{Permits: "the source becomes read-only"}}); err != nil {
		t.Fatal(err)
	}
	wantText(t, "details at the end", b.details(), "the run has ended (completed)", "Past the commit line", "gate cutover approved by ann")
}

// What the details offer to copy must be accepted as it is.
func TestOfferedJSONIsAccepted(t *testing.T) {
	b := newBench(t)
	var a *answer
	b.after(time.Hour, func() {
		_, rest, found := strings.Cut(b.details(), "```json\n")
		offered, _, ended := strings.Cut(rest, "\n```")
		if !found || !ended {
			t.Fatalf("no JSON in details %q", b.details())
		}
		a = b.update(step.DecideUpdate, offered)
	})
	if _, err := b.run(input{}); err != nil {
		t.Fatal(err)
	}
	if a.err != nil {
		t.Errorf("the offered JSON was refused: %v", a.err)
	}
}

func TestUIFindsNamesAndDescriptions(t *testing.T) {
	b := newBench(t)
	b.after(time.Hour, func() {
		m := b.metadata().GetDefinition()
		got := map[string]string{}
		for _, d := range slices.Concat(m.GetUpdateDefinitions(), m.GetSignalDefinitions(), m.GetQueryDefinitions()) {
			got[d.GetName()] = d.GetDescription()
		}
		for _, name := range []string{step.DecideUpdate, step.ApproveSignal, step.PauseUpdate, step.ResumeUpdate, step.AbortUpdate, step.RemeasureUpdate, step.RoundUpdate, step.RoundSignal, step.StatusQuery} {
			if got[name] == "" {
				t.Errorf("%s has no description: %v", name, got)
			}
		}
		b.approve()
	})
	if _, err := b.run(input{}); err != nil {
		t.Fatal(err)
	}
}

// Values come from clusters and people; none may break out of its line.
func TestDetailsKeepValuesInTheirCells(t *testing.T) {
	b := newBench(t)
	b.env.RegisterWorkflow(hostile)
	b.after(time.Hour, func() {
		text := b.details()
		wantText(t, "details", text, `| a\|b | one two |`)
		if len(text) > 20_000 {
			t.Errorf("details have %d bytes, the server accepts 20000", len(text))
		}
		if s := b.status(); len(s.Evidence.Facts) != 501 {
			t.Errorf("status has %d facts, want all 501", len(s.Evidence.Facts))
		}
		b.approve()
	})
	b.env.ExecuteWorkflow(hostile)
	if err := b.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
}

func hostile(ctx workflow.Context) error {
	ctx, run, err := step.Begin(ctx, subject(), nil)
	if err != nil {
		return err
	}
	_, err = run.Gate(ctx, "cutover", func(workflow.Context) (step.Evidence, error) {
		facts := []step.Fact{{Name: "a|b", Value: "one\ntwo"}}
		for range 500 {
			facts = append(facts, step.Fact{Name: strings.Repeat("n", 300), Value: strings.Repeat("v", 300)})
		}
		return step.Evidence{Facts: facts}, nil
	}, step.GateOptions{})
	_, err = run.Finish(ctx, err)
	return err
}
