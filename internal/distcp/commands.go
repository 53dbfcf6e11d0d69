package distcp

import (
	"strconv"
	"strings"
)

// Copy is one source, one target and how to copy between them. The zero values
// of the switches leave them out.
type Copy struct {
	// Source and Target are directories as full URIs, hdfs://host:port/path or
	// hdfs://nameservice/path: which cluster a bare path means depends on where
	// the command runs.
	Source, Target string
	// Queue is the YARN queue.
	Queue string
	// Maps is the most maps at a time (-m); distcp's default is 20.
	Maps int
	// Bandwidth is MB/s per map (-bandwidth): the job takes up to Maps times it.
	Bandwidth float64
	// Preserve lists the attributes of -p. Without it owners, modes and times are
	// those of a new file, and files whose block size is not the target's default
	// fail the comparison of checksums.
	Preserve string
}

// Baseline is the first copy, from the immutable snapshot. The target directory
// must not exist: distcp makes it, and would nest the tree in one that exists.
//
//	hadoop distcp SOURCE/.snapshot/SNAPSHOT TARGET
func Baseline(c Copy, snapshot string) []string {
	return c.command(nil, snapshotPath(c.Source, snapshot))
}

// ResumeBaseline goes on with a baseline that was interrupted. With -update the
// tree is not nested in a target that exists, and files that are there with the
// same length and checksum are skipped; -delete takes away what a killed map
// left half written under a name of its own.
//
//	hadoop distcp -update -delete SOURCE/.snapshot/SNAPSHOT TARGET
func ResumeBaseline(c Copy, snapshot string) []string {
	return c.command([]string{"-update", "-delete"}, snapshotPath(c.Source, snapshot))
}

// Round copies what changed from one snapshot to the next.
//
//	hadoop distcp -diff FROM TO -update SOURCE TARGET
func Round(c Copy, from, to string) []string {
	return c.command([]string{"-diff", from, to, "-update"}, c.Source)
}

// command puts Hadoop's own options first, as its parser wants, then what the
// procedure calls for, then the switches, then the paths.
func (c Copy) command(mode []string, source string) []string {
	argv := []string{"distcp"}
	if c.Queue != "" {
		argv = append(argv, "-Dmapreduce.job.queuename="+c.Queue)
	}
	argv = append(argv, mode...)
	if c.Preserve != "" {
		argv = append(argv, "-p"+c.Preserve)
	}
	if c.Maps > 0 {
		argv = append(argv, "-m", strconv.Itoa(c.Maps))
	}
	if c.Bandwidth > 0 {
		argv = append(argv, "-bandwidth", strconv.FormatFloat(c.Bandwidth, 'f', -1, 64))
	}
	return append(argv, source, c.Target)
}

func snapshotPath(dir, snapshot string) string { return dir + "/.snapshot/" + snapshot }

// cutAuthority splits scheme://authority from the path of a full URI; a bare
// path has none.
func cutAuthority(location string) (fs, path string) {
	scheme, rest, full := strings.Cut(location, "://")
	if !full {
		return "", location
	}
	authority, path, _ := strings.Cut(rest, "/")
	return scheme + "://" + authority, "/" + path
}
