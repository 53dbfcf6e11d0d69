package activities

// LedgerInput is a step of a mirror to a place without snapshots.
type LedgerInput struct {
	MirrorAt
	// Snapshot of the source; From is the one that the ledger's newest
	// generation is of, where the step goes from there.
	Snapshot string `json:"snapshot,omitempty"`
	From     string `json:"from,omitempty"`
	// Parallel is how many files are brought at a time.
	Parallel int `json:"parallel,omitempty"`
	// BytesPerSecond limits what is read from the source; 0 is no limit.
	BytesPerSecond int64 `json:"bytesPerSecond,omitempty"`
}

// LedgerRoundResult is what a round found and did. Copied.Adopted counts files
// that were copied inside the target.
type LedgerRoundResult struct {
	Plan   MirrorRoundPlan `json:"plan"`
	Copied MirrorCopied    `json:"copied"`
}
