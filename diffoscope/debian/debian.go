// Package debian asks Debian's diffoscope, where it is installed, about single files
// that differ and that nothing here explains for sure.
//
// Diffoscope runs many other programs on the files, which come from images that nobody
// trusts: it is only run when somebody asks for it, with a fixed command line, in a
// folder of its own, and with limits on its time, memory and output.
package debian

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

// Limits bound what diffoscope is asked. A zero field means its default.
type Limits struct {
	// Files is how many files it is asked about. The default is 10.
	Files int
	// Size is how many bytes such a file may have. The default is 64 MiB.
	Size int64
	// Time is how long it may take for one. The default is one minute.
	Time time.Duration
	// Memory is how many bytes of address space each of its processes may have. The
	// default is 2 GiB.
	Memory uint64
	// Output is how many bytes it may say of one. The default is 4 MiB.
	Output int64
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Files: cmp.Or(l.Files, 10), Size: cmp.Or(l.Size, 64<<20), Time: cmp.Or(l.Time, time.Minute),
		Memory: cmp.Or(l.Memory, 2<<30), Output: cmp.Or(l.Output, 4<<20),
	}
}

// A NotFoundError reports that diffoscope isn't installed.
type NotFoundError struct{ Err error }

func (e *NotFoundError) Error() string { return "no diffoscope: " + e.Err.Error() }
func (e *NotFoundError) Unwrap() error { return e.Err }

// Explain has diffoscope compare the files of a and b whose contents differ in c and
// aren't explained, and adds what it says below each, as KindDebian. What it wasn't
// asked or didn't answer is in c.Skipped.
func Explain(ctx context.Context, c *diffoscope.Comparison, a, b *diffoscope.Input, l Limits) error {
	l = l.withDefaults()
	program, err := exec.LookPath("diffoscope")
	if err != nil {
		return &NotFoundError{err}
	}
	list := unexplained(c.Differences)
	if more := len(list) - l.Files; more > 0 {
		c.Skipped = append(c.Skipped, fmt.Sprintf("%d more files by diffoscope", more))
		list = list[:l.Files]
	}
	if len(list) == 0 {
		return nil
	}
	temp, err := os.MkdirTemp("", "tailsbuild-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	x := &explainer{limits: l, program: program, temp: temp, files: map[string]*pair{}}
	for side, in := range []*diffoscope.Input{a, b} {
		if err := x.extract(ctx, side, in, list); err != nil {
			c.Skipped = append(c.Skipped, "by diffoscope: "+err.Error())
			return ctx.Err()
		}
	}
	for i, d := range list {
		found, err := x.compare(ctx, i, x.files[d.Name])
		if err := ctx.Err(); err != nil {
			return err
		}
		if err != nil {
			c.Skipped = append(c.Skipped, fmt.Sprintf("%q by diffoscope: %v", d.Name, err))
			continue
		}
		d.Children = append(d.Children, found)
	}
	return nil
}

// unexplained returns the entries below list with content on both sides that nothing
// explains for sure.
func unexplained(list []*diffoscope.Difference) []*diffoscope.Difference {
	var out []*diffoscope.Difference
	seen := map[string]bool{}
	var visit func(d *diffoscope.Difference)
	visit = func(d *diffoscope.Difference) {
		if d.Kind != diffoscope.KindEntry {
			for _, child := range d.Children {
				visit(child)
			}
			return
		}
		if !seen[d.Name] && puzzling(d) {
			seen[d.Name] = true
			out = append(out, d)
		}
	}
	for _, d := range list {
		visit(d)
	}
	return out
}

// puzzling reports whether a content in the entry d differs for no reason that is known for sure.
func puzzling(d *diffoscope.Difference) bool {
	for _, child := range d.Children {
		if child.Kind == diffoscope.KindHeader {
			continue
		}
		for _, leaf := range child.Leaves() {
			if leaf.Cause == nil || leaf.Cause.Name == cause.Unknown || leaf.Cause.Confidence == cause.Possible {
				return true
			}
		}
	}
	return false
}

// A pair is where the two sides of a file are, below the explainer's folder.
type pair struct {
	paths [2]string // "" if the side has none
	large bool
}

type explainer struct {
	limits  Limits
	program string
	temp    string
	files   map[string]*pair // by the entry's name
}

// extract writes the files of one side that list names.
func (x *explainer) extract(ctx context.Context, side int, in *diffoscope.Input, list []*diffoscope.Difference) error {
	var names []string
	number := map[string]int{}
	for i, d := range list {
		names = append(names, d.Name)
		number[d.Name] = i
		if x.files[d.Name] == nil {
			x.files[d.Name] = &pair{}
		}
	}
	return in.Extract(ctx, names, func(name string, r io.Reader) error {
		p := x.files[name]
		rel := filepath.Join(fmt.Sprint(number[name]), string(rune('a'+side)), safeName(name))
		if err := os.MkdirAll(filepath.Dir(filepath.Join(x.temp, rel)), 0o700); err != nil {
			return err
		}
		f, err := os.OpenFile(filepath.Join(x.temp, rel), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		n, err := io.Copy(f, io.LimitReader(r, x.limits.Size+1))
		p.paths[side], p.large = rel, p.large || n > x.limits.Size
		return errors.Join(err, f.Close())
	})
}

// safeName returns the last part of name, with nothing in it that means something on a
// command line or in a path. Diffoscope goes by some endings.
func safeName(name string) string {
	const most = 60
	base := filepath.Base(name)
	if len(base) > most {
		base = base[len(base)-most:]
	}
	base = strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '_' || r == '+' {
			return r
		}
		return '_'
	}, base)
	return "f" + base
}
