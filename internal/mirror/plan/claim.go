package plan

import "fmt"

// Claim is what a change says of both trees: Before is its path in the one the
// difference begins with, After in the one it leads to.
//
//   - Modified, Renamed: both are there, and are one inode;
//   - Created: After is there, and is not the inode at Before, if one is there;
//   - Deleted: Before is there, and is not the inode at After, if one is there.
type Claim struct {
	Kind          Kind
	Before, After string
}

// Claims returns what the changes say, one claim for each. Whoever has a
// difference from a text, in which a name with a line break may have forged
// entries, looks them up.
func (d Diff) Claims() ([]Claim, error) {
	now := moves{} // from the earlier tree to the later
	for _, c := range d.Changes {
		if !c.Kind.known() || c.Kind != Modified && c.Path == "" || (c.Kind == Renamed) != (c.Target != "") {
			return nil, fmt.Errorf("the change %s of %q to %q makes no sense", c.Kind, c.Path, c.Target)
		}
		if c.Kind != Renamed {
			continue
		}
		if d.Backward {
			c = c.turned()
		}
		now[c.Path] = c.Target
	}
	out := make([]Claim, len(d.Changes))
	for i, c := range d.Changes {
		claim := Claim{Kind: c.Kind, Before: c.Path}
		switch c.Kind {
		case Renamed:
			claim.After = c.Target
			out[i] = claim
			continue
		case Modified:
			claim.After = now.follow(c.Path)
		case Created, Deleted:
			claim.After = join(now.follow(parent(c.Path)), base(c.Path))
		}
		if d.Backward {
			claim.Before, claim.After = claim.After, claim.Before
		}
		out[i] = claim
	}
	return out, nil
}
