package diffoscope

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// A document is a manifest or config.
type document struct {
	what string
	raw  []byte
	root map[string]any
}

func newDocument(what string, raw []byte) (document, error) {
	d := document{what: what, raw: raw}
	if err := oci.UnmarshalJSON(what, raw, &d.root); err != nil {
		return document{}, err
	}
	if d.root == nil {
		return document{}, &oci.FormatError{What: what, Detail: "not a JSON object"}
	}
	return d, nil
}

// diffIDs returns rootfs.diff_ids (image-spec, config.md), one for each layer.
func (d document) diffIDs(layers int) ([]digest.Digest, error) {
	rootfs, _ := d.root["rootfs"].(map[string]any)
	list, _ := rootfs["diff_ids"].([]any)
	if len(list) != layers {
		return nil, &oci.FormatError{What: d.what, Detail: fmt.Sprintf("%d diff_ids for %d layers", len(list), layers)}
	}
	ids := make([]digest.Digest, 0, layers)
	for _, v := range list {
		s, _ := v.(string)
		id, err := digest.Parse(s)
		if err != nil {
			return nil, &oci.FormatError{What: d.what, Detail: fmt.Sprintf("diff_id %q: %v", s, err)}
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// compareDocuments lists the members that differ, without those for which
// follows reports that another part of the image explains them. explained says
// that there is such a part even when no member is listed.
func compareDocuments(r *recorder, at trail, a, b document, follows func(path string) bool) []*Difference {
	if bytes.Equal(a.raw, b.raw) {
		return nil
	}
	w := &memberWalk{}
	w.emit = func(d *Difference) {
		if !follows(d.Name) && r.admit(at, d, "") {
			w.list = append(w.list, d)
		}
	}
	w.compare("", a.root, b.root)
	if w.structure || (w.found && bytes.Equal(shape(a.raw), shape(b.raw))) {
		return w.list
	}
	// The members differ only in value, if at all, and yet so do the bytes
	// between them: white space, or the order of keys.
	if d := unexplained("white space or order of members", a.raw, b.raw); r.admit(at, d, d.Name) {
		w.list = append(w.list, d)
	}
	return w.list
}

// A memberWalk compares two JSON values.
type memberWalk struct {
	emit func(*Difference)
	// reorders says that an array with the same in another order is one difference.
	reorders bool
	list     []*Difference
	// found says that any member differs; structure, that one is on one side only.
	found, structure bool
}

func (w *memberWalk) compare(path string, a, b any) {
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			w.compareObjects(path, x, y)
			return
		}
	case []any:
		if y, ok := b.([]any); ok {
			w.compareArrays(path, x, y)
			return
		}
	}
	if sameValue(a, b) {
		return
	}
	w.structure = w.structure || isComposite(a) || isComposite(b)
	w.add(path, member(a), member(b))
}

func (w *memberWalk) compareObjects(path string, a, b map[string]any) {
	keys := slices.Collect(maps.Keys(a))
	for key := range b {
		if _, ok := a[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		x, inA := a[key]
		y, inB := b[key]
		w.compareOne(joinPath(path, key), x, y, inA, inB)
	}
}

func (w *memberWalk) compareArrays(path string, a, b []any) {
	if w.reorders && reordered(a, b) {
		w.found = true
		w.emit(&Difference{Kind: KindOrder, Name: path, A: member(a), B: member(b), Offset: -1})
		return
	}
	for i := range max(len(a), len(b)) {
		var x, y any
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		w.compareOne(fmt.Sprintf("%s[%d]", path, i), x, y, i < len(a), i < len(b))
	}
}

func (w *memberWalk) compareOne(path string, a, b any, inA, inB bool) {
	switch {
	case inA && inB:
		w.compare(path, a, b)
	case inA:
		w.structure = true
		w.add(path, member(a), nil)
	default:
		w.structure = true
		w.add(path, nil, member(b))
	}
}

func (w *memberWalk) add(path string, a, b *Value) {
	w.found = true
	w.emit(&Difference{Kind: KindMember, Name: path, A: a, B: b, Offset: -1})
}

// reordered reports whether two arrays, which have no others in them, have the same
// values in another order.
func reordered(a, b []any) bool {
	if len(a) != len(b) || slices.ContainsFunc(a, isComposite) || slices.ContainsFunc(b, isComposite) || slices.Equal(a, b) {
		return false
	}
	count := make(map[any]int, len(a))
	for i := range a {
		count[a[i]]++
		count[b[i]]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func isComposite(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// sameValue compares two values of which at most one is an object or array.
func sameValue(a, b any) bool {
	if isComposite(a) || isComposite(b) {
		return false
	}
	return a == b
}

// member writes v as JSON.
func member(v any) *Value {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return &Value{Text: fmt.Sprint(v)}
	}
	return &Value{Text: strings.TrimSuffix(b.String(), "\n")}
}

func joinPath(path, key string) string {
	plain := key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
	switch {
	case !plain:
		return fmt.Sprintf("%s[%q]", path, key)
	case path == "":
		return key
	}
	return path + "." + key
}

// shape returns src without its values: keys, punctuation and white space.
func shape(src []byte) []byte {
	const between = " \t\r\n,:"
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	var out []byte
	var inObject []bool
	key, last := false, int64(0)
	for {
		tok, err := dec.Token()
		if err != nil {
			return append(out, src[last:]...)
		}
		raw := src[last:dec.InputOffset()]
		last = dec.InputOffset()
		delim, isDelim := tok.(json.Delim)
		if isDelim || key {
			out = append(out, raw...)
		} else {
			out = append(out, raw[:len(raw)-len(bytes.TrimLeft(raw, between))]...)
		}
		switch {
		case isDelim && (delim == '{' || delim == '['):
			inObject = append(inObject, delim == '{')
			key = delim == '{'
			continue
		case isDelim:
			inObject = inObject[:len(inObject)-1]
			key = false
		}
		// After a key comes its value; after a value in an object, a key.
		key = len(inObject) > 0 && inObject[len(inObject)-1] && !key
	}
}
