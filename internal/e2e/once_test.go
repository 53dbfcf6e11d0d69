//go:build cluster

package e2e

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"

	"drover/internal/hadoop/namenode"
	"drover/internal/hbase"
	"drover/internal/hbase/snapshot"
	"drover/internal/storage/open"
	"drover/workflows/step"
)

// account is what a run has done to both clusters. It is kept while the run
// goes on: a master forgets procedures after minutes, and a file that was
// written twice looks as one that was written once.
type account struct {
	*moved
	before     map[uint64]bool              // procedures of the table's past
	procedures map[string]map[uint64]string // class by id, by side
	nameNode   *namenode.Client             // of the target
	root       string                       // of the target's HBase
	written    map[string]uint64            // complete files of the export: HDFS gives each writing another id
}

// account begins before the run.
func (m *moved) account() *account {
	m.t.Helper()
	site := m.cfg.Sites[m.to]
	nn, err := namenode.Open(namenode.Config{Addresses: site.HDFS.NameNodes, User: site.HDFS.User})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		if err := nn.Close(); err != nil {
			m.t.Error(err)
		}
	})
	store, root, err := open.Root(site.HBase.RootDir, site.HDFS)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		m.t.Fatal(err)
	}
	a := &account{moved: m, before: map[uint64]bool{}, nameNode: nn, root: root, written: map[string]uint64{}}
	a.procedures = map[string]map[uint64]string{"source": {}, "target": {}}
	for side, c := range a.sides() {
		for _, p := range a.listed(c) {
			if side == "source" {
				a.before[p.ID] = true
			}
		}
	}
	return a
}

func (a *account) sides() map[string]*hbase.Cluster {
	return map[string]*hbase.Cluster{"source": a.source, "target": a.target}
}

func (a *account) listed(c *hbase.Cluster) []hbase.Procedure {
	a.t.Helper()
	all, err := c.Procedures(a.t.Context(), a.name)
	if err != nil {
		a.t.Fatal(err)
	}
	return all
}

// enter takes down what was done since the last time.
func (a *account) enter() {
	a.t.Helper()
	for side, c := range a.sides() {
		for _, p := range a.listed(c) {
			if side != "source" || !a.before[p.ID] {
				a.procedures[side][p.ID] = p.Class
			}
		}
	}
	for name, f := range a.archived() {
		if f.Open {
			continue // half a file is written anew
		}
		if id, ok := a.written[name]; ok && id != f.FileID {
			a.t.Errorf("%s was complete and was written again", name)
		}
		a.written[name] = f.FileID
	}
}

// archived lists the files of the table in the target's archive.
func (a *account) archived() map[string]namenode.Status {
	a.t.Helper()
	files := map[string]namenode.Status{}
	a.walk(path.Join(a.root, "archive/data", a.name.Namespace, a.name.Qualifier), files)
	return files
}

func (a *account) walk(dir string, files map[string]namenode.Status) {
	a.t.Helper()
	var after []byte
	for {
		page, remaining, err := a.nameNode.ListPage(a.t.Context(), dir, after, true)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			a.t.Fatal(err)
		}
		for _, s := range page {
			name := path.Join(dir, s.Name)
			switch {
			case !s.IsDir():
				files[name] = s
			case !strings.HasPrefix(s.Name, ".links-"): // HBase's own, beside a file that is linked to
				a.walk(name, files)
			}
			after = []byte(s.Name)
		}
		if remaining == 0 {
			return
		}
	}
}

