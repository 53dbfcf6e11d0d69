package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"drover/internal/mirror/verify"
	"drover/internal/nearest"
	"drover/internal/report"
)

// compareOptions are the flags that verify and diff share.
type compareOptions struct {
	metadata, dirTimes bool
	ignore             []string
	parallel, max      int
}

func (o *compareOptions) register(flags *pflag.FlagSet) {
	flags.BoolVar(&o.metadata, "metadata", false, "compare owner, mode, times, ACLs, xattrs, replication, block size, storage policy")
	flags.BoolVar(&o.dirTimes, "dir-times", false, "compare the modification times of directories, too")
	flags.StringSliceVar(&o.ignore, "ignore", nil, "kinds of differences to leave out, for instance mtime,owner")
	flags.IntVar(&o.parallel, "parallel", 8, "how many directories and files at a time")
	flags.IntVar(&o.max, "max", 100, "how many differences to name; all are counted")
}

func (o *compareOptions) options() (verify.Options, error) {
	if o.parallel < 1 || o.max < 1 {
		return verify.Options{}, usage("--parallel %d, --max %d: give at least 1", o.parallel, o.max)
	}
	known := kinds()
	opt := verify.Options{Metadata: o.metadata, DirTimes: o.dirTimes, Parallel: o.parallel, Max: o.max}
	for _, k := range o.ignore {
		if !slices.Contains(known, k) {
			return verify.Options{}, usage("--ignore: there is no kind %q%s", k, nearest.Hint(k, known))
		}
		opt.Ignore = append(opt.Ignore, verify.Kind(k))
	}
	return opt, nil
}

// kinds lists what --ignore knows.
func kinds() []string {
	var all []string
	for _, k := range []verify.Kind{
		verify.Missing, verify.Extra, verify.Type, verify.Size, verify.Content, verify.Link, verify.ModTime,
		verify.Mode, verify.Owner, verify.Group, verify.ACL, verify.XAttr, verify.Replication, verify.BlockSize, verify.Policy,
	} {
		all = append(all, string(k))
	}
	return all
}

func newVerifyCmd(a *app) *cobra.Command {
	var o compareOptions
	cmd := &cobra.Command{
		Use:   "verify SOURCE TARGET",
		Short: "compare two trees byte for byte, by checksums where they prove it",
		Long: exits(`
Compare two trees, or two files, and say match, differ or unproven. Every file's
bytes are compared: on HDFS by the checksums the DataNodes keep, by the CRC of
the whole file where blocks are cut differently, and by reading both sides where
neither proves equality. What cannot be read makes the verdict unproven, never a
match; a listing that breaks off ends the command with an error. Differences are
printed as they are found, the verdict last.
`+locations+`

Kinds of differences: `+strings.Join(kinds(), " "), codeOK, codeFailed, codeUsage, codeRefused, codeNotFound, codeUnreachable, codeUnproven, codeInterrupted),
		Example: "  drover verify a:/warehouse b:/warehouse --metadata\n" +
			"  drover verify hdfs://nn1:8020/data/.snapshot/s1 hdfs://nn2:8020/data/.snapshot/s1\n  drover verify ./export b:/import",
		Args: someArgs(2, 2, "two locations"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opt, err := o.options()
			if err != nil {
				return err
			}
			return a.compareTrees(cmd.Context(), args, opt)
		},
	}
	o.register(cmd.Flags())
	return cmd
}

// compared is the answer of verify, and of diff without snapshots.
type compared struct {
	Source string `json:"source"`
	Target string `json:"target"`
	verify.Result
}

