package hbase

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"drover/internal/pause"
)

// DrainProgress says what a drain proof waits for.
type DrainProgress struct {
	OldWALs   int // files written before the proof began and not shipped yet
	Recovered int // queues taken over from dead servers
	Orphaned  int // queues of dead servers that nobody has taken over
	HFileRefs int // bulk-loaded files not shipped yet
	Restarts  int // how often the set of servers changed and the proof began anew
}

func (p DrainProgress) done() bool {
	return p.OldWALs == 0 && p.Recovered == 0 && p.Orphaned == 0 && p.HFileRefs == 0
}

func (p DrainProgress) String() string {
	return fmt.Sprintf("%d old WALs, %d recovered queues, %d queues of dead servers, %d bulk-load references", p.OldWALs, p.Recovered, p.Orphaned, p.HFileRefs)
}

// DrainProof records that everything written before Begun has been applied at
// the peer's cluster.
type DrainProof struct {
	Peer     string
	Begun    time.Time
	Finished time.Time
	Servers  []string // the live servers, unchanged from Begun to Finished
	WALs     []string // the files that held what was written before Begun
	Restarts int
	// BulkLoadReplication tells whether bulk loads are shipped at all; when
	// not, the proof says nothing about them.
	BulkLoadReplication bool
}

// rollAgain repeats the request for new WAL files: a server may drop one that
// comes while it rolls.
const rollAgain = 5 * time.Second

// ProveDrain waits until every edit that was in a WAL when it began has been
// applied by the peer, and gives the proof. The caller has fenced the writes
// it cares about before. It relies on a WAL's name leaving its queue only when
// the peer has acknowledged the last of its edits and a newer file exists: so
// it notes the names, makes every server begin a new file, and waits until
// none of the noted names is left, no server holds a queue of a dead one, no
// dead server still owns one, and no bulk-load reference waits. When the set
// of region servers changes meanwhile it begins anew. The last reading is done
// twice, because a queue that moves between servers can hide from one.
//
// Metrics are not used: the log queue size and the lag read 0 at the wrong
// moments. Without the peer, also when it is removed meanwhile and its queues
// with it, the error is ErrPeerNotFound; ErrPeerDisabled when it is disabled, for
// then it never drains. Both are conflicts.
func (c *Cluster) ProveDrain(ctx context.Context, peer string, progress func(DrainProgress)) (DrainProof, error) {
	if progress == nil {
		progress = func(DrainProgress) {}
	}
	d := drain{cluster: c, peer: peer, progress: progress}
	proof, err := d.run(ctx)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w; still waiting for: %s", err, d.last)
	}
	return proof, failed("prove drain of replication peer", peer, err)
}

// ships fails unless the peer is there and enabled.
func (d *drain) ships(ctx context.Context) error {
	return shipping(d.cluster.FindPeer(ctx, d.peer))
}

func shipping(p Peer, err error) error {
	if err == nil && !p.Enabled {
		return ErrPeerDisabled
	}
	return needed(err)
}

type drain struct {
	cluster  *Cluster
	peer     string
	progress func(DrainProgress)
	last     DrainProgress
	restarts int
}

// errServersChanged makes a proof begin anew.
var errServersChanged = errors.New("the set of region servers changed")

func (d *drain) run(ctx context.Context) (DrainProof, error) {
	for {
		proof, err := d.attempt(ctx)
		if !errors.Is(err, errServersChanged) {
			return proof, err
		}
		d.restarts++
		if err := pause.For(ctx, 200*time.Millisecond); err != nil {
			return DrainProof{}, err
		}
	}
}

func (d *drain) attempt(ctx context.Context) (DrainProof, error) {
	if err := d.ships(ctx); err != nil {
		return DrainProof{}, err
	}
	begun := time.Now()
	live, err := d.cluster.LiveServers(ctx)
	if err != nil {
		return DrainProof{}, err
	}
	queues, err := d.cluster.ReplicationQueues(ctx, d.peer)
	if err != nil {
		return DrainProof{}, err
	}
	old := walsOf(queues)
	if err := d.roll(ctx, live); err != nil {
		return DrainProof{}, err
	}
	rolled, clean, bulk := time.Now(), 0, false
	err = poll(ctx, 10*time.Millisecond, 100*time.Millisecond, func(ctx context.Context) (bool, error) {
		if time.Since(rolled) > rollAgain {
			rolled = time.Now()
			if err := d.ships(ctx); err != nil {
				return false, err
			}
			if err := d.roll(ctx, live); err != nil {
				return false, err
			}
		}
		var err error
		if bulk, err = d.look(ctx, live, old); err != nil {
			return false, err
		}
		if !d.last.done() {
			clean = 0
			return false, nil
		}
		clean++
		return clean == 2, nil
	})
	if err == nil {
		err = d.ships(ctx)
	}
	if err != nil {
		return DrainProof{}, err
	}
	return DrainProof{
		Peer: d.peer, Begun: begun, Finished: time.Now(), Servers: serverStrings(live), WALs: old,
		Restarts: d.restarts, BulkLoadReplication: bulk,
	}, nil
}

// roll asks for new WALs. A server that went away meanwhile is a change of
// the set, which shows in ZooKeeper only when its session ends.
func (d *drain) roll(ctx context.Context, live []ServerName) error {
	err := d.cluster.rollWALs(ctx, live)
	if unsent(err) || lost(err) || regionElsewhere(err) {
		return fmt.Errorf("%w: %w", errServersChanged, err)
	}
	return err
}

// look reads the queues once and reports what is left of them.
func (d *drain) look(ctx context.Context, live []ServerName, old []string) (bulk bool, err error) {
	queues, err := d.cluster.ReplicationQueues(ctx, d.peer)
	if err != nil {
		return false, err
	}
	bulk, refs, err := d.cluster.HFileRefs(ctx, d.peer)
	if err != nil {
		return false, err
	}
	now, err := d.cluster.LiveServers(ctx)
	if err != nil {
		return false, err
	}
	if !slices.Equal(now, live) {
		return false, errServersChanged
	}
	left := pending(queues, old)
	left.HFileRefs, left.Restarts = len(refs), d.restarts
	if left != d.last {
		d.last = left
		d.progress(left)
	}
	return bulk, nil
}

// pending counts what of a peer's queues is still to be shipped: old lists the
// WALs that matter. A WAL name is unique: it holds server, start code and time.
func pending(queues []Queue, old []string) DrainProgress {
	var p DrainProgress
	for _, q := range queues {
		switch {
		case !q.Live:
			p.Orphaned++
		case q.Recovered:
			p.Recovered++
		}
		for _, w := range q.WALs {
			if _, found := slices.BinarySearch(old, w); found {
				p.OldWALs++
			}
		}
	}
	return p
}

// walsOf gives the sorted names of all WALs in the queues.
func walsOf(queues []Queue) []string {
	var out []string
	for _, q := range queues {
		out = append(out, q.WALs...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func serverStrings(ss []ServerName) []string {
	out := make([]string, len(ss))
	for i, s := range ss {
		out[i] = s.String()
	}
	return out
}