// exported looks at the target when the export has ended and nothing was made
// of it yet: each file of the snapshot is in its place, complete, and none is
// there that the snapshot does not name.
func (a *account) exported() {
	a.t.Helper()
	site := a.cfg.Sites[a.to]
	store, root, err := open.Root(site.HBase.RootDir, site.HDFS)
	if err != nil {
		a.t.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // only read
	own := a.snapshots(a.target)
	if len(own) != 1 {
		a.t.Fatalf("snapshots of the run at the target after the export: %v, want one", own)
	}
	listed, err := snapshot.ListFiles(a.t.Context(), store, root, own[0])
	if err != nil {
		a.t.Fatal(err)
	}
	found, named := a.archived(), 0
	_, err = listed.Each(a.t.Context(), func(f snapshot.File) {
		named++
		name := f.ArchivePath(root)
		if s, ok := found[name]; !ok || s.Open {
			a.t.Errorf("%s is not complete at the target: there %t, open %t", name, ok, s.Open)
		}
		delete(found, name)
	})
	if err != nil || named == 0 {
		a.t.Errorf("the snapshot names %d files, %v: nothing was counted", named, err)
	}
	for name := range found {
		// A clone that is opened compacts references at once; HBase archives
		// those under names that no file of a snapshot has.
		if !strings.ContainsAny(path.Base(name), "=.") {
			a.t.Errorf("%s is no file of the snapshot", name)
		}
	}
	staging := path.Join(root, snapshot.Dir, ".tmp")
	if err := a.nameNode.List(a.t.Context(), staging, func(page []namenode.Status) error {
		for _, s := range page {
			if a.ours(s.Name) {
				a.t.Errorf("%s/%s was left behind", staging, s.Name)
			}
		}
		return nil
	}); err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.t.Fatal(err)
	}
}

// snapshots lists those of the run.
func (a *account) snapshots(c *hbase.Cluster) []string {
	a.t.Helper()
	all, err := c.Snapshots(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	var own []string
	for _, s := range all {
		if a.ours(s.Name) {
			own = append(own, s.Name)
		}
	}
	slices.Sort(own)
	return own
}

// made counts what stands at gate cutover: one peer, and on each side one
// snapshot that the table moved with and one that its verification began with.
func (a *account) made() {
	a.t.Helper()
	state := a.worldState()
	if got := state["source peers"]; len(got) != 1 || len(state["target peers"]) != 0 {
		a.t.Errorf("peers %v and %v at the target, want one at the source", got, state["target peers"])
	}
	for side, c := range a.sides() {
		own := a.snapshots(c)
		if len(own) != 2 || !strings.HasSuffix(own[0], "-base") || !strings.HasSuffix(own[1], "-verify1") {
			a.t.Errorf("snapshots of the run at the %s %v, want one base and one verify1", side, own)
		}
	}
}

// once compares what the masters carried out with what one run that nobody
// kills has them do.
func (a *account) once(want map[string]map[string]int) {
	a.t.Helper()
	got := map[string]map[string]int{}
	for side, all := range a.procedures {
		got[side] = map[string]int{}
		for _, class := range all {
			// Regions move and split as HBase likes, and locks change nothing.
			if class != "LockProcedure" && !strings.Contains(class, "Region") {
				got[side][class]++
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		a.t.Errorf("procedures of the table differ from those of one run (-want +got):\n%s", diff)
	}
}

// taken is an activity that a second worker took over.
type taken struct {
	phase, activity string
}

// takenOver lists, from the history, the activities that were tried more than
// once, with the phase the run was in.
func (m *moved) takenOver() []taken {
	m.t.Helper()
	var out []taken
	phase := ""
	scheduled := map[int64]taken{}
	it := m.client.GetWorkflowHistory(m.t.Context(), m.id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for it.HasNext() {
		event, err := it.Next()
		if err != nil {
			m.t.Fatal(err)
		}
		if name := m.phaseOf(event); name != "" {
			phase = name
		}
		if s := event.GetActivityTaskScheduledEventAttributes(); s != nil {
			scheduled[event.GetEventId()] = taken{phase, s.GetActivityType().GetName()}
		}
		if s := event.GetActivityTaskStartedEventAttributes(); s.GetAttempt() > 1 {
			out = append(out, scheduled[s.GetScheduledEventId()])
		}
	}
	return out
}

// phaseOf is the phase that an event begins, "" for others.
func (r *rig) phaseOf(event *history.HistoryEvent) string {
	r.t.Helper()
	attribute := event.GetUpsertWorkflowSearchAttributesEventAttributes().GetSearchAttributes().GetIndexedFields()[step.PhaseAttribute.GetName()]
	if attribute == nil {
		return ""
	}
	var name string
	if err := converter.GetDefaultDataConverter().FromPayload(attribute, &name); err != nil {
		r.t.Fatal(err)
	}
	return plain(name)
}

// plain is a phase's name without the number of its attempt.
func plain(phase string) string {
	i := strings.LastIndexByte(phase, '-')
	if i < 0 {
		return phase
	}
	if _, err := strconv.Atoi(phase[i+1:]); err != nil {
		return phase
	}
	return phase[:i]
}
