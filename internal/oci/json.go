package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	maxJSONDepth = 64
	// maxValues is how many values a document may have, since an empty one of two
	// bytes takes a hundred when it is decoded. An index of 1,024 images has 12,000.
	maxValues = 1 << 15
)

// UnmarshalJSON decodes src into v as encoding/json does, and refuses what two
// parsers could read in two ways: duplicate keys, invalid UTF-8, data after the
// value; and nesting deeper than 64, and more than 32,768 values. Numbers in an
// interface become json.Number, so that none loses digits. What names src in errors,
// which are *FormatError or *LimitError.
//
// Keys that encoding/json, which ignores case, would take for one of names are
// refused, too.
func UnmarshalJSON(what string, src []byte, v any, names ...string) error {
	return unmarshalJSON(what, src, v, names, maxValues)
}

// UnmarshalLongJSON is [UnmarshalJSON] with as many values as fit into src, for what
// is known to come from somebody who is trusted.
func UnmarshalLongJSON(what string, src []byte, v any, names ...string) error {
	return unmarshalJSON(what, src, v, names, len(src))
}

func unmarshalJSON(what string, src []byte, v any, names []string, values int) error {
	if !utf8.Valid(src) {
		return &FormatError{what, "not valid UTF-8"}
	}
	if err := checkKeys(what, src, names, values); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return &FormatError{what, err.Error()}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return &FormatError{what, "data after the JSON value"}
	}
	return nil
}

// A jsonLevel is an object or array that is still open.
type jsonLevel struct {
	keys map[string]struct{} // nil for an array
	key  string              // the key whose value comes next, when inValue
	// inValue says that a key was read and its value was not.
	inValue bool
	// free says that the object's keys are the author's own.
	free bool
}

func checkKeys(what string, src []byte, names []string, values int) error {
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	var open []*jsonLevel
	for tokens := 0; ; tokens++ {
		// A member has a key and a value, an object or array an end.
		if tokens > 2*values {
			return &LimitError{"values in " + what, int64(tokens / 2), int64(values)}
		}
		tok, err := dec.Token()
		if err != nil {
			return &FormatError{what, "JSON: " + err.Error()}
		}
		var top *jsonLevel
		if len(open) > 0 {
			top = open[len(open)-1]
		}
		switch delim, _ := tok.(json.Delim); {
		case delim == '{' || delim == '[':
			if len(open) == maxJSONDepth {
				return &LimitError{"nesting of " + what, maxJSONDepth + 1, maxJSONDepth}
			}
			open = append(open, openLevel(delim, top))
			continue
		case delim == '}' || delim == ']':
			open = open[:len(open)-1]
		case top != nil && top.keys != nil && !top.inValue:
			if err := top.addKey(what, tok.(string), names); err != nil {
				return err
			}
			continue
		}
		if len(open) == 0 {
			return nil
		}
		open[len(open)-1].inValue = false
	}
}

func openLevel(delim json.Delim, parent *jsonLevel) *jsonLevel {
	if delim == '[' {
		return &jsonLevel{}
	}
	return &jsonLevel{
		keys: map[string]struct{}{},
		free: parent != nil && parent.inValue && parent.key == "annotations",
	}
}

func (l *jsonLevel) addKey(what, key string, names []string) error {
	if _, ok := l.keys[key]; ok {
		return &FormatError{what, fmt.Sprintf("duplicate key %q", key)}
	}
	if !l.free {
		for _, name := range names {
			if key != name && strings.EqualFold(key, name) {
				return &FormatError{what, fmt.Sprintf("key %q, where the specification says %q", key, name)}
			}
		}
	}
	l.keys[key] = struct{}{}
	l.key, l.inValue = key, true
	return nil
}
