package step

import (
	"encoding/json"
	"fmt"
)

// Remember keeps a small value under key for the rest of the run, also after
// it continued as new. It shares its keys with Once.
func Remember[T any](r *Run, key string, value T) error {
	kept, err := encode(value)
	if err != nil {
		return fmt.Errorf("remember %s: %w", key, err)
	}
	if r.state.Results == nil {
		r.state.Results = map[string]json.RawMessage{}
	}
	r.state.Results[key] = kept
	return nil
}

// Forget drops what was remembered under the keys, and the cursors of the
// passes so named: a runbook that goes in rounds begins each of them afresh,
// and its state does not grow with their number.
func Forget(r *Run, keys ...string) {
	for _, key := range keys {
		delete(r.state.Results, key)
		delete(r.state.Cursors, key)
	}
}

// Recall returns what was remembered under key. A value that cannot be read
// any more counts as not remembered.
func Recall[T any](r *Run, key string) (T, bool) {
	var value T
	kept, ok := r.state.Results[key]
	if !ok || decode(kept, &value) != nil {
		return value, false
	}
	return value, true
}
