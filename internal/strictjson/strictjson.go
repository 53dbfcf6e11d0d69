// Package strictjson decodes the one JSON object a person typed: unknown keys,
// doubled keys, trailing text and wrong types are refused with a message that
// names the key and the nearest known one. encoding/json alone accepts doubled
// keys and matches names without regard to case.
package strictjson

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"drover/internal/nearest"
)

// Unmarshal reads exactly one JSON object from data into the struct that into
// points at. The error names the path of the offending key, for instance
// `unknown key "options.fence", did you mean …`. A type that unmarshals itself
// (json.Unmarshaler, encoding.TextUnmarshaler) is not looked into, except
// into's own type: Unmarshal may be called by its UnmarshalJSON through an alias.
func Unmarshal(data []byte, into any) error {
	trimmed := bytes.TrimSpace(data)
	if len(trimmed) == 0 {
		return errors.New("the input is empty, one JSON object is expected")
	}
	if trimmed[0] != '{' {
		return fmt.Errorf("the input is %s, one JSON object is expected", kindOf(trimmed[0]))
	}
	target := reflect.TypeOf(into)
	if target == nil || target.Kind() != reflect.Pointer || target.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("decode into %T: a pointer to a struct is needed", into)
	}
	dec := json.NewDecoder(bytes.NewReader(trimmed))
	if err := checkValue(dec, target.Elem(), ""); err != nil {
		return describe(err, trimmed)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is text after the JSON object, give one object only")
	}
	if err := json.Unmarshal(trimmed, into); err != nil {
		return describe(err, trimmed)
	}
	return nil
}

// Keys lists the JSON names of a struct type's fields in their order.
func Keys(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-" || (!field.IsExported() && !field.Anonymous):
		case name == "" && field.Anonymous && indirect(field.Type).Kind() == reflect.Struct:
			names = append(names, Keys(indirect(field.Type))...)
		case name == "":
			names = append(names, field.Name)
		default:
			names = append(names, name)
		}
	}
	return names
}

func kindOf(first byte) string {
	switch {
	case first == '[':
		return "a JSON array"
	case first == '"':
		return "a JSON string"
	case first == 't' || first == 'f':
		return "true or false"
	case first == 'n':
		return "null"
	case first == '-' || (first >= '0' && first <= '9'):
		return "a number"
	}
	return "not JSON"
}

// checkValue consumes one value from dec and refuses keys that t has no field
// for. Types other than structs, slices and maps of them are skipped over.
func checkValue(dec *json.Decoder, t reflect.Type, path string) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	if delim == '[' {
		return checkArray(dec, elemOf(t, reflect.Slice, reflect.Array), path)
	}
	return checkObject(dec, t, path)
}

func checkArray(dec *json.Decoder, elem reflect.Type, path string) error {
	for i := 0; dec.More(); i++ {
		if err := checkValue(dec, elem, fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

func checkObject(dec *json.Decoder, t reflect.Type, path string) error {
	fields, known := fieldsOf(t, path == "")
	values := elemOf(t, reflect.Map)
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		at := key
		if path != "" {
			at = path + "." + key
		}
		if seen[key] {
			return fmt.Errorf("key %q appears twice, keep one", at)
		}
		seen[key] = true
		next := values
		if known != nil {
			field, ok := fields[key]
			if !ok {
				return fmt.Errorf("unknown key %q%s", at, nearest.Hint(key, known))
			}
			next = field
		}
		if err := checkValue(dec, next, at); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

// fieldsOf returns the fields of a struct that JSON sets one by one; known is
// nil when keys of t are not ours to judge.
func fieldsOf(t reflect.Type, top bool) (fields map[string]reflect.Type, known []string) {
	t = indirect(t)
	if t == nil || t.Kind() != reflect.Struct || (!top && unmarshalsItself(t)) {
		return nil, nil
	}
	fields = map[string]reflect.Type{}
	collect(t, fields)
	known = Keys(t)
	if known == nil {
		known = []string{}
	}
	return fields, known
}

func collect(t reflect.Type, into map[string]reflect.Type) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-" || (!field.IsExported() && !field.Anonymous):
		case name == "" && field.Anonymous && indirect(field.Type).Kind() == reflect.Struct:
			collect(indirect(field.Type), into)
		case name == "":
			into[field.Name] = field.Type
		default:
			into[name] = field.Type
		}
	}
}

func unmarshalsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) ||
		p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func indirect(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

func elemOf(t reflect.Type, kinds ...reflect.Kind) reflect.Type {
	t = indirect(t)
	if t == nil {
		return nil
	}
	for _, kind := range kinds {
		if t.Kind() == kind {
			return t.Elem()
		}
	}
	return nil
}

// describe turns the decoder's words into an operator's: which key, what was
// given, what is expected, and the line where that is known.
func describe(err error, data []byte) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line := 1 + bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
		return fmt.Errorf("line %d is not JSON: %w", line, err)
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("key %q is a %s, %s is expected", wrong.Field, wrong.Value, article(wrong.Type))
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON object ends too early, a closing bracket is missing")
	}
	return err
}

func article(t reflect.Type) string {
	switch indirect(t).Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number"
	}
	return "a " + t.String()
}
