package diffoscope

import (
	"context"
	"crypto/sha256"
	"io"
	"path"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/filetype"
)

// Names with a meaning in layers (image-spec, layer.md, "Whiteouts").
const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
)

// A mergedTree is what several layers leave, once they are on top of each other. Its
// entries come from the top layer down.
type mergedTree struct {
	image  *Image
	layers []int
	// sizes are how many entries the layers have, of those that were read.
	sizes []int
}

func newMergedTree(i *Image, layers []int) *mergedTree { return &mergedTree{image: i, layers: layers} }

func (t *mergedTree) form() string { return formImage }

func (t *mergedTree) kept(int64, int64) *io.SectionReader { return nil }

func (t *mergedTree) walk(ctx context.Context, fn func(*entry) error) (*summary, error) {
	sum := &summary{}
	m := &merger{bottom: t.layers[0] == 0, hidden: map[pathKey]hiding{}}
	t.sizes = nil
	for n := len(t.layers) - 1; n >= 0; n-- {
		m.here = map[pathKey]hiding{}
		layer, err := layerTree{t.image, t.layers[n], nil}.walk(ctx, func(e *entry) error {
			if !m.visible(e) {
				return nil
			}
			e.index += sum.entries
			return fn(e)
		})
		if err != nil {
			return nil, err
		}
		m.endLayer()
		t.sizes = append(t.sizes, layer.entries)
		sum.entries += layer.entries
		sum.bytes += t.image.layers[t.layers[n]].Size
	}
	return sum, nil
}

func (t *mergedTree) again(ctx context.Context, wants func(int) bool, last int, fn func(int, contentReader) error) error {
	base := 0
	for i, size := range t.sizes {
		n := t.layers[len(t.layers)-1-i]
		end := -1
		for k := range size {
			if wants(base + k) {
				end = k
			}
		}
		if end >= 0 {
			err := layerTree{t.image, n, nil}.again(ctx, func(k int) bool { return wants(base + k) }, end,
				func(k int, r contentReader) error { return fn(base+k, r) })
			if err != nil {
				return err
			}
		}
		if base += size; base > last {
			break
		}
	}
	return nil
}

// A pathKey stands for a path.
type pathKey [16]byte

func keyOf(name string) pathKey {
	sum := sha256.Sum256([]byte(name))
	return pathKey(sum[:16])
}

// A hiding says what a path of an upper layer hides in those below.
type hiding byte

const (
	hidesPath  hiding = 1 << iota // the path itself
	hidesBelow                    // what is in it
)

// A merger tells what is still there of a layer, below others.
type merger struct {
	bottom       bool // nothing is below the last layer
	hidden, here map[pathKey]hiding
}

func (m *merger) visible(e *entry) bool {
	name := cleanName(e.header.Name)
	dir, base := path.Split(name)
	dir = strings.TrimSuffix(dir, "/")
	hidden := m.isHidden(name)
	switch target, whiteout := strings.CutPrefix(base, whiteoutPrefix); {
	case base == whiteoutOpaque:
		m.here[keyOf(dir)] |= hidesBelow
		return !m.bottom && !hidden
	case whiteout:
		m.here[keyOf(path.Join(dir, target))] |= hidesPath | hidesBelow
		return !m.bottom && !hidden
	}
	hides := hidesPath
	if filetype.TarType(e.header.Typeflag) != "directory" {
		hides |= hidesBelow
	}
	m.here[keyOf(name)] |= hides
	return !hidden
}

func (m *merger) isHidden(name string) bool {
	if m.hidden[keyOf(name)]&hidesPath != 0 {
		return true
	}
	for i := len(name) - 1; i > 0; i-- {
		if name[i] == '/' && m.hidden[keyOf(name[:i])]&hidesBelow != 0 {
			return true
		}
	}
	return m.hidden[keyOf("")]&hidesBelow != 0
}

func (m *merger) endLayer() {
	for key, h := range m.here {
		m.hidden[key] |= h
	}
}

// cleanName is a name in a layer without the dots and slashes that don't matter.
func cleanName(name string) string {
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}
