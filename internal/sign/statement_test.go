package sign

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// TestReadStatement: it reads what protobuf's own decoder reads, and refuses what that
// refuses, and more.
func TestReadStatement(t *testing.T) {
	st := string(statementOf(image))
	subject := `{"digest":{"sha256":"` + image.Encoded() + `"}}`
	full := strings.Replace(st, subject, `{"name":"a","uri":"b","digest":{"sha256":"`+image.Encoded()+`","x":"y"},"mediaType":"c","annotations":{"d":[1]}},`+subject, 1)
	for name, good := range map[string]string{
		"ours": st, "with all members": full,
		"v0.1":            strings.Replace(st, "Statement/v1", "Statement/v0.1", 1),
		"escaped":         strings.Replace(st, `"predicateType"`, `"predicate\u0054ype"`, 1),
		"empty predicate": strings.Replace(st, `{"a":1}`, `{}`, 1),
	} {
		got, err := readStatement([]byte(good))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var want intoto.Statement
		if err := protojson.Unmarshal([]byte(good), &want); err != nil {
			t.Fatal(err)
		}
		if got.Type != want.Type || got.PredicateType != want.PredicateType || len(got.Subject) != len(want.Subject) {
			t.Errorf("%s: got %v", name, got)
			continue
		}
		for i, s := range got.Subject {
			w := want.Subject[i]
			if s.Name != w.Name || s.Uri != w.Uri || !cmp.Equal(s.Digest, w.Digest) {
				t.Errorf("%s: got the subject %v", name, s)
			}
		}
	}
	for name, bad := range map[string]string{
		"no JSON":                  "x",
		"no object":                "[]",
		"nothing":                  "null",
		"another type":             strings.Replace(st, "Statement/v1", "Statement/v2", 1),
		"no subject":               strings.Replace(st, subject, "", 1),
		"no digest":                strings.Replace(st, subject, `{"name":"a"}`, 1),
		"a null subject":           strings.Replace(st, subject, "null", 1),
		"a text as subject":        strings.Replace(st, subject, `"a"`, 1),
		"no predicate":             strings.Replace(st, `,"predicate":{"a":1}`, "", 1),
		"null as predicate":        strings.Replace(st, `{"a":1}`, "null", 1),
		"a list as predicate":      strings.Replace(st, `{"a":1}`, "[]", 1),
		"unknown member":           strings.Replace(st, `"predicate":`, `"more":1,"predicate":`, 1),
		"a member in another case": strings.Replace(st, `"predicate":`, `"Subject":[],"predicate":`, 1),
		"another case alone":       strings.Replace(st, `"predicateType"`, `"PredicateType"`, 1),
		"a subject's in another":   strings.Replace(st, `"digest"`, `"Digest"`, 1),
		"a subject's unknown":      strings.Replace(st, `"digest"`, `"more":1,"digest"`, 1),
		"a member twice":           strings.Replace(st, `"predicate":`, `"predicateType":"x","predicate":`, 1),
		"twice, escaped":           strings.Replace(st, `"predicate":`, `"predicate\u0054ype":"x","predicate":`, 1),
		"a digest twice":           strings.Replace(st, `"sha256":`, `"sha256":"`+strings.Repeat("0", 64)+`","sha256":`, 1),
		"twice in the predicate":   strings.Replace(st, `"a":1`, `"b":{"a":1,"a":2}`, 1),
		"trailing object":          st + "{}",
		"a short digest":           strings.Replace(st, image.Encoded(), "00", 1),
	} {
		if got, err := readStatement([]byte(bad)); err == nil {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
