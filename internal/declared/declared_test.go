package declared

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

func everything(t *testing.T) *recipe.Recipe {
	t.Helper()
	const file = "../recipe/testdata/good/everything.hcl"
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, diags := recipe.Decode(file, src, recipe.Env{Vars: map[string]string{"alpine": "3.19"}})
	if r == nil || len(r.Privileges) == 0 || r.Runtime == nil {
		t.Fatal(diags)
	}
	return r
}

// TestLabels: what images have been labelled with is part of their digest.
func TestLabels(t *testing.T) {
	r := &recipe.Recipe{
		Kind: recipe.Service, Limits: recipe.Limits{Memory: 64 << 20},
		Privileges: []recipe.Privilege{{Kind: "capability", Name: "SYS_CHROOT", Reason: "a < b"}},
		Runtime: &recipe.Runtime{
			Ports:   []recipe.Port{{Name: "ssh", Number: 2222, Protocol: "tcp", Onion: 22}, {Name: "x", Number: 1, Protocol: "udp"}},
			Volumes: []recipe.Volume{{Path: "/srv", Persistent: true}},
		},
	}
	for _, c := range []struct {
		recipe *recipe.Recipe
		want   map[string]string
	}{
		{r, map[string]string{
			LabelPrivileges: `[{"kind":"capability","name":"SYS_CHROOT","reason":"a \u003c b"}]`,
			LabelLimits:     `{"memory":67108864}`,
			LabelPorts:      `[{"name":"ssh","number":2222,"protocol":"tcp","onion":22},{"name":"x","number":1,"protocol":"udp"}]`,
			LabelVolumes:    `[{"path":"/srv","persistent":true}]`,
		}},
		{&recipe.Recipe{Kind: recipe.Service}, map[string]string{LabelPrivileges: "[]"}},
		{&recipe.Recipe{Kind: recipe.Service, Runtime: &recipe.Runtime{}}, map[string]string{LabelPrivileges: "[]", LabelPorts: "[]", LabelVolumes: "[]"}},
		{&recipe.Recipe{Kind: recipe.Base}, map[string]string{}},
	} {
		got, err := Of(c.recipe).Labels()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("labels (-want +got):\n%s", diff)
		}
	}
}

func TestCheck(t *testing.T) {
	said := Of(everything(t))
	good, err := said.Labels()
	if err != nil {
		t.Fatal(err)
	}
	good["org.example.other"] = "x"
	if err := said.Check(good); err != nil {
		t.Error(err)
	}
	for _, name := range labels {
		for _, value := range []string{"", "[]", good[name] + " ", strings.Replace(good[name], ":", ": ", 1)} {
			bad := map[string]string{}
			for k, v := range good {
				bad[k] = v
			}
			bad[name] = value
			if value == "" {
				delete(bad, name)
			}
			var contradiction *ContradictionError
			if err := said.Check(bad); !errors.As(err, &contradiction) || contradiction.Label != name {
				t.Errorf("%s is %q: %v", name, value, err)
			}
		}
	}
	// A base declares nothing, so that an image that does is none.
	if err := (Service{}).Check(map[string]string{LabelPrivileges: "[]"}); err == nil {
		t.Error("a label that nothing is said of is accepted")
	}
}

func TestParsePrivileges(t *testing.T) {
	want := Of(everything(t)).Privileges
	labels, err := Of(everything(t)).Labels()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParsePrivileges(labels[LabelPrivileges])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	for _, bad := range []string{
		"", "null", "{}", "[null]", `[{"kind":"capability"}]`, `[{"name":"KILL"}]`, `[{"kind":"a","name":"b","more":1}]`,
		`[{"kind":"a","kind":"b","name":"c"}]`, `[{"Kind":"a","name":"c"}]`, `[] []`, `[{"kind":1,"name":"c"}]`,
		"[" + strings.Repeat(`{"kind":"a","name":"b"},`, MaxPrivileges) + `{"kind":"a","name":"b"}]`, "[\"\xff\"]",
	} {
		if got, err := ParsePrivileges(bad); err == nil {
			t.Errorf("%q is %v", bad, got)
		}
	}
}

func FuzzParsePrivileges(f *testing.F) {
	f.Add(`[{"kind":"capability","name":"SYS_CHROOT","reason":"x"}]`)
	f.Add("[]")
	f.Fuzz(func(t *testing.T, label string) {
		got, err := ParsePrivileges(label)
		if err == nil && (got == nil || len(got) > MaxPrivileges) {
			t.Fatalf("accepted %q as %v", label, got)
		}
	})
}
