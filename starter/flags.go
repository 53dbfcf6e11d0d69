package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"

	"drover/workflows"
)

// durationFlag is a workflows.Duration on the command line.
type durationFlag workflows.Duration

func (d *durationFlag) String() string { return time.Duration(*d).String() }
func (d *durationFlag) Type() string   { return "duration" }

// Set reads a Go duration.
func (d *durationFlag) Set(text string) error {
	v, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("write a number and a unit, for example 30m")
	}
	*d = durationFlag(v)
	return nil
}

// bytesFlag is a size with an optional unit: 50MB, 2GiB.
type bytesFlag int64

func (b *bytesFlag) String() string { return strconv.FormatInt(int64(*b), 10) }
func (b *bytesFlag) Type() string   { return "size" }

// Set reads what people write for sizes.
func (b *bytesFlag) Set(text string) error {
	v, err := humanize.ParseBytes(text)
	if err != nil {
		return fmt.Errorf("write a number and a unit, for example 50MB")
	}
	*b = bytesFlag(v)
	return nil
}
