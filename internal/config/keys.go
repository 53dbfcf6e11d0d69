package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"drover/internal/nearest"
)

// checkKeys refuses the first key that Config has no field for. The YAML
// library's own strict mode knows neither the path nor what was meant.
func checkKeys(body ast.Node) error {
	return checkNode(body, reflect.TypeFor[Config](), "")
}

func checkNode(node ast.Node, t reflect.Type, path string) error {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return nil
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return checkMapping(node, t, path)
	default:
		return nil
	}
}

func checkMapping(node ast.Node, t reflect.Type, path string) error {
	mapping, ok := node.(ast.MapNode)
	if !ok {
		if _, null := node.(*ast.NullNode); null && path != "" {
			return nil
		}
		if _, anchored := node.(*ast.AliasNode); anchored {
			return nil
		}
		return fmt.Errorf("line %d: %s is a %s, a block of keys is expected", lineOf(node), orTop(path), strings.ToLower(node.Type().String()))
	}
	fields, known := yamlFields(t)
	for entries := mapping.MapRange(); entries.Next(); {
		key := entries.Key().String()
		at := key
		if path != "" {
			at = path + "." + key
		}
		next, ok := fields[key]
		switch {
		case t.Kind() == reflect.Map:
			next = t.Elem()
		case !ok:
			return fmt.Errorf("line %d: unknown key %q%s", lineOf(entries.Key()), at, nearest.Hint(key, known))
		}
		if err := checkNode(entries.Value(), next, at); err != nil {
			return err
		}
	}
	return nil
}

func yamlFields(t reflect.Type) (fields map[string]reflect.Type, known []string) {
	fields = map[string]reflect.Type{}
	if t.Kind() != reflect.Struct {
		return fields, nil
	}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		fields[name] = t.Field(i).Type
		known = append(known, name)
	}
	return fields, known
}

func lineOf(node ast.Node) int {
	if token := node.GetToken(); token != nil {
		return token.Position.Line
	}
	return 1
}

func orTop(path string) string {
	if path == "" {
		return "the configuration"
	}
	return path
}
