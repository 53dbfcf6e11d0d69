//go:build cluster

package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drover/internal/config"
	"drover/internal/mirror/verify"
	"drover/internal/report"
	"drover/internal/storage/open"
	"drover/internal/storage/oss/osstest"
	"drover/internal/storage/s3/s3test"
	"drover/internal/storage/storagetest"
	work "drover/internal/workload/tree"
	"drover/workflows"
	"drover/workflows/step"
)

// place is the site without snapshots that a test mirrors to.
const place = "place"

// ledgerMirror is a mirror to a place without snapshots, with a worker of its
// own that can be killed.
type ledgerMirror struct {
	*mirror
	cfg    config.Config
	file   string
	worker *process
	copied open.Store
	root   string // of the copy in it
	plain  bool   // no long names
}

// longest name that versitygw replaces an object under: it links the new one
// beside it under a longer name first (tested: 500 for one of 255 bytes).
const longest = 200

// short leaves out what has a longer name, or lies below such.
func short(nodes []work.Node) []work.Node {
	return slices.DeleteFunc(nodes, func(n work.Node) bool {
		return slices.ContainsFunc(strings.Split(n.Path, "/"), func(name string) bool { return len(name) > longest })
	})
}

// change makes random changes to the source.
func (m *ledgerMirror) change(seed uint64, n int) {
	m.t.Helper()
	ops, err := work.NewMutator(m.model, seed, work.MutatorOptions{Superuser: true, PlainNames: m.plain}).Draw(n)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.applier.Apply(m.t.Context(), ops); err != nil {
		m.t.Fatal(err)
	}
}

// mirrorTo writes a seeded tree and starts a worker that knows a site of this
// YAML.
func (r *rig) mirrorTo(seed uint64, site string) *ledgerMirror {
	t := r.t
	t.Helper()
	plain := strings.HasPrefix(site, "{s3")
	nodes := work.Generate(work.Spec{Seed: seed, Superuser: true, Dirs: 10, Files: 50, Depth: 8, Wide: 30})
	if plain {
		nodes = short(nodes)
	}
	m := &ledgerMirror{mirror: r.newMirrorOf(nodes), plain: plain, file: filepath.Join(t.TempDir(), "drover.yaml")}
	s := r.cfg.Sites[r.from].HDFS
	text := fmt.Sprintf("sites:\n  %s: {hdfs: {namenode: %q, user: %s}}\n  %s: %s\nworker: {stateDir: %q, queues: [site-%s, copy-%s]}\n",
		r.from, s.NameNodes[0], s.User, place, site, t.TempDir(), place, place)
	if err := os.WriteFile(m.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if m.cfg, err = config.Load(m.file); err != nil {
		t.Fatal(err)
	}
	at, err := m.cfg.Locate(place + ":/copies/tree")
	if err != nil {
		t.Fatal(err)
	}
	if m.copied, err = open.At(at); err != nil {
		t.Fatal(err)
	}
	m.root = at.Path
	t.Cleanup(func() {
		if err := m.copied.Close(); err != nil {
			t.Error(err)
		}
	})
	m.work()
	t.Cleanup(func() {
		if err := m.worker.kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("its worker said:\n%s", m.worker.out.since(0))
		}
	})
	return m
}

// work starts the worker, after the one before was killed.
func (m *ledgerMirror) work() {
	m.t.Helper()
	m.worker = m.workerOf(m.t, m.file)
}

// same compares the tree at the source, as it is, with the copy: names, kinds,
// lengths and bytes, and what else is asked for.
func (m *ledgerMirror) same(o verify.Options) {
	m.t.Helper()
	at, err := m.cfg.Locate(m.from + ":" + m.path)
	if err != nil {
		m.t.Fatal(err)
	}
	source, err := open.At(at)
	if err != nil {
		m.t.Fatal(err)
	}
	defer source.Close() //nolint:errcheck // only read
	res, err := verify.Stores(m.t.Context(), source, at.Path, m.copied, m.root, o)
	if err != nil {
		m.t.Fatal(err)
	}
	if res.Verdict != report.Match || res.Files == 0 {
		m.t.Errorf("the copy: %s", asJSON(res))
	}
}

