package oci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
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

// Members returns the members of src, a JSON object, as they are in it, when src is such
// that [UnmarshalLongJSON] takes it.
func Members(what string, src []byte) (map[string]json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	if _, err := scanJSON(what, src, nil, len(src), members); err != nil {
		return nil, err
	}
	if start := bytes.TrimLeft(src, " \t\r\n"); start[0] != '{' {
		return nil, &FormatError{what, "not a JSON object"}
	}
	return members, nil
}

func unmarshalJSON(what string, src []byte, v any, names []string, values int) error {
	_, err := decodeJSON(what, src, v, names, values)
	return err
}

// decodeJSON is unmarshalJSON, and returns the keys of the outermost object, sorted.
func decodeJSON(what string, src []byte, v any, names []string, values int) (keys [][]byte, err error) {
	if keys, err = scanJSON(what, src, names, values, nil); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return nil, &FormatError{what, err.Error()}
	}
	return keys, nil
}

// syntaxError says what is wrong with src, which isn't one JSON value.
func syntaxError(what string, src []byte) error {
	dec := json.NewDecoder(bytes.NewReader(src))
	if err := dec.Decode(new(json.RawMessage)); err != nil {
		return &FormatError{what, "JSON: " + err.Error()}
	}
	return &FormatError{what, "data after the JSON value"}
}

// A jsonLevel is an object or array that is still open.
type jsonLevel struct {
	object bool
	first  int    // of the object's keys among all
	key    []byte // the key whose value comes next, when inValue
	// inValue says that a key was read and its value was not.
	inValue bool
	// free says that the object's keys are the author's own.
	free bool
}

// A keyChecker looks at the keys of JSON that is valid.
type keyChecker struct {
	what  string
	names []string
	open  []jsonLevel
	keys  [][]byte // of all objects that are open
}

// scanJSON checks src as UnmarshalJSON does. It returns the keys of the outermost object,
// sorted, and puts its members into members, unless that is nil.
func scanJSON(what string, src []byte, names []string, values int, members map[string]json.RawMessage) ([][]byte, error) {
	if !utf8.Valid(src) {
		return nil, &FormatError{what, "not valid UTF-8"}
	}
	if !json.Valid(src) {
		return nil, syntaxError(what, src)
	}
	return checkKeys(what, src, names, values, members)
}

// checkKeys is scanJSON of what is valid.
func checkKeys(what string, src []byte, names []string, values int, members map[string]json.RawMessage) ([][]byte, error) {
	c := &keyChecker{what: what, names: names}
	begin := -1 // of the outermost object's member that is being read
	for i, tokens := 0, 0; i < len(src); tokens++ {
		// A member has a key and a value, an object or array an end.
		if tokens > 2*values {
			return nil, &LimitError{"values in " + what, int64(tokens / 2), int64(values)}
		}
		for i < len(src) && isBetween(src[i]) {
			i++
		}
		if i == len(src) {
			break
		}
		if begin < 0 && c.inMember() {
			begin = i
		}
		end := tokenEnd(src, i)
		if err := c.token(src[i:end]); err != nil {
			return nil, err
		}
		if begin >= 0 && len(c.open) == 1 && !c.inMember() {
			if members != nil {
				members[string(c.open[0].key)] = src[begin:end]
			}
			begin = -1
		}
		i = end
	}
	return c.keys, nil
}

// inMember reports whether the value of one of the outermost object's members comes next,
// or is being read.
func (c *keyChecker) inMember() bool { return len(c.open) > 0 && c.open[0].inValue }

// isBetween reports whether b separates tokens.
func isBetween(b byte) bool {
	return b == ',' || b == ':' || b == ' ' || b == '\n' || b == '\t' || b == '\r'
}

// tokenEnd returns where the token ends that begins at i.
func tokenEnd(src []byte, i int) int {
	switch src[i] {
	case '{', '[', '}', ']':
		return i + 1
	case '"':
		for i++; src[i] != '"'; i++ {
			if src[i] == '\\' {
				i++ // what is escaped doesn't end it
			}
		}
		return i + 1
	}
	for i < len(src) && !isBetween(src[i]) && src[i] != '}' && src[i] != ']' {
		i++
	}
	return i
}

func (c *keyChecker) token(tok []byte) error {
	var top *jsonLevel
	if len(c.open) > 0 {
		top = &c.open[len(c.open)-1]
	}
	switch tok[0] {
	case '{', '[':
		if len(c.open) == maxJSONDepth {
			return &LimitError{"nesting of " + c.what, maxJSONDepth + 1, maxJSONDepth}
		}
		c.open = append(c.open, jsonLevel{
			object: tok[0] == '{', first: len(c.keys),
			free: tok[0] == '{' && top != nil && top.inValue && string(top.key) == "annotations",
		})
		return nil
	case '}', ']':
		return c.end()
	}
	switch {
	case top == nil:
	case top.object && !top.inValue:
		return c.key(top, tok)
	default:
		top.inValue = false
	}
	return nil
}

// key takes the key that tok is, quoted.
func (c *keyChecker) key(top *jsonLevel, tok []byte) error {
	key := tok[1 : len(tok)-1]
	if bytes.IndexByte(key, '\\') >= 0 {
		var unquoted string
		if err := json.Unmarshal(tok, &unquoted); err != nil {
			return &FormatError{c.what, "JSON: " + err.Error()}
		}
		key = []byte(unquoted)
	}
	if !top.free {
		if name, ok := c.alike(key); ok {
			return &FormatError{c.what, fmt.Sprintf("key %q, where the specification says %q", key, name)}
		}
	}
	c.keys = append(c.keys, key)
	top.key, top.inValue = key, true
	return nil
}

// alike returns the name that key is in another case.
func (c *keyChecker) alike(key []byte) (string, bool) {
	for _, name := range c.names {
		if string(key) == name {
			return "", false
		}
	}
	for _, name := range c.names {
		if bytes.EqualFold(key, []byte(name)) {
			return name, true
		}
	}
	return "", false
}

// end ends the object or array that was opened last.
func (c *keyChecker) end() error {
	last := c.open[len(c.open)-1]
	c.open = c.open[:len(c.open)-1]
	keys := c.keys[last.first:]
	slices.SortFunc(keys, bytes.Compare)
	for i := 1; i < len(keys); i++ {
		if bytes.Equal(keys[i-1], keys[i]) {
			return &FormatError{c.what, fmt.Sprintf("duplicate key %q", keys[i])}
		}
	}
	if len(c.open) > 0 {
		c.keys = c.keys[:last.first]
		c.open[len(c.open)-1].inValue = false
	}
	return nil
}
