package cli

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

func TestUnite(t *testing.T) {
	l := &packageLocker{closure: []*recipe.Recipe{{Name: "try"}}}
	image := builder.Choice{
		World:    lock.World{Arch: "x86_64", Use: lock.UseImage, Packages: []string{"ssh"}},
		Selected: []builder.Selected{{Name: "zlib", Version: "1.3-r0"}, {Name: "ssh", Version: "9-r0"}},
	}
	test := builder.Choice{
		World:    lock.World{Arch: "x86_64", Use: lock.UseTest, Packages: []string{"nc"}},
		Selected: []builder.Selected{{Name: "zlib", Version: "1.3-r0"}, {Name: "nc", Version: "1-r0"}},
	}
	selected, worlds, err := l.unite([]builder.Choice{image, test})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]builder.Selected{{Name: "nc", Version: "1-r0"}, {Name: "ssh", Version: "9-r0"}, {Name: "zlib", Version: "1.3-r0"}}, selected); diff != "" {
		t.Errorf("selected (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"ssh", "zlib"}, {"nc", "zlib"}}, [][]string{worlds[0].Installs, worlds[1].Installs}); diff != "" {
		t.Errorf("installs (-want +got):\n%s", diff)
	}

	test.Selected[0].Version = "1.2-r0"
	_, _, err = l.unite([]builder.Choice{image, test})
	var versions *versionsError
	if !errors.As(err, &versions) || versions.Package != "zlib" || versions.Versions != [2]string{"1.3-r0", "1.2-r0"} {
		t.Errorf("got %v, want a versionsError of zlib", err)
	}
}