// follow takes a mirror through a baseline, rounds with the worker killed in
// them, drift and the cutover. times says that the place keeps those of files.
func (m *ledgerMirror) follow(times bool) {
	t := m.t
	run := m.begin(map[string]any{"target": place, "targetPath": "/copies/tree"})
	m.awaitPhase(m.id, workflows.PhaseBaseline)
	if err := m.worker.kill(); err != nil {
		t.Fatal(err)
	}
	m.work()
	m.awaitGate(m.id, workflows.GateCutover)
	m.same(verify.Options{Times: times})
	m.change(20, 80)
	m.again()
	m.awaitPhase(m.id, workflows.PhaseRounds)
	if err := m.worker.kill(); err != nil {
		t.Fatal(err)
	}
	m.work()
	m.awaitGate(m.id, workflows.GateCutover)
	m.same(verify.Options{})

	// Somebody writes to the target, and changes go on at the source.
	m.change(30, 40)
	storagetest.Put(t, m.copied, m.root+"/not from the source/f", []byte("x"))
	m.again()
	m.choose(workflows.GateDrift, workflows.ChoiceRestore)
	m.awaitGate(m.id, workflows.GateCutover)
	m.same(verify.Options{})

	m.change(31, 20)
	m.approve(m.id, workflows.GateCutover)
	m.awaitGate(m.id, workflows.GateCleanup)
	m.same(verify.Options{Times: times})
	m.approve(m.id, workflows.GateCleanup)
	res := m.ended(run)
	if res.Outcome != step.Completed || res.Verdict != "match" || res.Rounds < 4 || res.Verified.Files == 0 || res.Reverse != nil {
		t.Errorf("result %s, want completed and match after at least four rounds, and no way back", asJSON(res))
	}
	m.noSnapshots(m.source)
}

// TestMirrorToADirectoryFollowsAndHandsOver: the target keeps modes and times,
// and no snapshots.
func TestMirrorToADirectoryFollowsAndHandsOver(t *testing.T) {
	m := mirrorRig(t).mirrorTo(12, fmt.Sprintf("{local: {root: %q}}", t.TempDir()))
	m.follow(true)
}

// keyFiles writes a bucket's keys where its site reads them: access and secret.
func keyFiles(t *testing.T, access, secret string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{"access": access, "secret": secret} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func s3Site(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf(`{s3: {endpoint: %q, bucket: %s, region: %s, accessKey: "file:%[4]s/access", secretKey: "file:%[4]s/secret", pathStyle: true}}`,
		s3test.Start(t), s3test.Bucket, s3test.Region, keyFiles(t, s3test.AccessKey, s3test.SecretKey))
}

// TestMirrorToABucketFollowsAndHandsOver: the target is a real S3 server.
func TestMirrorToABucketFollowsAndHandsOver(t *testing.T) {
	m := mirrorRig(t).mirrorTo(13, s3Site(t))
	m.follow(false)
}

// TestMirrorToOSSFollowsAndHandsOver: the target is the stand-in for Alibaba
// Cloud's store, at its protocol; the store itself is a closed service.
func TestMirrorToOSSFollowsAndHandsOver(t *testing.T) {
	server := osstest.Start(t)
	m := mirrorRig(t).mirrorTo(15, fmt.Sprintf(`{oss: {endpoint: %q, bucket: %s, accessKeyId: "file:%[3]s/access", accessKeySecret: "file:%[3]s/secret"}}`,
		server.URL, osstest.Bucket, keyFiles(t, osstest.KeyID, osstest.Secret)))
	m.follow(false)
	if n := server.Uploads(); n != 0 {
		t.Errorf("%d multipart uploads are left, which cost money", n)
	}
}

// TestAnAbortedLedgerMirrorLeavesNothing: neither the copy nor its ledger.
func TestAnAbortedLedgerMirrorLeavesNothing(t *testing.T) {
	m := mirrorRig(t).mirrorTo(14, fmt.Sprintf("{local: {root: %q}}", t.TempDir()))
	run := m.begin(map[string]any{"target": place, "targetPath": "/copies/tree"})
	m.awaitGate(m.id, workflows.GateCutover)
	if err := m.order(m.id, step.AbortUpdate); err != nil {
		t.Fatal(err)
	}
	if res := m.ended(run); res.Outcome != step.AbortedOutcome {
		t.Errorf("outcome %s (%s), want aborted", res.Outcome, res.Reason)
	}
	if _, err := m.copied.Stat(t.Context(), m.root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the copy is still there: %v", err)
	}
	left, err := m.copied.List(t.Context(), strings.TrimSuffix(m.root, "/copies/tree")+config.DefaultLedger)
	if err != nil || len(left) > 0 {
		t.Errorf("of the ledger is left: %v, %v", left, err)
	}
	m.noSnapshots(m.source)
}
