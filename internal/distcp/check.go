package distcp

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"drover/internal/preflight"
)

// Ids of the findings of Check.
const (
	FindingPath     = "distcp-path"
	FindingScheme   = "distcp-not-hdfs"
	FindingOverlap  = "distcp-overlap"
	FindingSnapshot = "distcp-snapshot-name"
	FindingQueue    = "distcp-queue"
)

// Check looks at a copy and the snapshots it names without asking any cluster.
// All findings block, and all are reported at once.
func Check(c Copy, snapshots ...string) []preflight.Finding {
	found := slices.Concat(checkDir("source", c.Source), checkDir("target", c.Target))
	sourceFS, sourcePath := cutAuthority(c.Source)
	targetFS, targetPath := cutAuthority(c.Target)
	if sourceFS == targetFS && (within(sourcePath, targetPath) || within(targetPath, sourcePath)) {
		found = append(found, block(FindingOverlap, c.Source+" "+c.Target, "one directory is in the other, or is it", "name two trees apart"))
	}
	for _, name := range snapshots {
		if !regexp.MustCompile(`^[^-./:][^/:]*$`).MatchString(name) {
			found = append(found, block(FindingSnapshot, name, "distcp takes that for an option, the current tree or a path",
				"name a snapshot that begins with none of - and . and holds none of / and :"))
		}
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_.-]*$`).MatchString(c.Queue) {
		found = append(found, block(FindingQueue, c.Queue, "that is no name of a YARN queue", "give the name, letters, digits, dots, dashes and underscores"))
	}
	return found
}

func within(inner, outer string) bool {
	return inner == outer || strings.HasPrefix(inner, strings.TrimSuffix(outer, "/")+"/")
}

// checkDir refuses what distcp takes amiss: it appends .snapshot/<name> to what
// it is given, a slash at the end or a dot changes what a name in a diff is
// relative to, and some characters are a pattern to it.
func checkDir(role, location string) []preflight.Finding {
	fs, dir := cutAuthority(location)
	scheme, authority, _ := strings.Cut(fs, "://")
	var found []preflight.Finding
	switch {
	case fs == "" || authority == "":
		found = append(found, block(FindingPath, location, role+" names no NameNode and no nameservice", "write hdfs://host:port/path or hdfs://nameservice/path"))
	case !slices.Contains([]string{"hdfs", "webhdfs", "swebhdfs"}, scheme):
		found = append(found, block(FindingScheme, location, role+" is "+scheme+": -diff works between hdfs, webhdfs and swebhdfs only",
			"mirror to other storage with drover's own engine"))
	}
	if dir == "/" || path.Clean(dir) != dir || slices.Contains(strings.Split(dir, "/"), ".snapshot") {
		found = append(found, block(FindingPath, location, fmt.Sprintf("%s %s is the root, goes into .snapshot, ends with a slash or holds empty or dotted parts", role, dir),
			"name the directory itself, as in /data/a"))
	}
	if strings.ContainsAny(dir, "*?{}[]\\") {
		found = append(found, block(FindingPath, location, role+" holds a character distcp takes for a pattern",
			"use drover's own engine for this tree, or name one directory without *?{}[]\\"))
	}
	return found
}

func block(id, subject, seen, do string) preflight.Finding {
	return preflight.Finding{ID: id, Severity: preflight.Block, Subject: subject, Seen: seen, Do: do}
}
