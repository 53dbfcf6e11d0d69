// Package advice adds to what an HDFS refuses what to do about it, once, where
// the refusal reaches an operator. Its kinds tell Temporal what mends itself
// with time or with a hand at the cluster, and is tried again until then, from
// what will be refused for ever.
package advice

import (
	"errors"
	"fmt"
	"io/fs"

	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
)

// given marks an error that has its advice.
type given struct{ error }

func (g given) Unwrap() error { return g.error }

// On returns the error with what to do next, if that is known here.
func On(err error) error {
	var had given
	if err == nil || errors.As(err, &had) {
		return err
	}
	switch {
	case errors.Is(err, namenode.ErrQuota):
		return add(fault.Unavailable, err, "raise the quota (hdfs dfsadmin -setSpaceQuota, -setQuota) or make room below it; the run then goes on by itself")
	case errors.Is(err, namenode.ErrNoRoom):
		return add(fault.Unavailable, err, "the DataNodes are full or down (hdfs dfsadmin -report): make room or start them; the run then goes on by itself")
	case errors.Is(err, namenode.ErrSafeMode):
		return add(fault.Unavailable, err, "see what it waits for (hdfs dfsadmin -safemode get, -report); the run goes on by itself when it has left it")
	case errors.Is(err, fs.ErrPermission):
		// The preflight saw a superuser on both sides: somebody has changed that
		// since, and what was copied by then is not to be lost over it.
		return add(fault.Unavailable, err, "let the worker act as a superuser of both HDFS again (hdfs.user of the sites, dfs.permissions.superusergroup); the run then goes on by itself")
	}
	return err
}

func add(kind fault.Kind, err error, what string) error {
	return fault.As(kind, given{fmt.Errorf("%w; %s", err, what)})
}
