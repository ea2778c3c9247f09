package builder

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

func TestParseSelected(t *testing.T) {
	got, err := parseSelected(`(1/4) Installing libstdc++ (13.2.1_git20231014-r0)
(2/4) Upgrading zlib (1.3-r0 -> 1.3.1-r0)
(3/4) Downgrading musl (1.2.5-r0 -> 1.2.4_git20230717-r4)
(4/4) Replacing a (1-r0 -> 1-r0)
Executing busybox-1.36.1-r19.trigger
OK: 9 MiB in 19 packages
`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Selected{
		{"libstdc++", "13.2.1_git20231014-r0"}, {"zlib", "1.3.1-r0"}, {"musl", "1.2.4_git20230717-r4"}, {"a", "1-r0"},
	}, got); diff != "" {
		t.Errorf("selected (-want +got):\n%s", diff)
	}
	for _, said := range []string{"(1/1) Purging busybox (1-r0)\n", "WARNING: opening x: no such file\n", "(1/1) Installing a (1-r0) now\n"} {
		if got, err := parseSelected(said); err == nil {
			t.Errorf("%q is taken for %v", said, got)
		}
	}
}

// TestApkAdd: a name is never a flag or shell text.
func TestApkAdd(t *testing.T) {
	g := &graph{
		plan: &Plan{inputs: []lock.Input{
			{Kind: lock.KindIndex, Name: "main"}, {Kind: lock.KindIndex, Name: "own"}, {Kind: lock.KindPackage, Name: "x"},
		}},
		closure: []*recipe.Recipe{
			{Repositories: []recipe.Repository{{Name: "own"}}}, {Repositories: []recipe.Repository{{Name: "main"}}},
		},
	}
	w := lock.World{Use: lock.UseImage, Packages: []string{"openssh>9", "so:libz.so.1", "it's"}}
	got := g.apkAdd(w, " --simulate")
	if want := ` --simulate -X /run/tailsbuild/repository/main -X /run/tailsbuild/repository/own 'openssh>9' 'so:libz.so.1' 'it'\''s'`; !strings.HasSuffix(got, want) {
		t.Errorf("got %s, want it to end in %s", got, want)
	}
	w.Use = lock.UseBase
	if got := g.apkAdd(w, ""); strings.Contains(got, "/own") {
		t.Errorf("%s installs a base's packages from a repository of the service", got)
	}
}
