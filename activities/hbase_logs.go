package activities

import (
	"context"
	"fmt"
	"sync"
	"time"

	"drover/internal/fault"
	"drover/internal/hbase/check"
)

// lookAtLogsEvery is often against the hours in which logs fill a file system,
// and seldom for its NameNode.
const lookAtLogsEvery = 30 * time.Second

// logWatch looks, while the run's peer is disabled and the source therefore
// keeps all of its logs, whether it still has room for them.
type logWatch struct {
	site   string
	look   func(context.Context) (check.Logs, error)
	accept bool // the operator takes on a source that runs full
	stop   context.CancelCauseFunc
	done   chan struct{}

	mu   sync.Mutex
	most int64  // bytes of logs
	low  string // the first warning
}

// logWatch looks at the source of an export.
func (a *HBase) logWatch(in ExportInput) (*logWatch, error) {
	source, err := a.sites.get(in.Source)
	if err != nil {
		return nil, err
	}
	look := func(ctx context.Context) (check.Logs, error) {
		return check.LookAtLogs(ctx, source.nameNode, source.root)
	}
	return &logWatch{site: source.name, look: look, accept: in.SourceFull}, nil
}

// watchLogs looks once, and then now and then until end. The context it returns
// ends when the source is about to run full, with a cause that says so.
func watchLogs(ctx context.Context, every time.Duration, w *logWatch) context.Context {
	ctx, w.stop = context.WithCancelCause(ctx)
	w.done = make(chan struct{})
	w.once(ctx)
	go func() {
		defer close(w.done)
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				w.once(ctx)
			}
		}
	}()
	return ctx
}

// once looks. A look that fails says nothing: what it asked is also what copies
// the files, and that fails by itself.
func (w *logWatch) once(ctx context.Context) {
	l, err := w.look(ctx)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.most = max(w.most, l.Bytes)
	if l.Low() && w.low == "" {
		w.low = fmt.Sprintf("%s is running full while the replication peer is disabled: %s", w.site, l)
	}
	if l.Full() && !w.accept {
		w.stop(fault.As(fault.Conflict, fmt.Errorf("%s is about to run full: %s; the run ends so that its replication peer goes and the logs can be deleted: make room there and start again, or accept source-space", w.site, l)))
	}
}

// end ends the looking; it returns the error of a source that runs full.
func (w *logWatch) end(ctx context.Context) error {
	full := context.Cause(ctx)
	w.stop(nil)
	<-w.done
	if fault.KindOf(full) == fault.Conflict {
		return full
	}
	return nil
}
