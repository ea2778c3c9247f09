package cli

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/apk"
	"gitlab.com/tailsbuild/tailsbuild/internal/apk/apktest"
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

// TestFindArch: an index may name packages of any architecture, and signs them all.
func TestFindArch(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key, err := apktest.NewKey("test.rsa.pub", &private.PublicKey, func(sum []byte) ([]byte, error) {
		return rsa.SignPKCS1v15(nil, private, crypto.SHA1, sum)
	})
	if err != nil {
		t.Fatal(err)
	}
	for arch, ok := range map[string]bool{"x86_64": true, "noarch": true, "aarch64": false, "x86": false} {
		dir := t.TempDir()
		repository := apktest.Repository{IndexKey: key, Packages: []apktest.Package{{Name: "ssh", Version: "9-r0", Arch: arch}}}
		if err := repository.Write(dir); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "x86_64/APKINDEX.tar.gz"))
		if err != nil {
			t.Fatal(err)
		}
		index, err := apk.ReadIndex("i", b, apk.Keys{key.Name: &private.PublicKey})
		if err != nil {
			t.Fatal(err)
		}
		l := &packageLocker{arch: "x86_64", indexes: []repositoryIndex{{Index: index}}}
		_, err = l.find(builder.Selected{Name: "ssh", Version: "9-r0"})
		var mismatch *apk.MismatchError
		switch {
		case ok && err != nil:
			t.Errorf("%s: %v", arch, err)
		case !ok && (!errors.As(err, &mismatch) || *mismatch != apk.MismatchError{Package: "ssh-9-r0", What: "arch", Want: "x86_64", Got: arch}):
			t.Errorf("%s: %v", arch, err)
		case !ok && outcomeOf(err).code != exitInputs:
			t.Errorf("%s: exit code %d", arch, outcomeOf(err).code)
		}
	}
}
