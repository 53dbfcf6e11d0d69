package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	maxFileLines     = 400
	maxFunctionLines = 60
	// A test may hold a table of cases.
	maxTestLines = 100
)

// source is one parsed file of the repository, nested modules included.
type source struct {
	path  string // relative to the module
	lines int
	set   *token.FileSet
	file  *ast.File
}

func (s source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

func (s source) at(pos token.Pos) string {
	return fmt.Sprintf("%s:%d", s.path, s.set.Position(pos).Line)
}

// sources parses every Go file that was written by hand.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	eachFile(t, func(name string, text []byte) {
		if !strings.HasSuffix(name, ".go") {
			return
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, text, parser.ParseComments)
		if err != nil {
			t.Errorf("parse: %v", err)
			return
		}
		if !ast.IsGenerated(file) {
			all = append(all, source{name, bytes.Count(text, []byte("\n")), set, file})
		}
	})
	if len(all) < 30 {
		t.Fatalf("%d Go files found, there must be more", len(all))
	}
	return all
}

// eachFile visits the repository's files, leaving out what no one wrote.
func eachFile(t *testing.T, visit func(name string, text []byte)) {
	t.Helper()
	top := root(t)
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path != top && (entry.Name() == ".git" || entry.Name() == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() || entry.Name() == ".git" { // a file in a git worktree
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(top, path)
		visit(filepath.ToSlash(name), text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, s := range sources(t) {
		if s.lines > maxFileLines {
			t.Errorf("%s has %d lines, at most %d: one idea per file", s.path, s.lines, maxFileLines)
		}
		limit := maxFunctionLines
		if s.test() {
			limit = maxTestLines
		}
		for _, declared := range s.file.Decls {
			function, ok := declared.(*ast.FuncDecl)
			if !ok || function.Body == nil {
				continue
			}
			length := s.set.Position(function.Body.Rbrace).Line - s.set.Position(function.Body.Lbrace).Line
			if length > limit {
				t.Errorf("%s: function %s has %d lines, at most %d", s.at(function.Pos()), function.Name.Name, length, limit)
			}
		}
	}
}

func TestEveryPackageHasOneDoc(t *testing.T) {
	docs := map[string][]string{}
	for _, s := range sources(t) {
		dir := filepath.Dir(s.path)
		if s.test() && strings.HasSuffix(s.file.Name.Name, "_test") {
			continue
		}
		if _, known := docs[dir]; !known {
			docs[dir] = nil
		}
		if s.file.Doc != nil {
			docs[dir] = append(docs[dir], s.path)
		}
	}
	for dir, files := range docs {
		if len(files) != 1 {
			t.Errorf("package %s is documented in %d files %v, want one", dir, len(files), files)
		}
	}
}

// TestNothingForbidden looks for what style.md rules out and a parser can see.
func TestNothingForbidden(t *testing.T) {
	for _, s := range sources(t) {
		for _, declared := range s.file.Decls {
			if function, ok := declared.(*ast.FuncDecl); ok && function.Recv == nil && function.Name.Name == "init" {
				t.Errorf("%s: init() hides what happens at start", s.at(function.Pos()))
			}
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if ok && s.test() && isCall(call, "time", "Sleep") {
				t.Errorf("%s: a test that sleeps is slow when it passes and wrong when it fails: wait for the condition", s.at(call.Pos()))
			}
			return true
		})
		for _, group := range s.file.Comments {
			for _, comment := range group.List {
				if strings.Contains(comment.Text, "TO"+"DO") || strings.Contains(comment.Text, "FIX"+"ME") {
					t.Errorf("%s: a note to do later belongs into an issue", s.at(comment.Pos()))
				}
			}
		}
	}
}

func isCall(call *ast.CallExpr, qualifier, name string) bool {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != name {
		return false
	}
	identifier, ok := selector.X.(*ast.Ident)
	return ok && identifier.Name == qualifier
}

// TestNoFileNamesThisMachine keeps paths of whoever wrote it out of the
// repository.
func TestNoFileNamesThisMachine(t *testing.T) {
	forbidden := []string{"/work/" + "main", "/work/" + "shared", "/tmp/" + "drover", "/root/" + "."}
	eachFile(t, func(name string, text []byte) {
		if i := slices.IndexFunc(forbidden, func(path string) bool { return bytes.Contains(text, []byte(path)) }); i >= 0 {
			t.Errorf("%s names the path %s, which exists on one machine only", name, forbidden[i])
		}
	})
}
