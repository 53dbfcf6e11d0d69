package activities

import (
	"strings"
	"testing"

	"drover/internal/config"
	"drover/internal/fault"
	"drover/internal/secret"
)

func hooked(t *testing.T, script string) *Mirror {
	t.Helper()
	t.Setenv("HOOK_TOKEN", "hush-hush")
	token, err := secret.ParseRef("env:HOOK_TOKEN")
	if err != nil {
		t.Fatal(err)
	}
	return NewMirror(NewSites(config.Config{Hooks: map[string]config.Hook{
		"stop": {Command: []string{"/bin/sh", "-c", script}, Env: map[string]secret.Ref{"TOKEN": token}},
	}}))
}

func stop(attempt int) HookInput {
	at := MirrorAt{Pair: Pair{Source: "a", Target: "b"}, SourcePath: "/x", TargetPath: "/y", RunKey: "r"}
	return HookInput{MirrorAt: at, Name: "stop", Event: "beforeSwitch", Snapshot: "s1", Attempt: attempt}
}

func TestAHookKnowsTheRunAndItsSecret(t *testing.T) {
	a := hooked(t, `echo $DROVER_KEY $DROVER_EVENT $DROVER_SOURCE$DROVER_SOURCE_PATH $DROVER_TARGET$DROVER_TARGET_PATH $DROVER_SNAPSHOT ${#TOKEN} $TOKEN`)
	res, err := a.RunHook(t.Context(), stop(2))
	if want := "r/beforeSwitch/stop/2 beforeSwitch a/x b/y s1 9 **redacted**"; err != nil || res.Tail != want {
		t.Errorf("said %q, %v, want %q", res.Tail, err, want)
	}
}

func TestAHookThatFailsIsNotTriedAgain(t *testing.T) {
	_, err := hooked(t, "echo $TOKEN is wrong; exit 3").RunHook(t.Context(), stop(1))
	if err == nil || !fault.KindOf(err).Permanent() {
		t.Fatalf("error %v of kind %q, want a permanent one", err, fault.KindOf(err))
	}
	for _, want := range []string{"hook stop", "exit code 3", "**redacted** is wrong"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}

func TestAHookThatNobodyConfiguredIsRefused(t *testing.T) {
	in := stop(1)
	in.Name = "start"
	_, err := hooked(t, "true").RunHook(t.Context(), in)
	if fault.KindOf(err) != fault.InvalidInput || err.Error() != "hook start is not in this worker's configuration (it has [stop])" {
		t.Errorf("error %v, want it named", err)
	}
}
