package archtest

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocsNameTestsThatExist keeps a page from claiming a proof that is gone.
func TestDocsNameTestsThatExist(t *testing.T) {
	exist := map[string]bool{}
	for _, s := range sources(t) {
		for _, declared := range s.file.Decls {
			if function, ok := declared.(*ast.FuncDecl); ok && s.test() {
				exist[function.Name.Name] = true
			}
		}
	}
	named := regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]+)`")
	found := 0
	eachFile(t, func(name string, text []byte) {
		if !strings.HasSuffix(name, ".md") {
			return
		}
		for _, match := range named.FindAllSubmatch(text, -1) {
			found++
			if !exist[string(match[1])] {
				t.Errorf("%s names %s, which does not exist", name, match[1])
			}
		}
	})
	if found == 0 {
		t.Error("no page names a test, docs/coverage.md must")
	}
}

// TestDocsLinkToFilesThatExist follows every relative link.
func TestDocsLinkToFilesThatExist(t *testing.T) {
	top := root(t)
	link := regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)
	eachFile(t, func(name string, text []byte) {
		if !strings.HasSuffix(name, ".md") || strings.Contains(name, "testdata/") {
			return
		}
		for _, match := range link.FindAllSubmatch(text, -1) {
			target := filepath.Join(top, filepath.Dir(name), string(match[1]))
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which does not exist", name, match[1])
			}
		}
	})
}
