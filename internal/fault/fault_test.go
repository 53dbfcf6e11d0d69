package fault_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"drover/internal/fault"
)

func TestKindOf(t *testing.T) {
	plain := errors.New("plain")
	cases := []struct {
		name string
		err  error
		want fault.Kind
	}{
		{"nil", nil, fault.Unknown},
		{"not marked", plain, fault.Unknown},
		{"marked", fault.As(fault.Denied, plain), fault.Denied},
		{"wrapped afterwards", fmt.Errorf("stat x: %w", fault.As(fault.NotFound, plain)), fault.NotFound},
		{"outer mark wins", fault.As(fault.Conflict, fmt.Errorf("add: %w", fault.As(fault.NotFound, plain))), fault.Conflict},
		{"joined", errors.Join(plain, fault.As(fault.Mismatch, plain)), fault.Mismatch},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := fault.KindOf(c.err); got != c.want {
				t.Errorf("KindOf(%v) = %q, want %q", c.err, got, c.want)
			}
		})
	}
}

func TestMarkingChangesNeitherTextNorIdentity(t *testing.T) {
	cause := fmt.Errorf("stat x: %w", fs.ErrNotExist)
	err := fault.As(fault.NotFound, cause)
	if err.Error() != cause.Error() {
		t.Errorf("text = %q, want %q", err, cause)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("errors.Is(%v, fs.ErrNotExist) = false", err)
	}
	if fault.As(fault.Denied, nil) != nil {
		t.Error("As(Denied, nil) is an error")
	}
}

func TestPermanent(t *testing.T) {
	want := map[fault.Kind]bool{
		fault.InvalidInput: true, fault.Conflict: true, fault.Denied: true, fault.Mismatch: true,
		fault.Unsupported: true, fault.Aborted: true, fault.NotFound: false, fault.Unavailable: false, fault.Unknown: false,
	}
	for _, kind := range append(fault.Kinds(), fault.Unknown) {
		permanent, listed := want[kind]
		if !listed || kind.Permanent() != permanent {
			t.Errorf("%q.Permanent() = %v, want %v (listed %v)", kind, kind.Permanent(), permanent, listed)
		}
	}
	if fault.Kind("PanicError").Known() || fault.Unknown.Known() || !fault.Denied.Known() {
		t.Error("Known() must hold for the listed kinds only")
	}
}
