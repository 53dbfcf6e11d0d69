package namenode

// Decoders returns everything that reads bytes from a NameNode.
func Decoders() []func([]byte) error {
	return []func([]byte) error{
		func(b []byte) error { _, err := parseStatus(b); return err },
		func(b []byte) error { _, err := parseLocations(b); return err },
		func(b []byte) error { _, err := parseBlock(b); return err },
		func(b []byte) error { _, err := parseACLEntry(b); return err },
		func(b []byte) error { _, err := parseXAttr(b); return err },
		func(b []byte) error { _, err := parseSnapshot(b); return err },
		func(b []byte) error { _, err := parseSnapshottable(b); return err },
		func(b []byte) error { _, err := parseDiffEntry(b); return err },
		func(b []byte) error { _, err := parseOpenFile(b); return err },
		func(b []byte) error { return appendEntry(new([]DiffListingEntry), b) },
		func(b []byte) error { _, err := (DataNode{Proto: b}).id(); return err },
	}
}
