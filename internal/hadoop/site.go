package hadoop

import (
	"os"
	"slices"
	"strings"
)

// maxSubstitutions is Configuration.MAX_SUBST: deeper nesting is an error there.
const maxSubstitutions = 20

// Property is one entry of a site file, its value before expansion.
type Property struct {
	Name, Value string
	Final       bool
	Source      string // the file it stands in
}

// Site is the merged content of site files. The zero Site is empty and usable.
type Site struct {
	properties map[string]Property
	lookupEnv  func(string) (string, bool)
}

// NewSite merges properties in order: a later one wins unless an earlier one of
// the same name is final. Deprecated names are stored under their new one.
func NewSite(properties []Property) Site {
	site := Site{properties: map[string]Property{}, lookupEnv: os.LookupEnv}
	for _, property := range properties {
		property.Name = currentName(property.Name)
		if site.properties[property.Name].Final {
			continue
		}
		site.properties[property.Name] = property
	}
	return site
}

// WithEnv returns the site with another environment behind ${env.NAME}.
func (s Site) WithEnv(lookup func(string) (string, bool)) Site {
	s.lookupEnv = lookup
	return s
}

// Get returns a property's value, expanded and trimmed, and whether it is set.
// A value whose expansion nests too deep is returned as it stands in the file.
func (s Site) Get(name string) (string, bool) {
	property, ok := s.properties[currentName(name)]
	if !ok {
		return "", false
	}
	return strings.TrimSpace(s.expand(property.Value)), true
}

// GetOr returns Get's value, or fallback when the property is absent or blank.
func (s Site) GetOr(name, fallback string) string {
	if value, ok := s.Get(name); ok && value != "" {
		return value
	}
	return fallback
}

// List returns a comma-separated value's parts, trimmed, empty ones left out.
func (s Site) List(name string) []string {
	value, _ := s.Get(name)
	var parts []string
	for part := range strings.SplitSeq(value, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// Source returns the file that set the property, "" when none did.
func (s Site) Source(name string) string { return s.properties[currentName(name)].Source }

// Names lists the properties that are set, sorted.
func (s Site) Names() []string {
	names := make([]string, 0, len(s.properties))
	for name := range s.properties {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// currentName translates the deprecated names that are still met in the field
// (Configuration's deprecation table holds hundreds; these are the ones read).
func currentName(name string) string {
	switch name {
	case "fs.default.name":
		return "fs.defaultFS"
	case "dfs.federation.nameservices":
		return "dfs.nameservices"
	}
	return name
}

// expand replaces ${…} until nothing is left to replace. As in Java, a
// reference to something unknown ends the expansion and stays in the text; one
// that leads back to itself undoes the expansion.
func (s Site) expand(text string) string {
	original := text
	seen := map[string]bool{}
	for range maxSubstitutions {
		start, end, name := findReference(text)
		if name == "" {
			return text
		}
		if seen[name+"\x00"+text] {
			return original
		}
		seen[name+"\x00"+text] = true
		value, ok := s.lookup(name)
		if !ok {
			return text
		}
		if strings.Contains(value, "${"+name+"}") {
			return original
		}
		text = text[:start] + value + text[end:]
	}
	return original
}

// lookup resolves a reference: env.NAME, env.NAME-default (variable unset),
// env.NAME:-default (unset or empty), else another property.
func (s Site) lookup(reference string) (string, bool) {
	if variable, ok := strings.CutPrefix(reference, "env."); ok && s.lookupEnv != nil {
		return s.environment(variable)
	}
	property, ok := s.properties[currentName(reference)]
	return property.Value, ok
}

func (s Site) environment(variable string) (string, bool) {
	if i := strings.IndexByte(variable, '-'); i >= 0 {
		name, fallback := variable[:i], variable[i+1:]
		name, emptyToo := strings.CutSuffix(name, ":")
		value, set := s.lookupEnv(name)
		if !set || (emptyToo && value == "") {
			return fallback, true
		}
		return value, true
	}
	return s.lookupEnv(variable)
}

// findReference locates the innermost ${name} that comes first; Java forbids
// blanks, dollars and braces in a name.
func findReference(text string) (start, end int, name string) {
	for from := 0; ; {
		closing := strings.IndexByte(text[from:], '}')
		if closing < 0 {
			return 0, 0, ""
		}
		closing += from
		opening := strings.LastIndex(text[:closing], "${")
		if opening >= 0 && closing > opening+2 && !strings.ContainsAny(text[opening+2:closing], " $") {
			return opening, closing + 1, text[opening+2 : closing]
		}
		from = closing + 1
	}
}
