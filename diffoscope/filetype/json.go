package filetype

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path"
	"strconv"
)

// maxJSONDepth is how deep objects and arrays may be nested.
const maxJSONDepth = 500

func sniffJSON(head []byte, name string) bool {
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) == 0 || head[0] != '{' && head[0] != '[' {
		return false
	}
	return path.Ext(name) == ".json" || json.Valid(head) || len(head) > 1000
}

// parseJSON takes a JSON document apart into its values, by path, such as
// layers[0].size, in the document's order. What is like JSON at first, and isn't, is
// of no known type.
func parseJSON(in *input, b *builder) error {
	if in.Size() > in.limits.Memory {
		return &LimitError{What: "bytes of JSON", Limit: in.limits.Memory}
	}
	w := &jsonWalk{b: b, dec: json.NewDecoder(bufio.NewReader(in.section(0, in.Size())))}
	w.dec.UseNumber()
	for {
		tok, err := w.dec.Token()
		if errors.Is(err, io.EOF) && len(w.levels) == 0 {
			return nil
		}
		if err != nil {
			return ErrUnknown
		}
		if err := w.token(tok); err != nil {
			return err
		}
		if b.err != nil {
			return b.err
		}
	}
}

// A jsonWalk is where in a document its reader is.
type jsonWalk struct {
	b      *builder
	dec    *json.Decoder
	path   []byte // of the current value
	levels []jsonLevel
	docs   int
}

type jsonLevel struct {
	array  bool
	index  int  // of the next value
	key    bool // a key comes next
	length int  // of the path, before the value's own name
}

func (w *jsonWalk) token(tok json.Token) error {
	var top *jsonLevel
	if len(w.levels) > 0 {
		top = &w.levels[len(w.levels)-1]
	}
	if delim, ok := tok.(json.Delim); ok && (delim == '}' || delim == ']') {
		if top.index == 0 {
			w.add(map[json.Delim]string{'}': "{}", ']': "[]"}[delim], 2)
		}
		w.levels = w.levels[:len(w.levels)-1]
		w.leave()
		return nil
	}
	if top != nil && top.key {
		w.path = appendJSONKey(w.path[:top.length], tok)
		top.key = false
		top.index++
		return nil
	}
	if top != nil && top.array {
		w.path = append(strconv.AppendInt(append(w.path[:top.length], '['), int64(top.index), 10), ']')
		top.index++
	}
	if top == nil {
		if w.docs++; w.docs > 1 {
			return ErrUnknown // more than one document: lines of JSON
		}
	}
	if delim, ok := tok.(json.Delim); ok {
		if len(w.levels) == maxJSONDepth {
			return &LimitError{What: "levels of JSON", Limit: maxJSONDepth}
		}
		w.levels = append(w.levels, jsonLevel{array: delim == '[', key: delim == '{', length: len(w.path)})
		return nil
	}
	value := jsonText(tok)
	w.add(value, len(value))
	w.leave()
	return nil
}

// leave is called after a value: in an object, a key comes next.
func (w *jsonWalk) leave() {
	if len(w.levels) > 0 {
		top := &w.levels[len(w.levels)-1]
		top.key = !top.array
		w.path = w.path[:top.length]
	}
}

func (w *jsonWalk) add(value string, size int) {
	w.b.field(string(w.path), value, w.dec.InputOffset()-int64(size), int64(size))
}

// appendJSONKey appends a key to a path, as in package diffoscope.
func appendJSONKey(p []byte, tok json.Token) []byte {
	key, _ := tok.(string)
	plain := key != ""
	for _, c := range []byte(key) {
		plain = plain && (word[c] && c != '.' && c != '+' && c != '~' && c != '@')
	}
	switch {
	case !plain:
		return append(strconv.AppendQuote(append(p, '['), key), ']')
	case len(p) == 0:
		return append(p, key...)
	}
	return append(append(p, '.'), key...)
}

// jsonText writes a value that is no object or array.
func jsonText(tok json.Token) string {
	if n, ok := tok.(json.Number); ok {
		return n.String()
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(tok); err != nil {
		return ""
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
