package diffoscope

import (
	"iter"
	"slices"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

// A Comparison is what Compare found. Only Compare makes one that is identical:
// the zero value is not, and none is read from a file.
type Comparison struct {
	a, b      Subject
	identical bool
	distinct  bool
	around    bool

	// Differences are listed from the outside in: manifest, config, layers. It is
	// empty exactly when the images are identical.
	Differences []*Difference
	// Counts say how many differences there are, also those that are not listed.
	Counts []Count
	// Unlisted is how many differences Limits.Differences kept off the list.
	Unlisted int
	// Causes say why the images differ, the most certain and frequent first. Each
	// difference that was counted is in one of them.
	Causes []Cause
	// Skipped says, in words, what was not looked into, and why; and what differs around
	// images that are identical.
	Skipped []string
}

// A Cause is why differences differ: those that have the same cause, mend and kind
// of file are one.
type Cause struct {
	cause.Cause
	// N is how many differences it has, also those that are not listed.
	N int
	// Places are the first of them, as the names on the way to each.
	Places [][]string
	// Source is the place in the recipe that it comes from, as FILE:LINE, "" if
	// that isn't known.
	Source string
}

// A Subject is one of the two things that were compared.
type Subject struct {
	Path string
	// Digest is that of the manifest or index. It was checked, and so was every byte
	// that it names. That of a tar is the file's, a directory has none.
	Digest digest.Digest
	// Bytes is how many bytes manifest, config and layers have, or a tar, or all the
	// files in a directory.
	Bytes int64
}

// Identical reports whether every byte of both images was read and is the same. What is
// around images is no part of them: see AroundDiffers.
func (c *Comparison) Identical() bool { return c != nil && c.identical }

// AroundDiffers reports whether the images are identical, and what is around them is not:
// index.json, other blobs, the tar that they are in. Skipped says what.
func (c *Comparison) AroundDiffers() bool { return c != nil && c.identical && c.around }

// A returns the first image.
func (c *Comparison) A() Subject { return c.a }

// B returns the second image.
func (c *Comparison) B() Subject { return c.b }

// Distinct reports whether the images were read from two folders. That one folder
// is identical to itself proves nothing.
func (c *Comparison) Distinct() bool { return c != nil && c.distinct }

func (c *Comparison) subject(side int) *Subject {
	if side == 0 {
		return &c.a
	}
	return &c.b
}

// Total is how many differences there are, also those that are not listed.
func (c *Comparison) Total() int {
	total := 0
	for _, n := range c.Counts {
		total += n.N
	}
	return total
}

// A Kind says what a Difference is about.
type Kind string

const (
	// KindIndex, KindImage, KindManifest, KindConfig, KindLayer and KindEntry hold other differences
	// as children. Without children they are on one side only.
	KindIndex    Kind = "index"
	KindImage    Kind = "image"
	KindManifest Kind = "manifest"
	KindConfig   Kind = "config"
	KindLayer    Kind = "layer"
	KindEntry    Kind = "entry"

	// KindMember is a member of a JSON document; Name is its path.
	KindMember Kind = "member"
	// KindHeader is a field of a tar entry's header, or a PAX record.
	KindHeader Kind = "header"
	// KindContent is the content of a file.
	KindContent Kind = "content"
	// KindOrder is the order of the entries that both layers have.
	KindOrder Kind = "order"
	// KindCompression is how a layer was compressed.
	KindCompression Kind = "compression"
	// KindTrailer is what follows a tar's last entry.
	KindTrailer Kind = "trailer"
	// KindPart is a part of a file that was taken apart: a field when it has no
	// children.
	KindPart Kind = "part"
	// KindDebian is what Debian's diffoscope says of a file, beside what is said
	// here: it is no difference of its own, and isn't counted.
	KindDebian Kind = "diffoscope"
	// KindUnexplained are bytes that differ although everything that is known
	// about them is the same.
	KindUnexplained Kind = "unexplained"
)

// A Difference is a node of the tree of differences. A node with children says
// where they are; one without is a difference by itself.
type Difference struct {
	Kind Kind
	// Name is "manifest", "config", "layer 2" (counted from 0), the path of an
	// entry, the name of a header field, the path of a JSON member. It comes from
	// the image: quote it.
	Name string
	// A and B are what the sides have, nil when one has nothing.
	A, B *Value
	// Offset is that of the first differing byte, -1 when it has no meaning.
	Offset int64
	// Near says what that byte belongs to, for example "main.main+0x1b" in a program,
	// "" if that isn't known. It comes from the first image: quote it.
	Near string
	// Line is that of the first differing line, from 1, and 0 for binary content.
	Line int
	// Format is what the content was taken apart as, for example "gzip": then the
	// children are its parts.
	Format string
	// Diff is the unified diff of text, without a header, at most a few hunks.
	Diff []byte
	// DiffCut says that more differs than Diff has.
	DiffCut bool
	// Cause is why it differs, nil when it has children or nothing is known.
	Cause    *cause.Cause
	Children []*Difference

	// inGo says that its children are parts of a program of Go's compiler.
	inGo bool
	// reordered has the beginnings of two texts that have the same lines in another
	// order, until that is explained.
	reordered *[2]string
}

// A Value is one side of a Difference.
type Value struct {
	// Text is the value of a field or member, or what an entry is.
	Text string
	// Digest and Size are those of a blob or content.
	Digest digest.Digest
	Size   int64
	// Excerpt is a part of the content around the first differing byte: whole
	// lines of text when Difference.Line is set. It begins at offset ExcerptAt.
	Excerpt   []byte
	ExcerptAt int64
}

// A Count says how often one kind and field differs. Field is empty for JSON
// members.
type Count struct {
	Kind  Kind
	Field string
	N     int
}

func (d *Difference) side(n int) **Value {
	if n == 0 {
		return &d.A
	}
	return &d.B
}

// Leaves returns the differences without children below d, with the names on the
// way to each.
func (d *Difference) Leaves() iter.Seq2[[]string, *Difference] {
	return func(yield func([]string, *Difference) bool) { d.leaves(nil, yield) }
}

func (d *Difference) leaves(path []string, yield func([]string, *Difference) bool) bool {
	path = append(slices.Clip(path), d.Name)
	if len(d.Children) == 0 {
		return yield(path, d)
	}
	for _, child := range d.Children {
		if !child.leaves(path, yield) {
			return false
		}
	}
	return true
}
