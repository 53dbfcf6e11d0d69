package hadoop

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxIncludes bounds nested xi:include elements, which may form a circle.
const maxIncludes = 16

// Load reads site files in order and merges them. An absent file is an error:
// Java skips it, and then connects to localhost.
func Load(paths ...string) (Site, error) {
	var properties []Property
	for _, path := range paths {
		read, err := readFile(path, 0)
		if err != nil {
			return Site{}, err
		}
		properties = append(properties, read...)
	}
	return NewSite(properties), nil
}

// Parse reads one site file from text that is already in memory. source names
// it in errors; xi:include is resolved relative to it.
func Parse(source string, text io.Reader) ([]Property, error) {
	return parse(source, text, 0)
}

func readFile(path string, depth int) ([]Property, error) {
	if depth > maxIncludes {
		return nil, fmt.Errorf("read %s: more than %d nested includes, do the files include each other?", path, maxIncludes)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read site file: %w", err)
	}
	properties, err := parse(path, file, depth)
	return properties, errors.Join(err, file.Close())
}

// element is a <property>; Hadoop 3 takes the three fields as attributes too.
type element struct {
	NameAttr  string  `xml:"name,attr"`
	ValueAttr *string `xml:"value,attr"`
	FinalAttr string  `xml:"final,attr"`
	Name      string  `xml:"name"`
	Value     *string `xml:"value"`
	Final     string  `xml:"final"`
}

type include struct {
	Href string `xml:"href,attr"`
}

func parse(source string, text io.Reader, depth int) ([]Property, error) {
	dec := xml.NewDecoder(text)
	var properties []Property
	rooted := false
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, at(dec, source, err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if !rooted && start.Name.Local != "configuration" {
			return nil, at(dec, source, fmt.Errorf("the outermost element is <%s>, <configuration> is expected", start.Name.Local))
		}
		rooted = true
		found, err := readElement(dec, start, source, depth)
		if err != nil {
			return nil, at(dec, source, err)
		}
		properties = append(properties, found...)
	}
	if !rooted {
		return nil, fmt.Errorf("read %s: there is no <configuration> in it", source)
	}
	return properties, nil
}

// readElement handles what may stand inside <configuration>; nested ones are
// descended into and unknown elements skipped, as in Java.
func readElement(dec *xml.Decoder, start xml.StartElement, source string, depth int) ([]Property, error) {
	switch start.Name.Local {
	case "configuration":
		return nil, nil
	case "property":
		var e element
		if err := dec.DecodeElement(&e, &start); err != nil {
			return nil, err
		}
		return e.property(source), nil
	case "include":
		var i include
		if err := dec.DecodeElement(&i, &start); err != nil {
			return nil, err
		}
		if i.Href == "" {
			return nil, errors.New("an include has no href")
		}
		if !filepath.IsAbs(i.Href) {
			i.Href = filepath.Join(filepath.Dir(source), i.Href)
		}
		return readFile(i.Href, depth+1)
	}
	return nil, dec.Skip()
}

// property returns the element's property, or none when it lacks a name or a
// value: Java ignores those.
func (e element) property(source string) []Property {
	name, value, final := e.NameAttr, e.ValueAttr, e.FinalAttr
	if e.Name != "" {
		name = e.Name
	}
	if e.Value != nil {
		value = e.Value
	}
	if e.Final != "" {
		final = e.Final
	}
	name = strings.TrimSpace(name)
	if name == "" || value == nil {
		return nil
	}
	return []Property{{Name: name, Value: *value, Final: strings.TrimSpace(final) == "true", Source: source}}
}

// at adds file and line to an error, unless an included file's error has them.
func at(dec *xml.Decoder, source string, err error) error {
	line, _ := dec.InputPos()
	return fmt.Errorf("read %s line %d: %w", source, line, err)
}
