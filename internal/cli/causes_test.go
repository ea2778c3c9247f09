package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

// TestBecause: a build that is not reproduced says why, where in the recipe and what
// mends it, and nothing of it reaches a terminal as it is.
func TestBecause(t *testing.T) {
	c := &diffoscope.Comparison{Causes: []diffoscope.Cause{{
		Cause:  cause.Cause{Name: cause.Timestamp, Confidence: cause.Certain, Detail: "98 s apart", A: "\x1b[2J1", B: "2", Mend: "gzip -n"},
		N:      3,
		Places: [][]string{{"layer 2", "usr/share/\u202ex.gz", "mtime"}},
		Source: "recipes/mqtt/recipe.hcl:23",
	}}}
	m := &made{Report: "dist/mqtt.report"}
	m.differed(c)
	var b bytes.Buffer
	m.text(&b, "mqtt")
	for _, want := range []string{"because", "time of the build: 3, certain, 98 s apart", "recipe: recipes/mqtt/recipe.hcl:23", "mend: gzip -n", "dist/mqtt.report"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	if strings.ContainsAny(b.String(), "\x1b\u202e") {
		t.Errorf("it has what comes from the image as it is:\n%q", b.String())
	}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Causes []why }
	if err := json.Unmarshal(raw, &got); err != nil || len(got.Causes) != 1 || got.Causes[0].Source != c.Causes[0].Source || got.Causes[0].N != 3 {
		t.Errorf("%v: got %s", err, raw)
	}
}
