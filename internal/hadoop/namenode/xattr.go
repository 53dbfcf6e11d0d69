package namenode

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"drover/internal/fault"
	"drover/internal/hadoop/wire"
)

// XAttr is an extended attribute (xattr.proto XAttrProto).
type XAttr struct {
	Name  string // with its namespace: user.a, trusted.b
	Value []byte
}

// namespaces are the prefixes of names, by their number on the wire.
func namespaces() [5]string { return [...]string{"user", "trusted", "security", "system", "raw"} }

// XAttrs returns the attributes of a path that the user may see, by name.
func (c *Client) XAttrs(ctx context.Context, path string) ([]XAttr, error) {
	var out []XAttr
	err := c.ask(ctx, "get xattrs of", path, "getXAttrs", wire.Message(nil).Str(1, path), func(n wire.Number, _ uint64, raw []byte) error {
		if n != 1 {
			return nil
		}
		x, err := parseXAttr(raw)
		out = append(out, x)
		return err
	})
	slices.SortFunc(out, func(a, b XAttr) int { return strings.Compare(a.Name, b.Name) })
	return out, err
}

func parseXAttr(b []byte) (XAttr, error) {
	var x XAttr
	var space uint64
	err := wire.Fields(b, func(n wire.Number, v uint64, raw []byte) error {
		switch n {
		case 1:
			space = v
		case 2:
			x.Name = string(raw)
		case 3:
			x.Value = raw
		}
		return nil
	})
	known := namespaces()
	if err == nil && space >= uint64(len(known)) {
		err = fmt.Errorf("%w: xattr namespace %d", wire.ErrMalformed, space)
	}
	if err != nil {
		return XAttr{}, err
	}
	x.Name = known[space] + "." + x.Name
	return x, nil
}

// proto is the XAttrProto.
func (x XAttr) proto() (wire.Message, error) {
	space, name, _ := strings.Cut(x.Name, ".")
	for i, s := range namespaces() {
		if s == space && name != "" {
			m := wire.Message(nil).Uint(1, uint64(i)).Str(2, name)
			if len(x.Value) > 0 {
				m = m.Raw(3, x.Value)
			}
			return m, nil
		}
	}
	return nil, fault.As(fault.InvalidInput, fmt.Errorf("xattr %q: a name begins with a namespace, as in user.%[1]s", x.Name))
}

// SetXAttr sets an attribute, whether it is there or not.
func (c *Client) SetXAttr(ctx context.Context, path string, x XAttr) error {
	m, err := x.proto()
	if err != nil {
		return wrap("set xattr of", path, err)
	}
	const createOrReplace = 1 | 2
	return c.call(ctx, "set xattr of", path, "setXAttr", wire.Message(nil).Str(1, path).Raw(2, m).Uint(3, createOrReplace))
}

// RemoveXAttr removes an attribute that is there.
func (c *Client) RemoveXAttr(ctx context.Context, path, name string) error {
	m, err := XAttr{Name: name}.proto()
	if err != nil {
		return wrap("remove xattr of", path, err)
	}
	return c.call(ctx, "remove xattr of", path, "removeXAttr", wire.Message(nil).Str(1, path).Raw(2, m))
}
