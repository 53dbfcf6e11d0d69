// Package e2e runs the runbooks end to end: real clusters, a real Temporal
// server, a worker in a process of its own that is killed. Its tests have the
// build tag cluster.
package e2e
