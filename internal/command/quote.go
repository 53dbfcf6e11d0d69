package command

import (
	"regexp"
	"strings"
)

// quote makes one word of a POSIX shell of any text without NUL.
func quote(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// quoteAll joins words so that a POSIX shell takes them apart again.
func quoteAll(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = quote(word)
	}
	return strings.Join(quoted, " ")
}

// Secret reports whether a key of Hadoop's configuration, or an environment
// variable, holds by its name something nobody should read in a process list,
// a log or a history. The keys that name a file or a provider are not secret.
func Secret(key string) bool {
	key = strings.ToLower(key)
	if strings.HasSuffix(key, ".path") || strings.HasSuffix(key, ".file") || strings.HasSuffix(key, ".location") {
		return false
	}
	for _, part := range []string{"password", "passwd", "secret", "credential", "token", "access.key", "accesskey", "access_key", "api.key", "private.key"} {
		if strings.Contains(key, part) {
			return true
		}
	}
	return false
}

// Printable renders a command for people: words quoted where a shell needs it,
// values of secret keys replaced.
func Printable(argv []string) string {
	plain := regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)
	words := make([]string, len(argv))
	for i, word := range argv {
		afterD := i > 0 && argv[i-1] == "-D"
		word = redact(word, afterD)
		if !plain.MatchString(word) {
			word = quote(word)
		}
		words[i] = word
	}
	return strings.Join(words, " ")
}

// redact hides the value of -Dkey=value, of key=value after a lone -D, and of
// NAME=value where the name is secret.
func redact(word string, afterD bool) string {
	key, _, found := strings.Cut(word, "=")
	name := key
	if !afterD {
		name = strings.TrimPrefix(key, "-D")
	}
	if !found || strings.ContainsAny(name, "/ ") || !Secret(name) {
		return word
	}
	return key + "=[hidden]"
}
