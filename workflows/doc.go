// Package workflows holds the runbooks as Temporal workflows: deterministic
// code that reads from top to bottom and calls activities for everything it
// does. One flat package, because the SDK keys functions by their short name.
package workflows
