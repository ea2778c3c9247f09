package graph

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func node(name string, bases ...string) Node { return Node{Name: name, Version: "1-r0", Bases: bases} }

func newGraph(t *testing.T, nodes ...Node) *Graph {
	t.Helper()
	g, err := New(nodes)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// diamond is a root, two bases on it for different architectures, and services.
func diamond(t *testing.T) *Graph {
	return newGraph(t,
		node("z", "left"), node("both", "right", "left", "left"), node("left", "root"), node("right", "root"),
		node("root"), node("alone"),
	)
}

func TestOrder(t *testing.T) {
	g := diamond(t)
	for _, c := range []struct{ names, want []string }{
		{g.Names(), []string{"alone", "root", "left", "right", "both", "z"}},
		{[]string{"z", "alone", "left"}, []string{"left", "z", "alone"}},
		{[]string{"both", "root"}, []string{"root", "both"}}, // through what isn't wanted
		{[]string{"z", "z", "nothing"}, []string{"z"}},
		{nil, nil},
	} {
		if diff := cmp.Diff(c.want, g.Order(c.names)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.names, diff)
		}
	}
}

func TestNeighbours(t *testing.T) {
	g := diamond(t)
	for _, c := range []struct {
		what      string
		got, want []string
	}{
		{"below both", g.Below("both"), []string{"left", "right", "root"}},
		{"above root", g.Above("root"), []string{"both", "left", "right", "z"}},
		{"on root", g.On("root"), []string{"left", "right"}},
		{"below nothing", g.Below("nothing"), nil},
		{"around left", g.Around([]string{"left"}).Names(), []string{"both", "left", "root", "z"}},
		{"around nothing", g.Around([]string{"nothing"}).Names(), nil},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
	// A part has no edges to what it lacks.
	n, _ := g.Around([]string{"left"}).Node("both")
	if diff := cmp.Diff([]string{"left"}, n.Bases); diff != "" {
		t.Errorf("bases of both around left (-want +got):\n%s", diff)
	}
}

func TestNoGraph(t *testing.T) {
	_, err := New([]Node{node("a", "b"), node("b", "c"), node("c", "b")})
	var cycle *CycleError
	if !errors.As(err, &cycle) {
		t.Fatalf("error %v, want a CycleError", err)
	}
	if diff := cmp.Diff([]string{"b", "c", "b"}, cycle.Recipes); diff != "" {
		t.Errorf("cycle (-want +got):\n%s", diff)
	}
	_, err = New([]Node{node("a", "b")})
	var missing *MissingError
	if !errors.As(err, &missing) || missing.Recipe != "a" || missing.Base != "b" {
		t.Errorf("error %v, want a MissingError of a and b", err)
	}
}

func TestReach(t *testing.T) {
	own := map[string][]Reason{
		"root": {{Cause: CauseRecipe, What: []string{"version"}}},
		"left": {{Cause: CauseRecord, What: []string{"recorded image for x86_64"}}},
		"z":    {{Cause: CauseFile, What: []string{"files/conf"}}},
	}
	got := diamond(t).Reach(own)
	root := Reason{Cause: CauseRecipe, Base: "root", What: []string{"version"}}
	want := map[string][]Reason{
		"root":  own["root"],
		"left":  {own["left"][0], root},
		"right": {root},
		"both":  {root},
		"z":     {own["z"][0], root},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
