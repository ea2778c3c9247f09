package builder

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client/llb"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

func TestParseSelected(t *testing.T) {
	got, removed, err := parseSelected(`(1/4) Installing libstdc++ (13.2.1_git20231014-r0)
(2/4) Upgrading zlib (1.3-r0 -> 1.3.1-r0)
(3/4) Downgrading musl (1.2.5-r0 -> 1.2.4_git20230717-r4)
(4/4) Replacing a (1-r0 -> 1-r0)
(1/2) Purging busybox-binsh (1.36.1-r15)
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
	if diff := cmp.Diff([]Selected{{"busybox-binsh", "1.36.1-r15"}}, removed); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
	for _, said := range []string{"(1/1) Purging busybox\n", "WARNING: opening x: no such file\n", "(1/1) Installing a (1-r0) now\n"} {
		if got, _, err := parseSelected(said); err == nil {
			t.Errorf("%q is taken for %v", said, got)
		}
	}
}

// TestApkScripts: a name is never a flag or shell text, and a base's packages are from
// its own repositories.
func TestApkScripts(t *testing.T) {
	sum := strings.Repeat("0", 64)
	g := &graph{
		plan: &Plan{arch: "x86_64", recipe: &recipe.Recipe{}, inputs: []lock.Input{
			{Kind: lock.KindIndex, Name: "main", Arch: "x86_64", URL: "https://a/APKINDEX.tar.gz", SHA256: sum},
			{Kind: lock.KindIndex, Name: "own", Arch: "x86_64", URL: "https://b/APKINDEX.tar.gz", SHA256: sum},
			{Kind: lock.KindPackage, Name: "it's", Repository: "main", Arch: "x86_64", URL: "https://a/it's-1.apk", SHA256: sum},
			{Kind: lock.KindPackage, Name: "other", Repository: "main", Arch: "x86_64", URL: "https://a/other-1.apk", SHA256: sum},
		}},
		closure: []*recipe.Recipe{
			{Repositories: []recipe.Repository{{Name: "own"}}}, {Repositories: []recipe.Repository{{Name: "main"}}},
		},
	}
	at := place{llb.WithCustomName("packages"), llb.WithCustomName("")}
	w := lock.World{Use: lock.UseImage, Packages: []string{"openssh>9", "so:libz.so.1", "it's"}, Installs: []string{"it's"}}
	const add = "apk add --no-network --no-cache --no-progress --repositories-file /dev/null"
	const asked = ` 'openssh>9' 'so:libz.so.1' 'it'\''s'`
	if got, want := g.simulates(w, at).script, add+" --simulate -X /run/tailsbuild/repository/main -X /run/tailsbuild/repository/own"+asked+" >$OUT/image"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	got := g.installs(w, at).script
	for _, want := range []string{add + ` --force-non-repository '/run/tailsbuild/repository/main/x86_64/it'\''s-1.apk'` + "\n", add + asked + "\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s doesn't have %s", got, want)
		}
	}
	if strings.Contains(got, "-X") || strings.Contains(got, "other") {
		t.Errorf("%s has more than the locked packages", got)
	}
	w.Use = lock.UseBase
	if got := g.simulates(w, at).script; strings.Contains(got, "/own") {
		t.Errorf("%s installs a base's packages from a repository of the service", got)
	}
}
