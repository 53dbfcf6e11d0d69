//go:build cluster

package activities_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"drover/activities"
	"drover/internal/mirror/apply"
	work "drover/internal/workload/tree"
)

// roundsEnv says how many random rounds are run; `make soak-hdfs` sets it.
const roundsEnv = "DROVER_MIRROR_ROUNDS"

const (
	usualRounds = 12
	// mendEach is after how many rounds everything is compared, and what no
	// snapshot diff shows is brought.
	mendEach = 4
)

func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv(roundsEnv)
	if text == "" {
		return usualRounds
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q: want a number of rounds", roundsEnv, text)
	}
	return n
}

// TestRandomRounds mirrors random changes of every kind from one HDFS to
// another: after each round the trees are equal in content and attributes, and
// Hadoop's own tools find nothing to do. Every third round is first carried out
// in part, or whole, and taken back.
func TestRandomRounds(t *testing.T) {
	t.Parallel()
	m, box := sandboxMirror(t)
	const seed = 20
	m.write(work.All(work.Generate(work.Spec{Seed: seed, Superuser: true, Dirs: 8, Files: 40, Depth: 8, Wide: 20})))
	m.begin()
	m.equal(snapshot(0))
	rng := rand.New(rand.NewPCG(seed, 5))
	mutator := work.NewMutator(m.model, seed, work.MutatorOptions{Superuser: true})
	var sum activities.MirrorCopied
	all := rounds(t)
	h := startHadoop(t, box)
	for n := 1; n <= all; n++ {
		ops, err := mutator.Draw(1 + rng.IntN(20))
		m.must(err)
		m.change(ops)
		if n%3 == 0 {
			m.takenBack(rng)
		}
		sum.Add(m.follow())
		m.equal(snapshot(n), unreported...)
		if n%mendEach == 0 || n == all {
			m.must(m.verified(t.Context(), fmt.Sprintf("everything after round %d", n), activities.MirrorVerifyInput{MirrorAt: m.at, Snapshot: snapshot(n)}))
			m.equal(snapshot(n))
		}
		m.hadoopAgrees(h, snapshot(n))
		if n > 1 {
			m.forget(snapshot(n - 2))
		}
	}
	t.Logf("%d rounds: %+v; asked Hadoop %v", all, sum, h)
}

// forget deletes a snapshot of both sides that no round needs any more.
func (m *mirror) forget(name string) {
	m.t.Helper()
	m.must(m.source.NameNode.DeleteSnapshot(m.t.Context(), m.source.Root, name))
	m.must(m.target.NameNode.DeleteSnapshot(m.t.Context(), m.target.Root, name))
}

// takenBack carries the next round out up to a random operation, or to its
// copies' end, and rolls the target back.
func (m *mirror) takenBack(rng *rand.Rand) {
	t, ctx := m.t, m.t.Context()
	t.Helper()
	from, to := snapshot(m.rounds), snapshot(m.rounds+1)
	r, plan, err := m.planned(ctx, from, to)
	m.must(err)
	upTo := rng.Int64N(plan.Operations + 2)
	in := activities.MirrorOperationsInput{MirrorRoundInput: r, Digest: plan.Digest, Last: min(upTo, plan.Operations)}
	for range 2 { // as after a crash
		_, err = m.acts.ApplyMirrorOperations(ctx, in)
		m.must(err)
	}
	if upTo > plan.Operations {
		_, err := m.undone().brought(ctx, r, plan)
		m.must(err)
	} else {
		undo, err := apply.RestorePlan(ctx, m.target.NameNode, m.target.Root, from)
		m.must(err)
		for _, c := range undo.Copies {
			if c.New() {
				t.Errorf("taking back %d operations would copy %q, want renames only", upTo, c.Path)
			}
		}
	}
	_, err = m.acts.RestoreMirrorTarget(ctx, activities.MirrorSnapshotInput{MirrorAt: m.at, Snapshot: from})
	m.must(err)
	m.equal(from, unreported...)
	m.untouched(from)
}

// undone is the follower with a history of its own, for what will be taken back.
func (m *mirror) undone() *follower {
	f := *m.follower
	f.history = history{file: m.order.History + ".undone", done: map[string]json.RawMessage{}}
	return &f
}
