package main

import (
	"context"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed cases
var caseFiles embed.FS

// A definition is how one case is set up: prepare fills the store, before anything
// is measured, and open returns the contenders.
type definition struct {
	name    string
	prepare func(*bench, context.Context) error
	open    func(*bench, context.Context) (*benchCase, error)
}

// definitions are all cases, in the order in which they run.
var definitions = append([]definition{
	{"trivial", (*bench).prepareTrivial, (*bench).openTrivial},
	{"sftp", fetched("sftp"), (*bench).openSFTP},
	{"mqtt", fetched("mqtt"), (*bench).openMQTT},
	{"lock", fetched("sftp"), (*bench).openLock},
	{"start", fetched(worldBase), (*bench).openStart},
	{"verify", fetched(worldBase), (*bench).openVerify},
	{"verify-100", fetched(worldBase), (*bench).openVerifyMany},
	{"sign", fetched(worldBase), (*bench).openSign},
	{"junk-huge", fetched(worldBase), openJunk("verify beside 300 MB of junk", hugeJunk)},
	{"junk-many", fetched(worldBase), openJunk("verify beside 1,000 junk bundles", manyJunk)},
	{"push", nothing, (*bench).openPush},
	{"pull", nothing, (*bench).openPull},
	{"audit-sftp", fetched("sftp"), audits("sftp")},
	{"audit-mqtt", fetched("mqtt"), audits("mqtt")},
	{"audit-registry", fetched("registry"), audits("registry")},
	{"audit-all", fetched(worldBase), (*bench).openAuditAll},
}, compareDefinitions()...)

// nothing is to be fetched.
func nothing(*bench, context.Context) error { return nil }

func caseNames() string {
	var all []string
	for _, d := range definitions {
		all = append(all, d.name)
	}
	return strings.Join(all, ", ")
}

// fetched fills the store with the inputs of one of the repository's recipes, once.
func fetched(name string) func(*bench, context.Context) error {
	return func(b *bench, ctx context.Context) error {
		if b.fetched[name] {
			return nil
		}
		b.fetched[name] = true
		return b.ours.fetch(ctx, b.recipes(), name)
	}
}

// selectCases returns the cases called only, with commas between them, or all for "".
func selectCases(only string) ([]definition, error) {
	if only == "" {
		return definitions, nil
	}
	var chosen []definition
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(definitions, func(d definition) bool { return d.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no case %q; there are %s", name, caseNames())
		}
		chosen = append(chosen, definitions[i])
	}
	return chosen, nil
}

// A contender is one way to do a case.
type contender struct {
	name string
	// rows say what ours is printed as, beside this one's own cost.
	rows   []comparison
	daemon *daemon // that was there before, or nil
	run    func(context.Context) error
	times  int          // that it runs in a round, whose cost is that of one; 0 means 1
	after  func() error // clears up, outside the measured time, or nil
	costs  []cost
}

// A comparison is a figure of ours and another contender's, round by round.
type comparison struct {
	name string
	of   func(ours, other *contender, of func(cost) float64) spread
}

func ratio(to string) []comparison { return compared("ours / " + to) }

func compared(name string) []comparison { return []comparison{{name, (*contender).over}} }

// A benchCase is one task and everyone who does it, ours first.
type benchCase struct {
	name       string
	contenders []*contender
	daemon     *daemon      // the warm one, or nil
	milli      bool         // it takes milliseconds, and memory counts
	peak       bool         // memory counts
	end        func() error // clears up, or nil
	notes      []string
	late       func() []string // notes on all rounds, or nil
}

func (c *benchCase) close() error {
	if c.end != nil {
		return c.end()
	}
	if c.daemon == nil {
		return nil
	}
	return c.daemon.stop()
}

// round has every contender make the image once, in turn.
func (c *benchCase) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, roundLimit)
	defer cancel()
	for _, k := range c.contenders {
		got, err := measure(k.daemon, max(1, k.times), func() error { return k.run(ctx) })
		if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		k.costs = append(k.costs, got)
		if k.after == nil {
			continue
		}
		if err := k.after(); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return nil
}

// prepare makes a key and the files of the cases, and fills the store.
func (b *bench) prepare(ctx context.Context, cases []definition) error {
	files, err := fs.Sub(caseFiles, "cases")
	if err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(b.dir, "cases"), files); err != nil {
		return err
	}
	if err := b.ours.newKey(ctx); err != nil {
		return err
	}
	for _, d := range cases {
		if err := d.prepare(b, ctx); err != nil {
			return fmt.Errorf("prepare %s: %w", d.name, err)
		}
	}
	return nil
}

// A figure is one of a case's columns.
type figure struct {
	name string
	of   func(cost) float64
}

// figures returns the columns: what takes milliseconds is not in seconds.
func (c *benchCase) figures() []figure {
	if !c.milli {
		all := []figure{{"wall s", wall}, {"CPU s", cpu}}
		if c.peak {
			all = append(all, figure{"peak MB", peak})
		}
		return all
	}
	milli := func(of func(cost) float64) func(cost) float64 {
		return func(c cost) float64 { return 1000 * of(c) }
	}
	return []figure{{"wall ms", milli(wall)}, {"CPU ms", milli(cpu)}, {"peak MB", peak}}
}

// write prints the costs of all contenders, ours beside the others', and the notes.
func (c *benchCase) write(w io.Writer) error {
	var s strings.Builder
	row := func(name string, column func(figure) any, last string) {
		fmt.Fprintf(&s, "%-34s", name)
		for _, f := range c.figures() {
			fmt.Fprintf(&s, " %26v", column(f))
		}
		fmt.Fprintf(&s, "  %s\n", last)
	}
	row("\n"+c.name, func(f figure) any { return f.name }, "others' CPUs")
	for _, k := range c.contenders {
		row(k.name, func(f figure) any { return k.spread(f.of) }, fmt.Sprintf("%.1f", k.spread(others).median))
	}
	us := c.contenders[0]
	for _, k := range c.contenders {
		for _, r := range k.rows {
			row(r.name, func(f figure) any { return r.of(us, k, f.of) }, "")
		}
	}
	notes := c.notes
	if c.late != nil {
		notes = append(notes, c.late()...)
	}
	for _, note := range notes {
		fmt.Fprintln(&s, note)
	}
	_, err := io.WriteString(w, s.String())
	return err
}

func wall(c cost) float64   { return c.wall.Seconds() }
func cpu(c cost) float64    { return c.cpu.Seconds() }
func others(c cost) float64 { return c.others }
func peak(c cost) float64   { return float64(c.peak) / 1e6 }

func (k *contender) spread(of func(cost) float64) spread {
	var values []float64
	for _, c := range k.costs {
		values = append(values, of(c))
	}
	return spreadOf(values)
}

// over returns k's cost as a multiple of the other's in the same round.
func (k *contender) over(other *contender, of func(cost) float64) spread {
	var values []float64
	for i, c := range k.costs {
		values = append(values, of(c)/of(other.costs[i]))
	}
	return spreadOf(values)
}

// more returns how much more k took than the other in the same round.
func (k *contender) more(other *contender, of func(cost) float64) spread {
	var values []float64
	for i, c := range k.costs {
		values = append(values, of(c)-of(other.costs[i]))
	}
	return spreadOf(values)
}

// beyond returns how much more k took than twice the other in the same round.
func (k *contender) beyond(other *contender, of func(cost) float64) spread {
	var values []float64
	for i, c := range k.costs {
		values = append(values, of(c)-2*of(other.costs[i]))
	}
	return spreadOf(values)
}