func (a *app) compareTrees(ctx context.Context, args []string, opt verify.Options) error {
	places, err := a.places(args...)
	if err != nil {
		return err
	}
	if err := reach(ctx, places); err != nil {
		return placed(errors.Join(err, closePlaces(places)))
	}
	m := a.newMeter(ctx)
	named := 0
	p := &page{w: m.lines}
	opt.Found = func(d verify.Difference) {
		if named++; !a.json && named <= opt.Max {
			p.line("%s", differenceLine(d))
		}
	}
	opt.Progress = func(at verify.Progress) { m.show(func() string { return comparedSoFar(at) }) }
	answer := compared{Source: places[0].String(), Target: places[1].String()}
	if places[0].nn != nil && places[1].nn != nil {
		answer.Result, err = verify.Trees(ctx, places[0].tree(), places[1].tree(), opt)
	} else {
		answer.Result, err = verify.Stores(ctx, places[0].store, places[0].Path, places[1].store, places[1].Path, opt)
	}
	m.close()
	if err := errors.Join(err, p.err, closePlaces(places)); err != nil {
		return placed(err)
	}
	if err := a.answer(answer, answer.text); err != nil {
		return err
	}
	return answer.judge(opt)
}

// differenceLine is one difference: what, where, and how it is on both sides.
func differenceLine(d verify.Difference) string {
	at := d.Path
	if at == "" {
		at = "."
	}
	line := fmt.Sprintf("%-13s %s", d.Kind, at)
	switch {
	case d.Kind == verify.Content, d.Source == "" && d.Target == "":
		return strings.TrimRight(line+": "+d.Target, ": ")
	case d.Kind == verify.Missing:
		return line + " (" + d.Source + ")"
	case d.Kind == verify.Extra:
		return line + " (" + d.Target + ")"
	}
	return line + ": source " + orNone(d.Source) + ", target " + orNone(d.Target)
}

func comparedSoFar(p verify.Progress) string {
	return fmt.Sprintf("compared %s files, %s directories, %s; %s differ, %s unproven",
		humanize.Comma(p.Files), humanize.Comma(p.Dirs), humanize.IBytes(uint64(p.Bytes)), humanize.Comma(p.Differing), humanize.Comma(p.Unproven))
}

func (c compared) text(w io.Writer) error {
	p := &page{w: w}
	for _, gap := range c.Gaps {
		p.line("%-13s %s: %s", "unproven", orNone(gap.Path), gap.Reason)
	}
	if more := c.Unproven - int64(len(c.Gaps)); more > 0 {
		p.line("%-13s %s more", "unproven", humanize.Comma(more))
	}
	if more := sum(c.Kinds) - int64(len(c.Differences)); more > 0 {
		p.line("%s more differences, see --max", humanize.Comma(more))
	}
	p.line("%s: %s files, %s directories, %s in both; %s differ, %s unproven",
		c.Verdict, humanize.Comma(c.Files), humanize.Comma(c.Dirs), humanize.IBytes(uint64(c.Bytes)), humanize.Comma(c.Differing), humanize.Comma(c.Unproven))
	if proved := c.Proof.Checksum + c.Proof.Composite + c.Proof.Read + c.Proof.Empty; proved > 0 {
		p.line("proved: %s by block checksums, %s by the CRC of the file, %s by reading %s, %s empty",
			humanize.Comma(c.Proof.Checksum), humanize.Comma(c.Proof.Composite), humanize.Comma(c.Proof.Read),
			humanize.IBytes(uint64(c.Proof.BytesRead)), humanize.Comma(c.Proof.Empty))
	}
	return p.err
}

func sum(kinds map[verify.Kind]int64) (n int64) {
	for _, v := range kinds {
		n += v
	}
	return n
}

// judge turns a verdict into an exit code. That diff leaves bytes unproven is
// what was asked for.
func (c compared) judge(opt verify.Options) error {
	switch {
	case c.Verdict == report.Differ:
		return fail(codeFailed, "%s and %s differ in %d paths", c.Source, c.Target, c.Differing)
	case c.Verdict == report.Unproven && !(opt.NoContent && c.Unproven == 0):
		return fail(codeUnproven, "nothing that differs was found, but not everything was compared")
	}
	return nil
}
