package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"drover/internal/nearest"
	"drover/workflows"
)

// runbook is what the command line knows of a workflow type.
type runbook struct {
	name  string // the workflow type, as registered
	about string
	input any // zero value of the input, for its schema
	parse func(json []byte) (request, error)
}

// request is an input that was found valid.
type request struct {
	input any
	id    string   // of the workflow: the same subject gives the same id
	title string   // a few words for lists
	sites []string // names it uses, to be checked against the configuration
	hbase bool     // the sites are to have one
}

func runbooks() []runbook {
	return []runbook{{
		name:  "HBaseMigration",
		about: "moves live HBase tables from one cluster to another",
		input: workflows.HBaseMigrationInput{},
		parse: parseHBaseMigration,
	}, {
		name:  "HDFSMirror",
		about: "keeps a tree of one HDFS equal to a tree of another by snapshots, and hands over to it",
		input: workflows.HDFSMirrorInput{},
		parse: parseHDFSMirror,
	}}
}

// findRunbook accepts the workflow type in any case, with or without dashes.
func findRunbook(name string) (runbook, error) {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "-", "")) }
	var known []string
	for _, rb := range runbooks() {
		if plain(rb.name) == plain(name) {
			return rb, nil
		}
		known = append(known, rb.name)
	}
	return runbook{}, fail(codeNotFound, "there is no runbook %q%s", name, nearest.Hint(name, known))
}

func parseHBaseMigration(json []byte) (request, error) {
	in, err := workflows.ParseHBaseMigrationInput(json)
	if err != nil {
		return request{}, usage("%w", err).try("drover schema HBaseMigration, which lists every key")
	}
	return request{
		input: in,
		id:    hbaseMigrationID(in),
		title: fmt.Sprintf("%s: %s -> %s", strings.Join(in.Tables, ", "), in.Source, in.Target),
		sites: []string{in.Source, in.Target},
		hbase: true,
	}, nil
}

func parseHDFSMirror(json []byte) (request, error) {
	in, err := workflows.ParseHDFSMirrorInput(json)
	if err != nil {
		return request{}, usage("%w", err).try("drover schema HDFSMirror, which lists every key")
	}
	return mirrorRequest(in), nil
}

// mirrorRequest describes a normalised input.
func mirrorRequest(in workflows.HDFSMirrorInput) request {
	// Like a migration's, the id holds neither slash nor colon.
	sum := sha256.Sum256([]byte(in.SourcePath + "\n" + in.TargetPath))
	id := fmt.Sprintf("hdfs-mirror.%s.%s.%s.%s", in.Source, in.Target, path.Base(in.TargetPath), hex.EncodeToString(sum[:4]))
	return request{
		input: in,
		id:    strings.ReplaceAll(id, ":", "~"),
		title: fmt.Sprintf("%s: %s -> %s: %s", in.Source, in.SourcePath, in.Target, in.TargetPath),
		sites: []string{in.Source, in.Target},
	}
}

// hbaseMigrationID is stable: Temporal refuses a second run of the same tables
// between the same sites while the first one runs. Several tables are named by
// the first and a digest of all, so that the id stays short. It holds neither
// slash nor colon: Temporal's HTTP API finds no run whose id has one.
func hbaseMigrationID(in workflows.HBaseMigrationInput) string {
	tables := slices.Sorted(slices.Values(in.Tables))
	subject := strings.ReplaceAll(tables[0], ":", "~")
	if more := len(tables) - 1; more > 0 {
		sum := sha256.Sum256([]byte(strings.Join(tables, "\n")))
		subject += fmt.Sprintf(".and-%d-more.%s", more, hex.EncodeToString(sum[:4]))
	}
	return fmt.Sprintf("hbase-migration.%s.%s.%s", in.Source, in.Target, subject)
}
