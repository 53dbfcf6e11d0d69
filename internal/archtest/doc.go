// Package archtest holds the rules of ARCHITECTURE.md as tests: who may import
// whom, how long a file and a function may be, and what no source may contain.
// It has no code of its own.
package archtest
