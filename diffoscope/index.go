package diffoscope

import (
	"context"
	"fmt"
	"path"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

const (
	// maxIndexDepth is how many indexes may be in each other.
	maxIndexDepth = 4
	// maxDocuments is how many bytes all manifests and configs of one input have.
	maxDocuments = 64 << 20
)

// An indexNode is an index with all that is in it, or one image in it.
type indexNode struct {
	name     string
	desc     ocispec.Descriptor
	index    document // of an index
	children []*indexNode
	image    *Image // nil for an index
	// beside is how many manifests in index.json refer to the image or are none.
	beside int
}

func (n *indexNode) value() *Value { return &Value{Digest: n.desc.Digest, Size: n.desc.Size} }

// readIndex reads the documents of all images. A layout with one image is that image,
// whatever refers to it; one with an index and nothing else, that index.
func (i *Input) readIndex() (*indexNode, error) {
	index, raw, err := i.layout.Index()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", i.path, err)
	}
	left := int64(maxDocuments)
	root := &indexNode{desc: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromBytes(raw), Size: int64(len(raw))}}
	if root.children, err = i.readNodes(index.Manifests, &left, 1); err != nil {
		return nil, fmt.Errorf("%s: %w", i.path, err)
	}
	var images []*indexNode
	for _, n := range root.children {
		if n.image == nil || !n.image.opaque {
			images = append(images, n)
		}
	}
	switch len(images) {
	case 0:
		return nil, &ImageCountError{i.path, 0}
	case 1:
		images[0].beside = len(root.children) - 1
		return images[0], nil
	}
	root.index, err = newDocument("index.json", raw)
	return root, err
}

func (i *Input) readNodes(descs []ocispec.Descriptor, left *int64, depth int) ([]*indexNode, error) {
	var list []*indexNode
	names := map[string]int{}
	for _, desc := range descs {
		n, err := i.readNode(desc, left, depth)
		if err != nil {
			return nil, err
		}
		n.name = nodeName(desc, descs)
		if names[n.name]++; names[n.name] > 1 {
			n.name = fmt.Sprintf("%s (%d)", n.name, names[n.name])
		}
		list = append(list, n)
	}
	return list, nil
}

// nodeName is what a manifest in an index is called: its platform, or what it is of.
func nodeName(desc ocispec.Descriptor, all []ocispec.Descriptor) string {
	if of := desc.Annotations["vnd.docker.reference.digest"]; of != "" {
		for _, d := range all {
			if d.Digest.String() == of && d.Platform != nil {
				return "attestation of " + platformName(d.Platform)
			}
		}
	}
	name := desc.Annotations[ocispec.AnnotationRefName]
	if p := desc.Platform; p != nil {
		return path.Join(platformName(p), name)
	}
	if name == "" {
		name = desc.MediaType
	}
	return name
}

func platformName(p *ocispec.Platform) string {
	name := path.Join(p.OS, p.Architecture, p.Variant)
	if p.OSVersion != "" {
		name += " " + p.OSVersion
	}
	return name
}

func (i *Input) readNode(desc ocispec.Descriptor, left *int64, depth int) (*indexNode, error) {
	n := &indexNode{desc: desc}
	if *left -= desc.Size; *left < 0 {
		return nil, &oci.LimitError{What: "documents of " + i.path, Size: maxDocuments - *left, Limit: maxDocuments}
	}
	if !oci.IsIndex(desc.MediaType) {
		image := &Image{path: i.path, layout: i.layout, info: i.info, limits: i.limits, lenient: true}
		n.image = image
		image.find = func(*Image) (ocispec.Descriptor, *ocispec.Manifest, []byte, error) {
			m, raw, err := i.layout.ReadAnyManifest(desc)
			return desc, m, raw, err
		}
		if err := image.loadAny(left); err != nil {
			return nil, err
		}
		return n, nil
	}
	if depth > maxIndexDepth {
		return nil, &oci.LimitError{What: "indexes in each other in " + i.path, Size: int64(depth), Limit: maxIndexDepth}
	}
	index, raw, err := i.layout.ReadAnyIndex(desc)
	if err != nil {
		return nil, err
	}
	if n.index, err = newDocument("index", raw); err != nil {
		return nil, err
	}
	n.children, err = i.readNodes(index.Manifests, left, depth+1)
	return n, err
}

// loadAny is load for what may be no image, but an artifact: its config and layers are
// blobs without a meaning.
func (i *Image) loadAny(left *int64) error {
	_, m, raw, err := i.find(i)
	if err != nil {
		return err
	}
	if isImage(m) {
		if *left -= m.Config.Size; *left < 0 {
			return &oci.LimitError{What: "documents of " + i.path, Size: maxDocuments - *left, Limit: maxDocuments}
		}
		return i.load()
	}
	i.opaque = true
	i.desc, i.layers, i.configAt = ocispec.Descriptor{}, m.Layers, m.Config
	if i.desc, _, _, err = i.find(i); err != nil {
		return err
	}
	i.manifest, err = newDocument("manifest", raw)
	return err
}

