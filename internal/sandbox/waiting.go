package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// waiting is the set of daemons that do not serve yet, with the last reason
// each gave. Its text is read by the goroutine that reports progress.
type waiting struct {
	sandbox *Sandbox
	started map[string]int       // how often, by us
	logRead map[string]time.Time // when each log was last read

	mu   sync.Mutex
	left []string
	why  map[string]error
}

func (w *waiting) names() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.left)
}

func (w *waiting) done() bool { return len(w.names()) == 0 }

// settle notes the outcome of one look at a daemon.
func (w *waiting) settle(name string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.why[name] = err
	if err == nil {
		w.left = slices.DeleteFunc(w.left, func(n string) bool { return n == name })
	}
}

// String names the daemons waited for, the first one with its reason.
func (w *waiting) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.left) == 0 {
		return "nothing"
	}
	text := strings.Join(w.left, ", ")
	if why := w.why[w.left[0]]; why != nil {
		line, _, _ := strings.Cut(why.Error(), "\n")
		text += fmt.Sprintf(" (%s %s)", w.left[0], line)
	}
	return text
}
