package verify

import "testing"

func TestPoliciesAreComparedAsOwnOrInherited(t *testing.T) {
	inherited := func(p byte) entry { return entry{kind: file, has: hasPolicy, policy: p, inherits: true} }
	own := func(p byte) entry { return entry{kind: file, has: hasPolicy, policy: p} }
	for _, c := range []struct {
		name           string
		source, target entry
		want           string
	}{
		{"none anywhere", inherited(0), inherited(0), ""},
		{"inherited from other places", inherited(2), inherited(0), ""},
		{"the same, its own", own(2), own(2), ""},
		{"its own, in force from above at the target", own(2), inherited(2), ""},
		{"its own HOT where HOT is in force", own(7), inherited(0), ""},
		{"its own, missing at the target", own(2), inherited(0), "COLD inherited"},
		{"another of its own", own(2), own(5), "COLD WARM"},
		{"inherited, pinned at the target", inherited(2), own(2), "inherited COLD"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			for _, d := range differences(c.source, c.target, Options{Metadata: true}) {
				got = d.Source + " " + d.Target
			}
			if got != c.want {
				t.Errorf("difference %q, want %q", got, c.want)
			}
		})
	}
}
