package config

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"drover/internal/fault"
	"drover/internal/secret"
)

// Local is a site that is a directory of the machines its workers run on, a
// mounted file system for instance.
type Local struct {
	// Root is the directory that paths of the site begin at.
	Root string `yaml:"root"`
}

// S3 is a site that is a bucket of S3, or of a store that speaks its protocol.
type S3 struct {
	// Endpoint is https://host or http://host:port.
	Endpoint string `yaml:"endpoint"`
	// Region defaults to us-east-1.
	Region string `yaml:"region"`
	Bucket string `yaml:"bucket"`
	// AccessKey and SecretKey refer to the keys.
	AccessKey secret.Ref `yaml:"accessKey"`
	SecretKey secret.Ref `yaml:"secretKey"`
	// PathStyle puts the bucket into the path of the address instead of its
	// host name: most stores other than Amazon's want it.
	PathStyle bool `yaml:"pathStyle"`
}

// OSS is a site that is a bucket of Alibaba Cloud's object store.
type OSS struct {
	// Endpoint is https://oss-cn-hangzhou.aliyuncs.com or the like.
	Endpoint string `yaml:"endpoint"`
	Bucket   string `yaml:"bucket"`
	// AccessKeyID and AccessKeySecret refer to the keys.
	AccessKeyID     secret.Ref `yaml:"accessKeyId"`
	AccessKeySecret secret.Ref `yaml:"accessKeySecret"`
}

// DefaultLedger is where a site without snapshots keeps the ledgers of what is
// mirrored to it, unless Site.Ledger says otherwise.
const DefaultLedger = "/.drover-ledger"

// HasSnapshots reports whether the site's file system can keep snapshots: it is
// an HDFS, and neither a bucket nor a directory.
func (s Site) HasSnapshots() bool {
	return s.Local == (Local{}) && s.S3 == (S3{}) && s.OSS == (OSS{})
}

// completeStore fills in the paths and defaults of a site without snapshots.
func (s *Site) completeStore(dir string) {
	s.Local.Root = within(dir, s.Local.Root)
	if s.Ledger == "" {
		s.Ledger = DefaultLedger
	}
	for _, ref := range []*secret.Ref{&s.S3.AccessKey, &s.S3.SecretKey, &s.OSS.AccessKeyID, &s.OSS.AccessKeySecret} {
		if file, isFile := ref.Path(); isFile {
			*ref = ref.WithPath(within(dir, file))
		}
	}
}

// storeProblems says what is wrong with a site without snapshots.
func (s Site) storeProblems() []error {
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	kinds := 0
	for _, there := range []bool{s.Local != (Local{}), s.S3 != (S3{}), s.OSS != (OSS{}), s.HasHBase() || !s.HDFS.empty()} {
		if there {
			kinds++
		}
	}
	if kinds > 1 {
		wrong("a site is one of hdfs (with or without hbase), local, s3 and oss: name the others as sites of their own")
	}
	if s.S3 != (S3{}) {
		problems = append(problems, bucketProblems("s3", s.S3.Endpoint, s.S3.Bucket)...)
		if s.S3.AccessKey.IsZero() || s.S3.SecretKey.IsZero() {
			wrong("s3.accessKey and s3.secretKey are missing: write env:NAME or file:PATH")
		}
	}
	if s.OSS != (OSS{}) {
		problems = append(problems, bucketProblems("oss", s.OSS.Endpoint, s.OSS.Bucket)...)
		if s.OSS.AccessKeyID.IsZero() || s.OSS.AccessKeySecret.IsZero() {
			wrong("oss.accessKeyId and oss.accessKeySecret are missing: write env:NAME or file:PATH")
		}
	}
	if !path.IsAbs(s.Ledger) || path.Clean(s.Ledger) != s.Ledger || s.Ledger == "/" {
		wrong("ledger %q: write a directory of the site such as %s", s.Ledger, DefaultLedger)
	}
	return problems
}

func bucketProblems(key, endpoint, bucket string) []error {
	var problems []error
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" || u.User != nil {
		problems = append(problems, fmt.Errorf("%s.endpoint %q: write https://host or http://host:port", key, endpoint))
	}
	if bucket == "" || strings.Contains(bucket, "/") {
		problems = append(problems, fmt.Errorf("%s.bucket %q: write the name of the bucket", key, bucket))
	}
	return problems
}

// located is the location at a path of a site without snapshots.
func (s Site) located(name, at string) Location {
	l := Location{Site: name, Path: path.Clean(at)}
	switch {
	case s.S3 != (S3{}):
		l.URI, l.S3 = "s3://"+s.S3.Bucket, &s.S3
	case s.OSS != (OSS{}):
		l.URI, l.OSS = "oss://"+s.OSS.Bucket, &s.OSS
	default:
		l.Path = path.Join(filepath.ToSlash(s.Local.Root), l.Path)
	}
	return l
}

// locateBucket resolves s3://bucket/path and oss://bucket/path: the keys are
// those of the one site whose bucket it is.
func (c Config) locateBucket(text, scheme, bucket, at string) (Location, error) {
	var names []string
	for _, name := range c.SiteNames() {
		if s := c.Sites[name]; scheme == "s3" && s.S3.Bucket == bucket || scheme == "oss" && s.OSS.Bucket == bucket {
			names = append(names, name)
		}
	}
	switch {
	case bucket == "":
		return Location{}, fault.As(fault.InvalidInput, fmt.Errorf("location %s names no bucket: write %s://bucket%s", text, scheme, at))
	case len(names) == 0:
		return Location{}, fault.As(fault.NotFound, fmt.Errorf("location %s: no site of the configuration has the bucket %s: its endpoint and keys are told there (sites.NAME.%s)", text, bucket, scheme))
	case len(names) > 1:
		return Location{}, fault.As(fault.InvalidInput, fmt.Errorf("location %s: sites %s have a bucket of that name: write it as site:/path", text, strings.Join(names, " and ")))
	}
	return c.Sites[names[0]].located(names[0], "/"+at), nil
}

// LedgerOf returns where the ledgers of what is mirrored to a site are kept, in
// the site's own store.
func (c Config) LedgerOf(site string) (Location, error) {
	s, ok := c.Sites[site]
	if !ok || s.HasSnapshots() {
		return Location{}, errors.New("site " + site + " keeps snapshots, and no ledger")
	}
	return s.located(site, s.Ledger), nil
}
