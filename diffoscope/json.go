package diffoscope

import (
	"encoding/json"
	"io"
	"strconv"
	"unicode/utf8"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

// JSONVersion is the version of what WriteJSON writes, whose schema is
// docs/schemas/compare/report-v1.json. Fields are only added.
const JSONVersion = 1

type jsonComparison struct {
	Version     int              `json:"version"`
	Identical   bool             `json:"identical"`
	A           jsonSubject      `json:"a"`
	B           jsonSubject      `json:"b"`
	Counts      []jsonCount      `json:"counts"`
	Unlisted    int              `json:"unlisted"`
	Differences []jsonDifference `json:"differences"`
	Causes      []jsonCauses     `json:"causes"`
	Skipped     []string         `json:"skipped"`
}

type jsonCauses struct {
	jsonCause
	N      int        `json:"n"`
	Places [][]string `json:"places"`
	Source string     `json:"source,omitempty"`
}

type jsonCause struct {
	Name       cause.Name       `json:"name"`
	Words      string           `json:"words"`
	Confidence cause.Confidence `json:"confidence"`
	Detail     string           `json:"detail,omitempty"`
	A          string           `json:"a"`
	B          string           `json:"b"`
	Mend       string           `json:"mend,omitempty"`
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
	Near     string           `json:"near,omitempty"`
	Line     int              `json:"line,omitempty"`
	Children []jsonDifference `json:"children,omitempty"`
	Format   string           `json:"format,omitempty"`
	Diff     string           `json:"diff,omitempty"` // unified, without a header
	DiffCut  bool             `json:"diffCut,omitempty"`
	Cause    *jsonCause       `json:"cause,omitempty"`
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
		Differences: newJSONDifferences(c.Differences), Causes: newJSONCauses(c.Causes), Skipped: utf8Texts(c.Skipped),
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
			Near: utf8Text(d.Near), Line: d.Line, Children: newJSONDifferences(d.Children),
			Format: utf8Text(d.Format), Diff: utf8Text(string(d.Diff)), DiffCut: d.DiffCut,
		}
		if d.Cause != nil {
			c := newJSONCause(*d.Cause)
			j.Cause = &c
		}
		if d.Offset >= 0 {
			j.Offset = &d.Offset
		}
		out = append(out, j)
	}
	return out
}

func newJSONCauses(list []Cause) []jsonCauses {
	out := make([]jsonCauses, 0, len(list))
	for _, c := range list {
		j := jsonCauses{newJSONCause(c.Cause), c.N, make([][]string, 0, len(c.Places)), utf8Text(c.Source)}
		for _, place := range c.Places {
			j.Places = append(j.Places, utf8Texts(place))
		}
		out = append(out, j)
	}
	return out
}

func newJSONCause(c cause.Cause) jsonCause {
	return jsonCause{c.Name, c.Name.Words(), c.Confidence, utf8Text(c.Detail), utf8Text(c.A), utf8Text(c.B), utf8Text(c.Mend)}
}

func newJSONValue(v *Value) *jsonValue {
	if v == nil {
		return nil
	}
	return &jsonValue{utf8Text(v.Text), v.Digest.String(), v.Size, v.Excerpt, v.ExcerptAt}
}

func utf8Texts(list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, utf8Text(s))
	}
	return out
}

func utf8Text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strconv.Quote(s)
}
