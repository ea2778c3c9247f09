package cli

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

func TestSupport(t *testing.T) {
	now := time.Date(2026, 1, 31, 23, 0, 0, 0, time.UTC)
	for end, want := range map[string]age{
		"2026-01-31": {State: stateEnded, Note: "it has had no security fixes since"},
		"2020-05-01": {State: stateEnded, Note: "it has had no security fixes since"},
		"2026-02-03": {State: stateEnding, Note: "in 2 days"},
		"2026-05-01": {State: stateEnding, Note: "in 89 days"},
		"2026-05-02": {State: stateCurrent},
	} {
		want.Kind, want.Name, want.Locked = kindSupport, "alpine", end
		q := &asker{now: now}
		got := q.support([]*recipe.Recipe{{Name: "try"}, {Name: "alpine", EndOfSupport: end}})
		if diff := cmp.Diff([]age{want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", end, diff)
		}
	}
}

func TestNewerBase(t *testing.T) {
	base := func(name, version string) *recipe.Recipe {
		return &recipe.Recipe{Kind: recipe.Base, Name: name, Version: version}
	}
	all := map[string]*recipe.Recipe{}
	for _, r := range []*recipe.Recipe{base("alpine-3.9", "3.9.6"), base("alpine-3.19", "3.19.4"), base("alpine-3.20", "3.20.3"), base("alpine-edge", "3.99"), base("debian-13", "13.1")} {
		all[r.Name] = r
	}
	q := &asker{all: func() map[string]*recipe.Recipe { return all }}
	got := q.bases([]*recipe.Recipe{{Kind: recipe.Service, Name: "try"}, all["alpine-3.9"], all["debian-13"]})
	want := []age{
		{Kind: kindBase, Name: "alpine-3.9", Locked: "3.9.6", State: stateNewer, Newest: "3.20.3", Note: "recipe alpine-3.20"},
		{Kind: kindBase, Name: "debian-13", Locked: "13.1", State: stateCurrent},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bases (-want +got):\n%s", diff)
	}
}

func TestOutdatedText(t *testing.T) {
	o := &outdatedRecipe{Recipe: "try", Things: []age{
		{Kind: "apk", Name: "zlib", Arch: "x86_64", State: stateNewer, Locked: "1.3-r0", Newest: "1.3.1-r0"},
		unknown(age{Kind: "go_module", Name: "app", Locked: "example.com/app@v1.0.0"}, errors.New("no proxy\nmore")),
		{Kind: "apk", Name: "musl", Arch: "x86_64", State: stateCurrent, Locked: "1"},
	}}
	const want = `try
  apk        zlib x86_64  1.3-r0                  → 1.3.1-r0
  go_module  app          example.com/app@v1.0.0  → unknown   no proxy
  1 of 3 have nothing newer
`
	var b bytes.Buffer
	o.text(&b)
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}
