package diffoscope

import (
	"encoding/json"
	"io"
	"strconv"
	"unicode/utf8"
)

// JSONVersion is the version of what WriteJSON writes. Fields are only added.
const JSONVersion = 1

type jsonComparison struct {
	Version     int              `json:"version"`
	Identical   bool             `json:"identical"`
	A           jsonSubject      `json:"a"`
	B           jsonSubject      `json:"b"`
	Counts      []jsonCount      `json:"counts"`
	Unlisted    int              `json:"unlisted"`
	Differences []jsonDifference `json:"differences"`
}

type jsonSubject struct {
	Path   string `json:"path"`
	Digest string `json:"digest"`
	Bytes  int64  `json:"bytes"`
}

type jsonCount struct {
	Kind  Kind   `json:"kind"`
	Field string `json:"field,omitempty"`
	N     int    `json:"n"`
}

type jsonDifference struct {
	Kind     Kind             `json:"kind"`
	Name     string           `json:"name"`
	A        *jsonValue       `json:"a,omitempty"`
	B        *jsonValue       `json:"b,omitempty"`
	Offset   *int64           `json:"offset,omitempty"`
	Line     int              `json:"line,omitempty"`
	Children []jsonDifference `json:"children,omitempty"`
}

type jsonValue struct {
	Text      string `json:"text"`
	Digest    string `json:"digest,omitempty"`
	Size      int64  `json:"size,omitempty"`
	Excerpt   []byte `json:"excerpt,omitempty"` // base64
	ExcerptAt int64  `json:"excerptAt,omitempty"`
}

// WriteJSON writes c as one line of JSON, with the format's version first. The
// same comparison always gives the same bytes. A string that is not UTF-8, such as
// a file's name, is written as a Go string literal, quotes included.
func WriteJSON(w io.Writer, c *Comparison) error {
	out := jsonComparison{
		Version: JSONVersion, Identical: c.identical,
		A: newJSONSubject(c.a), B: newJSONSubject(c.b),
		Counts: []jsonCount{}, Unlisted: c.Unlisted,
		Differences: newJSONDifferences(c.Differences),
	}
	for _, n := range c.Counts {
		out.Counts = append(out.Counts, jsonCount{n.Kind, utf8Text(n.Field), n.N})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}

func newJSONSubject(s Subject) jsonSubject {
	return jsonSubject{utf8Text(s.Path), s.Digest.String(), s.Bytes}
}

func newJSONDifferences(list []*Difference) []jsonDifference {
	out := make([]jsonDifference, 0, len(list))
	for _, d := range list {
		j := jsonDifference{
			Kind: d.Kind, Name: utf8Text(d.Name), A: newJSONValue(d.A), B: newJSONValue(d.B),
			Line: d.Line, Children: newJSONDifferences(d.Children),
		}
		if d.Offset >= 0 {
			j.Offset = &d.Offset
		}
		out = append(out, j)
	}
	return out
}

func newJSONValue(v *Value) *jsonValue {
	if v == nil {
		return nil
	}
	return &jsonValue{utf8Text(v.Text), v.Digest.String(), v.Size, v.Excerpt, v.ExcerptAt}
}

func utf8Text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strconv.Quote(s)
}
