//go:build cluster

package activities_test

import (
	"testing"

	"drover/internal/sandbox/sandboxtest"
)

// TestARoundGoesOnOverFailovers has the NameNodes of a high-availability pair
// change places while a round writes to them: first in order, then because the
// active one is killed.
func TestARoundGoesOnOverFailovers(t *testing.T) {
	t.Parallel()
	source, err := sandboxtest.Shared(t).Site("a")
	if err != nil {
		t.Fatal(err)
	}
	b := sandboxtest.OwnPair(t)
	b.Activate(sandboxtest.NameNode)
	b.AwaitWritable()
	f := newFaulty(t, []string{source.NameNode}, b)
	f.bytesPerSecond = 4 * mib
	before := f.held().Length
	ended := f.start()
	f.when(ended, "a quarter was copied", func() bool { return f.held().Length > before+3*mib })
	b.Deactivate(sandboxtest.NameNode)
	b.Activate(sandboxtest.SecondNameNode)
	f.when(ended, "half was copied", func() bool { return f.held().Length > before+6*mib })
	b.Kill(sandboxtest.SecondNameNode)
	b.Activate(sandboxtest.NameNode)
	f.end(ended)
	b.Start(sandboxtest.SecondNameNode)
}
