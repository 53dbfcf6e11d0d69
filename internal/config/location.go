package config

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"drover/internal/fault"
	"drover/internal/nearest"
)

// Location is a place in a file system, resolved: who serves it, as whom to go
// there, and the path. The path stands as it was written, as Hadoop takes it:
// a percent sign is a percent sign.
type Location struct {
	// Site is the site of the configuration the file system belongs to, "" when
	// none does.
	Site string
	// URI names the file system, hdfs://prod or hdfs://namenode:8020; it is ""
	// for that of this machine.
	URI string
	// NameNodes are the addresses that serve an HDFS, in the order to try them.
	NameNodes []string
	// S3 and OSS say how to reach the bucket that the location is in.
	S3  *S3
	OSS *OSS
	// User is who to be on an HDFS.
	User string
	// DataNodesByName reaches its DataNodes by their host names.
	DataNodesByName bool
	// Path is absolute and clean.
	Path string
}

// Local reports whether the location is on this machine.
func (l Location) Local() bool { return l.URI == "" }

// String is the location as a full URI, or as a path of this machine.
func (l Location) String() string { return l.URI + l.Path }

var (
	withScheme = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]*)://([^/]*)(.*)$`)
	withSite   = regexp.MustCompile(`^([a-z0-9][a-z0-9-]{0,62}):(/.*)$`)
)

// Locate resolves what an operator writes: site:/path for a site of this
// configuration, a full URI hdfs://namenode:8020/path or hdfs://nameservice/path,
// file:///path, s3://bucket/path or oss://bucket/path for the bucket of a site, or
// a path of this machine. A nameservice is looked up in the Hadoop files of all
// sites. The zero Config resolves everything but sites, buckets and nameservices.
func (c Config) Locate(text string) (Location, error) {
	if text == "" {
		return Location{}, fault.As(fault.InvalidInput, fmt.Errorf("the location is empty: write site:/path, hdfs://namenode:8020/path or a path"))
	}
	if m := withScheme.FindStringSubmatch(text); m != nil {
		return c.locateURI(text, m[1], m[2], m[3])
	}
	if m := withSite.FindStringSubmatch(text); m != nil {
		return c.locateSite(text, m[1], m[2])
	}
	absolute, err := filepath.Abs(text)
	if err != nil {
		return Location{}, fmt.Errorf("location %s: %w", text, err)
	}
	return Location{Path: filepath.ToSlash(absolute)}, nil
}

func (c Config) locateSite(text, name, at string) (Location, error) {
	site, ok := c.Sites[name]
	if !ok && len(c.Sites) == 0 {
		return Location{}, fault.As(fault.NotFound, fmt.Errorf("location %s: there is no configuration with a site %q: give --config, or a full URI; a file of that name is ./%s", text, name, text))
	}
	if !ok {
		return Location{}, fault.As(fault.NotFound, fmt.Errorf("location %s: %s has no site %q%s", text, filepath.Base(c.path), name, nearest.Hint(name, c.SiteNames())))
	}
	if !site.HasSnapshots() {
		return site.located(name, at), nil
	}
	return Location{Site: name, URI: site.HDFS.URI, NameNodes: site.HDFS.NameNodes, User: site.HDFS.User, DataNodesByName: site.HDFS.DataNodesByName, Path: path.Clean(at)}, nil
}

func (c Config) locateURI(text, scheme, authority, at string) (Location, error) {
	switch {
	case scheme == "file" && authority == "" && at != "":
		return Location{Path: path.Clean(at)}, nil
	case scheme == "file":
		return Location{}, fault.As(fault.InvalidInput, fmt.Errorf("location %s: write file:///path", text))
	case scheme == "s3" || scheme == "oss":
		return c.locateBucket(text, scheme, authority, at)
	case scheme != "hdfs":
		return Location{}, fault.As(fault.Unsupported, fmt.Errorf("location %s: %s is not supported: hdfs, s3, oss and paths of this machine are", text, scheme))
	case authority == "":
		return Location{}, fault.As(fault.InvalidInput, fmt.Errorf("location %s has no address: write hdfs://namenode:8020%s", text, at))
	case strings.ContainsAny(authority, "@?#% "):
		return Location{}, fault.As(fault.InvalidInput, fmt.Errorf("location %s: %q is neither host:port nor a nameservice", text, authority))
	}
	l := Location{URI: "hdfs://" + authority, User: currentUser(), Path: path.Clean("/" + at)}
	if err := c.resolve(&l, authority); err != nil {
		return Location{}, fault.As(fault.InvalidInput, fmt.Errorf("location %s: %w", text, err))
	}
	return l, nil
}

// resolve finds the NameNodes behind an authority and the site they belong to,
// whose user is taken.
func (c Config) resolve(l *Location, authority string) error {
	var names []string // sites whose files know the authority as a nameservice
	for _, name := range c.SiteNames() {
		properties := c.Sites[name].properties
		if !slices.Contains(append(properties.List("dfs.nameservices"), properties.List("dfs.internal.nameservices")...), authority) {
			continue
		}
		found, err := properties.NameNodes(l.URI)
		if err != nil {
			return fmt.Errorf("site %s: %w", name, err)
		}
		if l.NameNodes != nil && !slices.Equal(l.NameNodes, found) {
			return fmt.Errorf("sites %s and %s know different NameNodes for %s: write it as site:/path", names[0], name, authority)
		}
		l.NameNodes = found
		names = append(names, name)
	}
	if l.NameNodes == nil {
		l.NameNodes = []string{withPort(authority)}
	}
	for _, name := range c.SiteNames() {
		site := c.Sites[name]
		if slices.Equal(site.HDFS.NameNodes, l.NameNodes) || len(l.NameNodes) == 1 && slices.Contains(site.HDFS.NameNodes, l.NameNodes[0]) {
			l.Site, l.User, l.DataNodesByName = name, site.HDFS.User, site.HDFS.DataNodesByName
			return nil
		}
	}
	return nil
}