// only returns the one image.
func (n *indexNode) only(path string) (*Image, error) {
	images := n.images(nil)
	if len(images) != 1 || images[0].opaque {
		return nil, &ImageCountError{path, len(images)}
	}
	return images[0], nil
}

// images appends all images and artifacts.
func (n *indexNode) images(list []*Image) []*Image {
	if n.image != nil {
		return append(list, n.image)
	}
	for _, child := range n.children {
		list = child.images(list)
	}
	return list
}

// blobs adds the digests of all blobs that the images have.
func (n *indexNode) blobs(add func(digest.Digest)) {
	add(n.desc.Digest)
	if n.image != nil {
		add(n.image.configAt.Digest)
		for _, l := range n.image.layers {
			add(l.Digest)
		}
	}
	for _, child := range n.children {
		child.blobs(add)
	}
}

func (n *indexNode) bytes() int64 {
	if n.image != nil {
		return n.image.subject().Bytes
	}
	size := n.desc.Size
	for _, child := range n.children {
		size += child.bytes()
	}
	return size
}

// compareIndexes compares the images of two inputs.
func compareIndexes(ctx context.Context, r *recorder, c *Comparison, a, b *Input) error {
	for side, i := range []*Input{a, b} {
		now, err := i.readIndex()
		if err != nil {
			return err
		}
		if now.desc.Digest != i.index.desc.Digest {
			return &ChangedError{i.path}
		}
		*c.subject(side) = Subject{Path: i.path, Digest: i.index.desc.Digest, Bytes: i.index.bytes()}
		if n := i.index.beside; n > 0 {
			r.skip(fmt.Sprintf("%s: manifests that are not the image's: %d", i.path, n))
		}
	}
	identical := a.index.desc.Digest == b.index.desc.Digest
	var list []*Difference
	err := verified(ctx, append(a.index.images(nil), b.index.images(nil)...), func() (err error) {
		if !identical {
			list, err = compareNodes(ctx, r, trail{}, a.index, b.index)
		}
		return err
	})
	if err != nil {
		return err
	}
	if identical {
		c.identical = true
		return compareAround(ctx, r, c, a, b)
	}
	if r.total == 0 {
		// Nothing explains it, but there are two digests.
		u := &Difference{Kind: KindUnexplained, Name: "image", Offset: -1, A: a.index.value(), B: b.index.value()}
		r.admit(trail{}, u, u.Name)
		list = append(list, u)
	}
	c.Differences = list
	return nil
}

// compareNodes compares two indexes, images or artifacts.
func compareNodes(ctx context.Context, r *recorder, at trail, a, b *indexNode) ([]*Difference, error) {
	switch {
	case a.desc.Digest == b.desc.Digest:
		return nil, nil
	case a.image != nil && b.image != nil && !a.image.opaque && !b.image.opaque:
		return compareImages(ctx, r, at, a.image, b.image)
	case a.image != nil && b.image != nil && a.image.opaque && b.image.opaque:
		return compareArtifacts(ctx, r, at, a.image, b.image)
	case a.image == nil && b.image == nil:
		return compareIndexPair(ctx, r, at, a, b)
	}
	d := &Difference{Kind: KindImage, Name: "type", Offset: -1, A: a.value(), B: b.value()}
	d.A.Text, d.B.Text = a.desc.MediaType, b.desc.MediaType
	if !r.admit(at, d, "") {
		return nil, nil
	}
	return []*Difference{d}, nil
}

func compareIndexPair(ctx context.Context, r *recorder, at trail, a, b *indexNode) ([]*Difference, error) {
	var list []*Difference
	inB := map[string]*indexNode{}
	for _, n := range b.children {
		inB[n.name] = n
	}
	add := func(d *Difference) {
		if r.admit(at, d, "") {
			list = append(list, d)
		}
	}
	for _, x := range a.children {
		y := inB[x.name]
		delete(inB, x.name)
		if y == nil {
			add(&Difference{Kind: KindImage, Name: x.name, Offset: -1, A: x.value()})
			continue
		}
		children, err := compareNodes(ctx, r, at.in(x.name), x, y)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x.name, err)
		}
		if len(children) > 0 {
			list = append(list, &Difference{Kind: KindImage, Name: x.name, Offset: -1, A: x.value(), B: y.value(), Children: children})
		}
	}
	for _, y := range b.children {
		if inB[y.name] == y {
			add(&Difference{Kind: KindImage, Name: y.name, Offset: -1, B: y.value()})
		}
	}
	members := compareDocuments(r, at.in("index"), a.index, b.index, manifestMember.MatchString)
	if len(members) > 0 {
		index := &Difference{Kind: KindIndex, Name: "index", Offset: -1, A: a.value(), B: b.value(), Children: members}
		list = append([]*Difference{index}, list...)
	}
	return list, nil
}
