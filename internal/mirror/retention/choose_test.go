package retention_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"drover/internal/mirror/retention"
)

// made returns snapshots, one a day, the first the oldest.
func made(now time.Time, names ...string) []retention.Snapshot {
	var all []retention.Snapshot
	for i, name := range names {
		age := time.Duration(len(names)-1-i) * 24 * time.Hour
		all = append(all, retention.Snapshot{Name: name, ID: uint32(10 + i), Created: now.Add(-age)})
	}
	return all
}

func TestChoose(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	all := made(now, "base", "r1", "manual", "r2", "r3", "r4", "r5") // base is six days old
	const day = 24 * time.Hour
	for _, tc := range []struct {
		name   string
		policy retention.Policy
		want   []string
	}{
		{"the zero value keeps everything", retention.Policy{LastCommon: "r5"}, nil},
		{"an unknown common snapshot keeps everything", retention.Policy{Keep: 1}, nil},
		{"a common snapshot that is gone keeps everything", retention.Policy{Keep: 1, LastCommon: "r9"}, nil},
		{"by number, beside the last common", retention.Policy{Keep: 2, LastCommon: "r5"}, []string{"base", "r1", "manual", "r2"}},
		{"what is newer than the last common stays", retention.Policy{Keep: 1, LastCommon: "r3"}, []string{"base", "r1", "manual"}},
		{"protected ones stay and use up no number", retention.Policy{Keep: 1, LastCommon: "r5", Protected: []string{"base", "r4"}}, []string{"r1", "manual", "r2"}},
		{"foreign ones stay", retention.Policy{Keep: 1, LastCommon: "r5", Prefix: "r"}, []string{"r1", "r2", "r3"}},
		{"by age", retention.Policy{MaxAge: 3 * day, LastCommon: "r5"}, []string{"base", "r1", "manual", "r2"}},
		{"number and age keep what either keeps", retention.Policy{Keep: 1, MaxAge: 5 * day, LastCommon: "r5"}, []string{"base", "r1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			remove, keep := retention.Choose(all, tc.policy, now)
			var got []string
			for _, s := range remove {
				got = append(got, s.Name)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("to delete (-want +got):\n%s\nkept: %v", diff, keep)
			}
		})
	}
}

// TestSnapshotsWithoutNumbersGoByAge: NameNodes before Hadoop 3.3 tell none, and
// the newest went for the oldest.
func TestSnapshotsWithoutNumbersGoByAge(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	all := made(now, "d", "c", "b", "a") // as .snapshot lists them, by name, the newest is first
	for i := range all {
		all[i].ID = 0
	}
	slices.Reverse(all)
	remove, keep := retention.Choose(all, retention.Policy{Keep: 1, LastCommon: "b"}, now)
	if len(remove) != 1 || remove[0].Name != "d" || len(keep) != 3 || keep[0].Name != "a" || keep[0].Reason != retention.Newer {
		t.Errorf("removes %v, keeps %v, want the oldest gone and what is newer than the common one kept", remove, keep)
	}
	slices.Reverse(all)
	if again, _ := retention.Choose(all, retention.Policy{Keep: 1, LastCommon: "b"}, now); !slices.Equal(again, remove) {
		t.Errorf("in another order it removes %v", again)
	}
}

// Whatever the policy: every snapshot is in one of both lists, and neither the
// last common nor a protected nor a newer one is ever deleted.
func TestChooseNeverTakesWhatARoundNeeds(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for range 2000 {
		all := made(now, names[:r.IntN(len(names)+1)]...)
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		policy := retention.Policy{
			Keep: r.IntN(5), MaxAge: time.Duration(r.IntN(200)) * time.Hour,
			LastCommon: names[r.IntN(len(names))], Protected: names[:r.IntN(3)],
		}
		remove, keep := retention.Choose(all, policy, now)
		if len(remove)+len(keep) != len(all) {
			t.Fatalf("%d removed, %d kept of %d", len(remove), len(keep), len(all))
		}
		common := slices.IndexFunc(all, func(s retention.Snapshot) bool { return s.Name == policy.LastCommon })
		for _, s := range remove {
			if common < 0 || s.ID >= all[common].ID || slices.Contains(policy.Protected, s.Name) {
				t.Fatalf("policy %+v deletes %+v", policy, s)
			}
		}
	}
}
