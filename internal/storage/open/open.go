// Package open turns the address of a file system into a store. It is the one
// package that names the drivers.
package open

import (
	"fmt"
	"io"
	"net/url"

	"drover/internal/config"
	"drover/internal/secret"
	"drover/internal/storage"
	"drover/internal/storage/hdfs"
	"drover/internal/storage/local"
	"drover/internal/storage/oss"
	"drover/internal/storage/s3"
)

// Store is a store that must be closed after use.
type Store interface {
	storage.Store
	io.Closer
}

// At opens the file system that a location lies in. Its path there is l.Path.
func At(l config.Location) (Store, error) {
	s, err := at(l)
	if err != nil {
		return nil, fmt.Errorf("location %s: %w", l, err)
	}
	return s, nil
}

func at(l config.Location) (Store, error) {
	switch {
	case l.S3 != nil:
		return s3.Open(s3.Config{
			Endpoint: l.S3.Endpoint, Region: l.S3.Region, Bucket: l.S3.Bucket, PathStyle: l.S3.PathStyle,
			Keys: keys(l.S3.AccessKey, l.S3.SecretKey),
		})
	case l.OSS != nil:
		return oss.Open(oss.Config{
			Endpoint: l.OSS.Endpoint, Bucket: l.OSS.Bucket, Keys: keys(l.OSS.AccessKeyID, l.OSS.AccessKeySecret),
		})
	case l.Local():
		return local.Open("/")
	}
	return HDFS(config.HDFS{NameNodes: l.NameNodes, User: l.User, DataNodesByName: l.DataNodesByName})
}

// keys resolves a pair of keys when they are needed.
func keys(id, secretKey secret.Ref) func() (string, string, error) {
	return func() (string, string, error) {
		access, err := id.Resolve()
		if err != nil {
			return "", "", err
		}
		hidden, err := secretKey.Resolve()
		return access.Reveal(), hidden.Reveal(), err
	}
}

// HDFS opens the file system that the NameNodes of c serve, as its user.
func HDFS(c config.HDFS) (Store, error) {
	s, err := hdfs.Open(hdfs.Config{NameNodes: c.NameNodes, User: c.User, UseDataNodeHostname: c.DataNodesByName})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Root opens the file system that holds root, a full URI such as
// hdfs://namenode:8020/hbase, and returns the path of root in it. c says who
// serves it, and who writes.
func Root(root string, c config.HDFS) (Store, string, error) {
	u, err := url.Parse(root)
	if err != nil {
		return nil, "", fmt.Errorf("root directory %q is no URI: %w", root, err)
	}
	switch u.Scheme {
	case "hdfs":
		s, err := HDFS(c)
		if err != nil {
			return nil, "", fmt.Errorf("root directory %s: %w", root, err)
		}
		return s, u.Path, nil
	case "":
		return nil, "", fmt.Errorf("root directory %q has no scheme: write it as hdfs://namenode:8020/hbase", root)
	default:
		return nil, "", fmt.Errorf("root directory %s: %s is not supported, only hdfs is", root, u.Scheme)
	}
}
