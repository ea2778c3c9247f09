package diffoscope

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/filetype"
)

const (
	defaultDepth   = 8
	defaultDecoded = 16 << 30
	// maxText is how large text may be that is compared line by line.
	maxText = 4 << 20
	// maxLeaves is how many differences inside one file are told apart.
	maxLeaves = 20_000
	// fileDecoded is how many bytes of one file's contents are decoded, all levels
	// of nesting together.
	fileDecoded = 4 << 30
)

// An explainer says where two contents differ: it takes both apart, and so on inside
// the parts that differ.
type explainer struct {
	depth   int   // levels of files in files
	decoded int64 // bytes that may still be decoded
	arenas  [2]arena
	buf     [2][]byte
}

func newExplainer(l Limits) *explainer {
	x := &explainer{depth: l.Depth, decoded: l.Decoded}
	if x.depth <= 0 {
		x.depth = defaultDepth
	}
	if x.decoded <= 0 {
		x.decoded = defaultDecoded
	}
	for side := range x.buf {
		x.buf[side] = make([]byte, compareBlock)
	}
	return x
}

func (x *explainer) close() error { return errors.Join(x.arenas[0].close(), x.arenas[1].close()) }

// An explanation is one file's.
type explanation struct {
	*explainer
	ctx     context.Context
	name    string
	left    int64 // bytes that may be decoded
	leaves  int
	skipped []string
	// followed is how many parts differ that are not listed, since they follow from
	// others.
	followed int
	outside  []string // where bytes differ that no part stands for
}

// explain says below d, which stands for the content of a file called name, where a
// and b differ.
func (x *explainer) explain(ctx context.Context, d *Difference, name string, a, b filetype.Content) (*explanation, error) {
	e := &explanation{explainer: x, ctx: ctx, name: name, left: min(fileDecoded, x.decoded)}
	before := e.left
	err := e.content(d, name, [2]filetype.Content{a, b}, 0)
	x.decoded -= before - e.left
	return e, err
}

func (e *explanation) skip(d *Difference, format string, args ...any) {
	where := strconv.Quote(e.name)
	if d.Kind == KindPart {
		where += ", " + strconv.Quote(d.Name)
	}
	e.skipped = append(e.skipped, where+": "+fmt.Sprintf(format, args...))
}

// content explains two contents that differ. An error is only one of reading them.
func (e *explanation) content(d *Difference, name string, c [2]filetype.Content, depth int) error {
	if err := e.ctx.Err(); err != nil {
		return err
	}
	heads, err := e.heads(c)
	if err != nil {
		return err
	}
	if filetype.Known(name, heads[0]) && filetype.Known(name, heads[1]) {
		if done, err := e.apart(d, name, c, depth); done || err != nil {
			return err
		}
	}
	if isText(heads[0]) && isText(heads[1]) {
		if c[0].Size() <= maxText && c[1].Size() <= maxText {
			return e.text(d, c)
		}
		e.skip(d, "not compared line by line: text of more than %d bytes", maxText)
	}
	return e.bytes(d, c)
}

func (e *explanation) heads(c [2]filetype.Content) (heads [2][]byte, err error) {
	for side := range c {
		heads[side] = make([]byte, min(filetype.HeadSize, c[side].Size()))
		if _, err := readAt(c[side], heads[side], 0); err != nil {
			return heads, err
		}
	}
	return heads, nil
}

// apart reports whether it explained d by the parts of c.
func (e *explanation) apart(d *Difference, name string, c [2]filetype.Content, depth int) (bool, error) {
	if depth == e.depth {
		e.skip(d, "not taken apart: more than %d files in each other", e.depth)
		return false, nil
	}
	var files [2]*filetype.File
	for side := range c {
		f, err := filetype.Parse(name, c[side], filetype.Limits{Decoded: max(e.left, 1)})
		if err != nil {
			if !errors.Is(err, filetype.ErrUnknown) {
				e.skip(d, "%v", err)
			}
			return false, nil
		}
		if f.Skipped != "" && (side == 0 || files[0].Skipped != f.Skipped) {
			e.skip(d, "%s", f.Skipped)
		}
		files[side] = f
	}
	if files[0].Format != files[1].Format {
		return false, nil
	}
	p := &partsPair{explanation: e, parent: d, contents: c, files: files, depth: depth}
	p.overlap = p.overlapping()
	var limit *filetype.LimitError
	if err := p.compare(); errors.As(err, &limit) {
		e.skip(d, "%v", limit)
		return false, nil
	} else if err != nil {
		return false, err
	}
	if len(p.children) == 0 {
		return false, nil
	}
	d.Format, d.Children = files[0].Format, p.children
	d.inGo = slices.ContainsFunc(files[0].Parts, func(part filetype.Part) bool { return goPart.MatchString(part.Name) })
	return true, nil
}

// bytes sets the first differing bytes.
func (e *explanation) bytes(d *Difference, c [2]filetype.Content) error {
	w, err := e.firstDifference(c[0], c[1])
	if err != nil {
		return err
	}
	if w != nil {
		setExcerpt(d, *w)
	}
	return nil
}

func readAt(c io.ReaderAt, b []byte, at int64) (int, error) {
	n, err := c.ReadAt(b, at)
	if n == len(b) {
		return n, nil
	}
	return n, unexpected(err)
}
