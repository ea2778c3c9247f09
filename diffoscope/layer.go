package diffoscope

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/filetype"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// A pair is the comparison of two layers. Both are read at once, in step, and an
// entry is forgotten as soon as the other side has shown its like: layers in the
// same order need no memory, and where too many entries wait they do so in a file.
type pair struct {
	trees    [2]tree
	name     string // for sentences
	limits   Limits
	recorder *recorder
	at       trail
	before   int // differences that the recorder had before this pair
	// unordered says that the order of the entries has no meaning.
	unordered bool
	// mixed says that the trees have two forms: what one cannot say isn't compared.
	mixed bool

	children []*Difference
	waiting  [2]map[string][]*entry // by name, in order
	waits    int                    // entries that do
	spill    *spill                 // nil as long as they are few
	spillErr error
	common   []spot
	names    []string // those of common, nil with a spill
	entries  entryList
	probes   probes
	sums     [2]*summary
}

// A spot is where the trees have an entry that is in both. Its name is names[name].
type spot struct{ a, b, name int32 }

func newPair(r *recorder, at trail, name string, l Limits, a, b tree) *pair {
	return &pair{
		trees: [2]tree{a, b}, name: name, limits: l, recorder: r, at: at.in(name), before: r.total,
		waiting: [2]map[string][]*entry{{}, {}},
	}
}

func (p *pair) compare(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, p.spill.close()) }()
	if err := p.walk(ctx); err != nil {
		return err
	}
	if err := p.joinSpilled(ctx); err != nil {
		return err
	}
	if !p.unordered {
		if err := p.compareOrder(ctx); err != nil {
			return err
		}
	}
	p.reportLonely()
	if err := p.probes.run(ctx, p); err != nil {
		return err
	}
	p.children = append(p.children, p.entries.sorted()...)
	return nil
}

// walk reads both layers, one entry of each in turn, so that the result does not
// depend on which is read faster.
func (p *pair) walk(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	var next [2]chan *entry
	for side, tree := range p.trees {
		out := make(chan *entry, 64)
		next[side] = out
		group.Go(func() error {
			defer close(out)
			sum, err := tree.walk(ctx, func(e *entry) error {
				select {
				case out <- e:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
			p.sums[side] = sum
			return err
		})
	}
	for open := [2]bool{true, true}; open[0] || open[1]; {
		for side := range next {
			if !open[side] {
				continue
			}
			if e, ok := <-next[side]; ok {
				p.waitOrMeet(side, e)
			} else {
				open[side] = false
			}
		}
	}
	return errors.Join(group.Wait(), p.spillErr)
}

// key is what entries are paired by.
func (p *pair) key(e *entry) string {
	if p.mixed {
		return cleanName(e.header.Name)
	}
	return e.header.Name
}

// waitOrMeet is meet, as long as few entries wait: from then on all are joined later,
// bucket by bucket.
func (p *pair) waitOrMeet(side int, e *entry) {
	if p.spillErr != nil {
		return
	}
	if p.spill == nil {
		p.meet(side, e)
		if p.waits <= maxWaiting {
			return
		}
		p.spill, p.names = &spill{}, nil
		for side, waiting := range p.waiting {
			for _, name := range slices.Sorted(maps.Keys(waiting)) {
				for _, e := range waiting[name] {
					p.spillErr = errors.Join(p.spillErr, p.spill.add(side, name, e))
				}
			}
		}
		p.waiting, p.waits = [2]map[string][]*entry{{}, {}}, 0
		return
	}
	p.spillErr = p.spill.add(side, p.key(e), e)
}

func (p *pair) joinSpilled(ctx context.Context) error {
	if p.spill == nil {
		return nil
	}
	for bucket := range spillBuckets {
		if err := ctx.Err(); err != nil {
			return err
		}
		for side := range 2 {
			err := p.spill.each(side, bucket, func(e *entry) error {
				p.meet(side, e)
				return nil
			})
			if err != nil {
				return err
			}
		}
		p.reportLonely()
	}
	return nil
}

// meet compares e with the first entry of the same name that waits on the other
// side. The nth of one name is paired with the nth.
func (p *pair) meet(side int, e *entry) {
	name := p.key(e)
	queue := p.waiting[1-side][name]
	if len(queue) == 0 {
		p.waiting[side][name] = append(p.waiting[side][name], e)
		p.waits++
		return
	}
	p.waits--
	if len(queue) == 1 {
		delete(p.waiting[1-side], name)
	} else {
		p.waiting[1-side][name] = queue[1:]
	}
	a, b := e, queue[0]
	if side == 1 {
		a, b = b, a
	}
	if !p.unordered {
		p.common = append(p.common, spot{int32(a.index), int32(b.index), int32(len(p.names))})
	}
	if p.spill == nil && !p.unordered {
		p.names = append(p.names, name)
	}
	p.compareEntries(a, b)
}

// reportLonely lists the entries that found none of their name.
func (p *pair) reportLonely() {
	for side, waiting := range p.waiting {
		var all entryList
		for key, queue := range waiting {
			if p.mixed && key == "" {
				continue // the root, which directories have and tars need not
			}
			for _, e := range queue {
				d := &Difference{Kind: KindEntry, Name: e.header.Name, Offset: -1}
				*d.side(side) = entryValue(e)
				all = append(all, listed{e.header.Name, e.index, d})
			}
		}
		all.sort() // before the limit, which must not depend on the map's order
		for _, l := range all {
			if p.recorder.admit(p.at, l.diff, "") {
				p.entries = append(p.entries, l)
			}
		}
	}
	p.waiting, p.waits = [2]map[string][]*entry{{}, {}}, 0
}

func entryValue(e *entry) *Value {
	v := &Value{Text: filetype.TarType(e.header.Typeflag), Size: e.size}
	if e.size > 0 || isRegular(e.header.Typeflag) {
		v.Digest = sha256Digest(e.content)
	}
	if e.header.Linkname != "" {
		v.Text += fmt.Sprintf(" to %q", e.header.Linkname)
	}
	return v
}

// add lists d as a child of the layer, within the limit.
func (p *pair) add(d *Difference, field string) {
	if p.recorder.admit(p.at, d, field) {
		p.children = append(p.children, d)
	}
}

func (p *pair) compareTrailers(name string, a, b oci.Trailer) {
	if a.Digest == b.Digest {
		return
	}
	d := &Difference{
		Kind: KindTrailer, Name: name, Offset: min(a.Size, b.Size),
		A: &Value{Text: trailerText(a), Digest: a.Digest, Size: a.Size, Excerpt: a.Excerpt, ExcerptAt: a.Offset},
		B: &Value{Text: trailerText(b), Digest: b.Digest, Size: b.Size, Excerpt: b.Excerpt, ExcerptAt: b.Offset},
	}
	if len(a.Excerpt) > 0 || len(b.Excerpt) > 0 {
		d.Offset = trailerOffset(a, b)
	}
	p.add(d, "")
}
