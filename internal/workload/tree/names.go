package tree

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// maxName is the longest name of one path component in bytes
// (dfs.namenode.fs-limits.max-component-length).
const maxName = 255

// oddNames are names that HDFS takes and that tools stumble over: characters
// that URIs, globs, shells and Java's Path give a meaning to, names MapReduce
// takes for hidden, what `hdfs snapshotDiff` prints between two paths, and one
// name in both of Unicode's normal forms. There is none with a colon, a lone
// dot or two dots: the NameNode refuses those everywhere
// (DFSUtilClient.isValidName).
func oddNames() []string {
	return []string{
		" ", " leading", "trailing ", "two  blanks", "a b", "tab\there",
		"%", "%20", "100%", "%2F", "%zz", "a+b", "a&b=c", "q?x", "h#x", "semi;colon", "comma,comma", "at@at",
		"*", "[a-c]", "{a,b}", "~", "$HOME", "'single'", `"double"`, "`back`", `back\slash`, "|", "<x>", "(x)", "!bang",
		".hidden", "_hidden", "_SUCCESS", "..two", "three...", "-rf", "--", "a -> b", "M", "+", ".snap", "x.snapshot",
		"ä", "a\u0308", "日本語", "Ελλάδα", "кириллица", "עברית", "emoji-😀", "\u200bzero-width", "nbsp\u00a0nbsp",
		"UPPER", "upper", "Upper", "0", "-1", "null",
	}
}

// longName gives a name of exactly maxName bytes, of ASCII or of three-byte
// runes, with tag and n in it so that it is unique.
func longName(tag string, n int, wide bool) string {
	head := fmt.Sprintf("%slong-%06d-", tag, n)
	if !wide {
		return head + strings.Repeat("x", maxName-len(head))
	}
	const rune3 = "漢"
	room := maxName - len(head)
	return head + strings.Repeat("y", room%len(rune3)) + strings.Repeat(rune3, room/len(rune3))
}

// namer draws names for new nodes, odd ones among them. Every name it gives has
// its own number, so no two are the same.
type namer struct {
	rng *rand.Rand
	odd []string
	n   int
	// tag is put into every name, so that those of two namers differ.
	tag   string
	plain bool // nothing but plain names
}

func newNamer(rng *rand.Rand, tag string) *namer {
	return &namer{rng: rng, odd: oddNames(), tag: tag}
}

// next gives a name: a plain one mostly, an odd one, or seldom a very long one.
func (m *namer) next(kind string) string {
	m.n++
	switch p := m.rng.IntN(100); {
	case m.plain:
		return fmt.Sprintf("%s%s%04d", kind, m.tag, m.n)
	case p < 25:
		odd := m.odd[m.rng.IntN(len(m.odd))]
		return fmt.Sprintf("%s %s%d", odd, m.tag, m.n)
	case p < 27:
		return longName(m.tag, m.n, p == 26)
	default:
		return fmt.Sprintf("%s%s%04d", kind, m.tag, m.n)
	}
}
