package advice_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"drover/internal/fault"
	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/advice"
)

func TestAdviceIsGivenOnce(t *testing.T) {
	for _, c := range []struct {
		err  error
		kind fault.Kind
		says string
	}{
		{namenode.ErrQuota, fault.Unavailable, "raise the quota"},
		{namenode.ErrNoRoom, fault.Unavailable, "make room"},
		{namenode.ErrSafeMode, fault.Unavailable, "safemode get"},
		{fs.ErrPermission, fault.Unavailable, "act as a superuser"},
	} {
		err := advice.On(fmt.Errorf("copy x: %w", c.err))
		err = advice.On(fmt.Errorf("round: %w", err))
		if !errors.Is(err, c.err) || fault.KindOf(err) != c.kind || strings.Count(err.Error(), c.says) != 1 {
			t.Errorf("%v: got %q of kind %s, want %q once and kind %s", c.err, err, fault.KindOf(err), c.says, c.kind)
		}
	}
	if plain := errors.New("plain"); advice.On(plain) != plain || advice.On(nil) != nil {
		t.Error("advice about what nobody knows anything of")
	}
}
