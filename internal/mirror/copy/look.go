package copy

import (
	"context"
	"errors"
	"io/fs"

	"drover/internal/hadoop/namenode"
	"drover/internal/mirror/tree"
)

// seenFiles is what listings told of some names of a directory.
type seenFiles struct {
	files map[string]namenode.Status
	// until is the last name of which is known whether it is there; all says
	// that it is known of every name.
	until string
	all   bool
}

// at returns a name's status, nil when it is known not to be there.
func (s seenFiles) at(name string) (_ *namenode.Status, known bool) {
	if st, ok := s.files[name]; ok {
		return &st, true
	}
	return nil, s.all || (s.until != "" && namenode.CompareNames(name, s.until) <= 0)
}

// sparse is how many of a listing's entries may be of no interest for each that
// is, before asking for single files is cheaper.
const sparse = 32

// lookAt lists the part of a directory in which the entries, in the NameNode's
// order, lie. It stops where they lie far apart.
func lookAt(ctx context.Context, t tree.Tree, dir string, entries []tree.Entry, blocks bool) (seenFiles, error) {
	out := seenFiles{files: make(map[string]namenode.Status, len(entries))}
	after := before(name(entries[0]))
	for len(entries) > 0 {
		list, remaining, err := t.NN.ListPage(ctx, t.Path(dir), after, blocks)
		if err != nil {
			return out, err
		}
		hits := 0
		for _, s := range list {
			for len(entries) > 0 && namenode.CompareNames(name(entries[0]), s.Name) < 0 {
				entries = entries[1:]
			}
			if len(entries) > 0 && name(entries[0]) == s.Name {
				out.files[s.Name] = s
				hits++
			}
		}
		if remaining == 0 || len(list) == 0 {
			out.all = true
			return out, nil
		}
		out.until = list[len(list)-1].Name
		if hits*sparse < len(list) {
			return out, nil
		}
		after = []byte(out.until)
		if len(entries) > 0 {
			if next := before(name(entries[0])); namenode.CompareNames(out.until, string(next)) < 0 {
				after = next
			}
		}
	}
	return out, nil
}

// before returns a name that sorts right before the given one, close enough
// that hardly any other lies between them.
func before(name string) []byte {
	const lowest, highest = 0x80, 0x7f // as the NameNode compares bytes
	if name == "" {
		return nil
	}
	out := []byte(name)
	last := &out[len(out)-1]
	if *last == lowest {
		return out[:len(out)-1]
	}
	*last--
	return append(out, highest)
}

func isAbsent(err error) bool { return errors.Is(err, fs.ErrNotExist) }
