package diffoscope

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// An Input is something that CompareAny compares: images, or a tree of files.
type Input struct {
	path   string
	info   os.FileInfo
	limits Limits
	layout *oci.Layout
	index  *indexNode // of the images
	file   *os.File   // the tar that the images are in
	docker bool       // docker save wrote it
	// fetched says that the layout was made to hold what was fetched.
	fetched bool
	tree    tree
	close   func() error
}

// OpenAny opens what can be compared, whoever wrote it: an OCI image layout, a folder
// or a tar; what docker save writes; another tar, plain or compressed with gzip or
// zstd; any other directory; and any other file. Unlike [Open], it takes what some runtimes take: see
// oci.LayerLimits.Lenient.
func OpenAny(path string, limits Limits) (*Input, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	i := &Input{path: path, info: info, limits: limits}
	if info.IsDir() {
		err = i.openFolder()
	} else {
		err = i.openFile()
	}
	if err == nil && i.layout != nil {
		i.close = i.layout.Close
		i.index, err = i.readIndex()
	}
	if err != nil {
		if i.close != nil {
			err = errors.Join(err, i.close())
		}
		return nil, err
	}
	return i, nil
}

// SetFetched says that the input was made of what name is in a registry. Comparisons
// call it so, and don't compare what is around the images, which is not from there.
func (i *Input) SetFetched(name string) { i.path, i.fetched = name, true }

// Digest is that of the manifest or index that the input is, which was checked; what it
// names was not. It is "" for a tree of files.
func (i *Input) Digest() digest.Digest {
	if i.index == nil {
		return ""
	}
	return i.index.desc.Digest
}

// Close releases what was opened.
func (i *Input) Close() error { return i.close() }

func (i *Input) openFolder() error {
	root, err := os.OpenRoot(i.path)
	if err != nil {
		return err
	}
	i.close = root.Close
	if _, err := root.Lstat(ocispec.ImageLayoutFile); err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		i.tree = &dirTree{root: root, path: i.path, limits: i.limits}
		return nil
	}
	if err := root.Close(); err != nil {
		return err
	}
	i.close = nil
	i.layout, err = oci.OpenLayout(i.path)
	return err
}

func (i *Input) openFile() error {
	f, err := os.OpenFile(i.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	i.close = f.Close
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, &oci.FormatError{What: i.path, Detail: "neither a regular file nor a directory"})
	}
	a, err := oci.OpenImageTar(f)
	if err != nil {
		return err
	}
	if i.layout = a.Layout; i.layout != nil {
		i.file, i.docker = f, a.Docker
		return nil
	}
	t := &tarTree{file: f, path: i.path, limits: i.limits}
	is, err := t.isTar()
	if i.tree = t; !is {
		i.tree = &fileTree{file: f, path: i.path, limits: i.limits}
	}
	return err
}

func (i *Input) form() string {
	if i.tree != nil {
		return i.tree.form()
	}
	return formImage
}

// CompareAny compares two inputs, and explains what differs by what is known of the
// builds that made them.
//
// Images are compared as [Compare] does, those of an index platform by platform. Trees
// are the same when every field and byte of each entry is, and of tars every byte of
// the file. What has two forms is never identical: of an image, what its layers leave
// on top of each other is compared with the other tree.
func CompareAny(ctx context.Context, a, b *Input, builds cause.Builds) (*Comparison, error) {
	c := &Comparison{distinct: !os.SameFile(a.info, b.info)}
	r := newRecorder(a.limits.Differences, newCauses(builds))
	var err error
	if a.tree == nil && b.tree == nil {
		err = compareIndexes(ctx, r, c, a, b)
	} else {
		err = compareTrees(ctx, r, c, a, b)
	}
	if err != nil {
		return nil, err
	}
	c.Counts, c.Unlisted = r.list(), r.unlisted
	c.Causes, c.Skipped = r.causes.list(), r.allSkipped()
	return c, nil
}

// compareTrees compares two trees of files.
func compareTrees(ctx context.Context, r *recorder, c *Comparison, a, b *Input) error {
	var trees [2]tree
	for side, i := range []*Input{a, b} {
		var err error
		if trees[side], err = i.asTree(ctx); err != nil {
			return err
		}
	}
	p := newPair(r, trail{}, "the files", a.limits, trees[0], trees[1])
	p.at = trail{}
	p.mixed = a.form() != b.form()
	p.unordered = p.mixed || a.form() == formDirectory
	if p.mixed {
		p.add(&Difference{Kind: KindMember, Name: "form", Offset: -1, A: text(a.form()), B: text(b.form())}, "")
		r.skip("the configuration of the image, and how the files are stored: only one of the two is an image, or a tar")
	}
	if err := p.compare(ctx); err != nil {
		return err
	}
	if err := p.compareFiles(ctx, c, [2]*Input{a, b}); err != nil {
		return err
	}
	c.Differences = p.children
	c.identical = r.total == 0
	return nil
}

// compareFiles compares what the files of two tars have beside their entries.
func (p *pair) compareFiles(ctx context.Context, c *Comparison, inputs [2]*Input) error {
	var containers [2]container
	tars := 0
	for side, i := range inputs {
		s := Subject{Path: i.path, Bytes: p.sums[side].bytes}
		switch t := i.tree.(type) {
		case *tarTree:
			containers[side] = t.container()
			s.Digest = t.desc.Digest
			tars++
		case *fileTree:
			s.Digest = t.digest
		}
		*c.subject(side) = s
	}
	if tars < 2 {
		return nil
	}
	return p.compareContainers(ctx, containers)
}

// asTree returns the files of an input: of an image, what its layers leave.
func (i *Input) asTree(ctx context.Context) (tree, error) {
	if i.tree != nil {
		return i.tree, nil
	}
	image, err := i.index.only(i.path)
	if err != nil {
		return nil, err
	}
	if err := verified(ctx, []*Image{image}, func() error { return nil }); err != nil {
		return nil, err
	}
	var layers []int
	for n := range image.layers {
		layers = append(layers, n)
	}
	if len(layers) == 0 {
		return nil, &oci.FormatError{What: i.path, Detail: "the image has no layers"}
	}
	return newMergedTree(image, layers), nil
}
