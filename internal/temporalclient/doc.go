// Package temporalclient connects to Temporal: it decides which service is
// meant, keeps trying while one starts, and says in words what to do when none
// answers. It is the one package under internal/ that imports the Temporal SDK;
// no engine does.
package temporalclient
