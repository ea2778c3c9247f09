package builder

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/apk/apktest"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

const cdn = "https://dl-cdn.alpinelinux.org/alpine"

// packaged is the base above, with the repository that has Alpine's packages.
var packaged = strings.TrimSuffix(alpine, "}\n") + `  repository "main" { url = "` + cdn + `/v3.19/main" }
}
`

// needMirror returns the options of a build on a machine that has Alpine's
// packages of the version that the tests install.
func needMirror(t *testing.T) (Options, *inputs.Fetcher) {
	t.Helper()
	needBuilders(t)
	dir := "../../shared/mirror/alpine"
	_, err := os.Stat(filepath.Join(dir, "v3.19/main"))
	need(t, err == nil, "a mirror of Alpine's packages beside the project")
	opts := testOptions(t)
	return opts, &inputs.Fetcher{Store: opts.Store, Mirrors: []inputs.Mirror{{Upstream: cdn, Locations: []string{dir}}}}
}

// ownURL is where the tests' own repository is, which has greeting.
const ownURL = "https://example.org/apk"

// indexKeys are the names of the keys that sign the repositories.
var indexKeys = map[string]string{
	"main": "alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub",
	"own":  "own@example.org-1.rsa.pub",
}

// resolved puts an input into the store and returns it as the lock has it.
func resolved(t *testing.T, f *inputs.Fetcher, in lock.Input) lock.Input {
	t.Helper()
	in, err := f.Resolve(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// locked is the lock of closure, with packages that the real apk selects.
// Of base it takes what the base has.
func locked(t *testing.T, closure []*recipe.Recipe, base *lock.File, opts Options, f *inputs.Fetcher) *lock.File {
	t.Helper()
	lk := &lock.File{Recipe: closure[0].Name, Output: lock.CurrentOutput(), Inputs: []lock.Input{alpineInput}}
	if base != nil {
		lk.Inputs = slices.Clone(base.Inputs)
		lk.Worlds = slices.Clone(base.Worlds)
		lk.Worlds[0].Use = lock.UseBase
	}
	for _, want := range lock.Wanted(closure, "x86_64") {
		if want.Kind == lock.KindIndex && (base == nil || want.Name != "main") {
			want.Key = indexKeys[want.Name]
			lk.Inputs = append(lk.Inputs, resolved(t, f, want))
		}
	}
	s, err := StartSelector(t.Context(), closure, "x86_64", Options{Store: opts.Store, Work: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	choices, err := s.Select(t.Context(), lk)
	if err := errors.Join(err, s.Close()); err != nil {
		fail(t, err)
	}
	all := map[string]lock.Input{}
	for _, c := range choices {
		w := c.World
		for _, s := range c.Selected {
			w.Installs = append(w.Installs, s.Name)
			in := lock.Input{
				Kind: lock.KindPackage, Name: s.Name, Arch: "x86_64", Version: s.Version, Repository: "main",
				URL: cdn + "/v3.19/main/x86_64/" + s.Name + "-" + s.Version + ".apk",
			}
			if s.Name == "greeting" {
				in.Repository, in.URL = "own", ownURL+"/x86_64/greeting-"+s.Version+".apk"
			}
			all[s.Name] = in
		}
		slices.Sort(w.Installs)
		lk.Worlds = append(lk.Worlds, w)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		lk.Inputs = append(lk.Inputs, resolved(t, f, all[name]))
	}
	if err := lk.Update(lk.Output, lk.Inputs, lk.Worlds); err != nil {
		t.Fatal(err)
	}
	if _, diags := lock.Decode(lock.FileName, lk.Encode()); diags.HasErrors() {
		t.Fatal(diags)
	}
	return lk
}

// assembled is a service that is assembled, linked and tried with packages which
// are there for the build alone, and tested with others.
const assembled = `
  packages = ["popt"]
  build {
    packages = ["make", "binutils"]
    run = <<-EOT
      mkdir /tmp/src && cd /tmp/src
      cat >hello.s <<'END'
      .globl _start
      _start:
      	mov $1, %eax
      	mov $1, %edi
      	lea text(%rip), %rsi
      	mov $6, %edx
      	syscall
      	mov $60, %eax
      	xor %edi, %edi
      	syscall
      text: .ascii "hello\n"
      END
      printf 'hello: hello.o\n\tld -static -o $@ $<\nhello.o: hello.s\n\tas -o $@ $<\n' >Makefile
      make
      ./hello | grep -qx hello
      ! test -e /lib/libpopt.so.0 || exit 9
      mkdir -p $OUT/usr/bin && cp hello $OUT/usr/bin/
    EOT
  }
  runtime {
    user       = "root"
    entrypoint = ["/usr/bin/hello"]
  }
  test "other" {
    packages = ["netcat-openbsd", "libbsd"]
    client   = "nc -h"
  }
  test "again" {
    packages = ["libbsd"]
    client   = "true"
  }`

// TestWorlds: what a build or a test installs is never in the image, and nothing
// of the image is where they run.
func TestWorlds(t *testing.T) {
	opts, fetcher := needMirror(t)
	closure := []*recipe.Recipe{decode(t, service(assembled)), decode(t, packaged)}
	lk := locked(t, closure, nil, opts, fetcher)
	plan, err := NewPlan(closure, lk, "x86_64", nil)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := Build(context.Background(), plan, opts)
	if err != nil {
		fail(t, err)
	}
	if pair.A.Image.Digest != pair.B.Image.Digest {
		t.Errorf("the builds made %s and %s", pair.A.Image.Digest, pair.B.Image.Digest)
	}
	image := topLayer(t, pair.A)
	if image["usr/bin/hello"].Mode != 0o755 || image["lib/libpopt.so.0"].Link == "" {
		t.Errorf("the image lacks what was built or installed: %q", slices.Sorted(maps.Keys(image)))
	}
	assertPackages(t, image, "popt", "make", "binutils", "libbsd", "netcat-openbsd")
	// As if it had come from a repository.
	if got, want := image["etc/apk/world"].Content, "alpine-baselayout\nalpine-keys\napk-tools\nbusybox\nlibc-utils\npopt\n"; got != want {
		t.Errorf("/etc/apk/world is %q, want %q", got, want)
	}
	for name := range image {
		if strings.Contains(name, "make") || strings.HasPrefix(name, "usr/bin/") && name != "usr/bin/hello" {
			t.Errorf("%s is in the image", name)
		}
	}

	client, err := NewClientPlan(closure, lk, "x86_64")
	if err != nil {
		t.Fatal(err)
	}
	r, err := BuildOne(t.Context(), "a", client, Options{Store: opts.Store, Work: t.TempDir()})
	if err != nil {
		fail(t, err)
	}
	tree := topLayer(t, r)
	assertPackages(t, tree, "netcat-openbsd", "make", "binutils", "popt")
	if _, ok := tree["usr/bin/nc"]; !ok {
		t.Errorf("the client has no usr/bin/nc: %q", slices.Sorted(maps.Keys(tree)))
	}

	for _, in := range plan.Inputs() {
		if in.Name == "netcat-openbsd" || in.Name == "libbsd" {
			t.Errorf("the image's plan reads %s", in)
		}
	}
	sealed, err := lk.Closure(closure, "x86_64")
	if err != nil || len(sealed) != len(lk.Inputs) {
		t.Errorf("%d of %d inputs are sealed, %v", len(sealed), len(lk.Inputs), err)
	}
}

// greeting is a package of a repository that isn't Alpine's, with a script.
var greeting = apktest.Package{
	Name: "greeting", Version: "1.0-r0", Info: []string{"depend = popt"},
	Scripts: []apktest.File{{Name: ".post-install", Content: "#!/bin/sh\nadduser -S -D -H greeter\n", Mode: 0o755}},
	Files: []apktest.File{
		{Name: "usr/"}, {Name: "usr/share/"}, {Name: "usr/share/greeting", Content: "hello\n", Time: 1700000000},
	},
}

// newKey makes a key that packages are signed with.
func newKey(t *testing.T, name string) *apktest.Key {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key, err := apktest.NewKey(name, &private.PublicKey, func(sum []byte) ([]byte, error) {
		return rsa.SignPKCS1v15(nil, private, crypto.SHA1, sum)
	})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// ownRepository makes a repository below a mirror, and returns the mirror and a
// service on it with body.
func ownRepository(t *testing.T, key *apktest.Key, body string) (dir, src string) {
	t.Helper()
	dir = t.TempDir()
	if err := (apktest.Repository{Key: key, IndexKey: key, Packages: []apktest.Package{greeting}}).Write(filepath.Join(dir, "apk")); err != nil {
		t.Fatal(err)
	}
	return dir, service(body + `
  repository "own" {
    url = "` + ownURL + `"
    key = <<EOT
` + string(key.PEM) + `EOT
  }`)
}

// TestOwnKey: the real apk installs from a repository with a key of its own, which
// doesn't reach the image.
func TestOwnKey(t *testing.T) {
	opts, fetcher := needMirror(t)
	key := newKey(t, indexKeys["own"])
	dir, src := ownRepository(t, key, `  packages = ["greeting"]`)
	fetcher.Mirrors = append(fetcher.Mirrors, inputs.Mirror{Upstream: "https://example.org", Locations: []string{dir}})
	closure := []*recipe.Recipe{decode(t, src), decode(t, packaged)}
	lk := locked(t, closure, nil, opts, fetcher)
	plan, err := NewPlan(closure, lk, "x86_64", nil)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := Build(context.Background(), plan, opts)
	if err != nil {
		fail(t, err)
	}
	if pair.A.Image.Digest != pair.B.Image.Digest {
		t.Errorf("the builds made %s and %s", pair.A.Image.Digest, pair.B.Image.Digest)
	}
	image := topLayer(t, pair.A)
	assertPackages(t, image, "greeting", "make")
	assertPackages(t, image, "popt")
	if image["usr/share/greeting"].Content != "hello\n" || !strings.Contains(image["etc/passwd"].Content, "greeter:") {
		t.Errorf("greeting isn't installed: %q", slices.Sorted(maps.Keys(image)))
	}
	for name, e := range image {
		if strings.Contains(name, "rsa.pub") || strings.Contains(e.Content, "BEGIN PUBLIC KEY") {
			t.Errorf("a key is in the image: %s", name)
		}
	}

	// Whatever the lock says, apk takes nothing that the key didn't sign.
	_, src = ownRepository(t, newKey(t, key.Name), `  packages = ["greeting"]`)
	closure[0] = decode(t, src)
	for i, in := range lk.Inputs {
		if in.Name == "own" {
			lk.Inputs[i].KeySHA256 = fmt.Sprintf("%x", sha256.Sum256([]byte(closure[0].Repositories[0].Key)))
		}
	}
	if plan, err = NewPlan(closure, lk, "x86_64", nil); err != nil {
		t.Fatal(err)
	}
	_, err = BuildOne(t.Context(), "a", plan, Options{Store: opts.Store, Work: t.TempDir()})
	var step *StepError
	if !errors.As(err, &step) || !strings.Contains(strings.Join(step.Log, "\n"), "greeting-1.0-r0.apk: BAD signature") {
		t.Errorf("with another key of the same name: got %v %q, want a StepError", err, stepLog(err))
	}
	// Nor is a key put in place of one of the base's.
	for i, in := range lk.Inputs {
		if in.Name == "own" {
			lk.Inputs[i].Key = indexKeys["main"]
		}
	}
	if plan, err = NewPlan(closure, lk, "x86_64", nil); err != nil {
		t.Fatal(err)
	}
	_, err = BuildOne(t.Context(), "a", plan, Options{Store: opts.Store, Work: t.TempDir()})
	if !errors.As(err, &step) || !strings.Contains(strings.Join(step.Log, "\n"), "the base has a key that is called alpine-devel@") {
		t.Errorf("with a key that is called like one of the base's: got %v %q, want a StepError", err, stepLog(err))
	}
}

// layers returns the digests of an image's layers.
func layers(t *testing.T, r *Result) []string {
	t.Helper()
	layout, err := oci.OpenLayout(r.Layout)
	if err != nil {
		t.Fatal(err)
	}
	defer layout.Close()
	manifest, _, err := layout.ReadManifest(r.Image)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, l := range manifest.Layers {
		all = append(all, l.Digest.String())
	}
	return all
}

// TestBaseWithPackages: whatever the epoch of a service is, it has its base's
// layers, byte for byte. The base's epoch is before that of its packages.
func TestBaseWithPackages(t *testing.T) {
	opts, fetcher := needMirror(t)
	key := newKey(t, indexKeys["own"])
	dir, own := ownRepository(t, key, "  packages = [\"make\", \"greeting\"]\n  test \"t\" { \n packages = [\"libbsd\"]\n client = \"true\"\n }\n  runtime {\n user = \"root\"\n entrypoint = [\"/bin/true\"]\n }")
	fetcher.Mirrors = append(fetcher.Mirrors, inputs.Mirror{Upstream: "https://example.org", Locations: []string{dir}})
	base := decode(t, strings.Replace(strings.Replace(packaged, "1725621600", "1690000000", 1), "  version", "  packages = [\"popt\", \"openntpd\"]\n  version", 1))
	build := func(lk *lock.File, closure ...*recipe.Recipe) []string {
		t.Helper()
		plan, err := NewPlan(closure, lk, "x86_64", nil)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := Build(t.Context(), plan, Options{Store: opts.Store, Work: t.TempDir()})
		if err != nil {
			fail(t, err)
		}
		if pair.A.Image.Digest != pair.B.Image.Digest {
			t.Errorf("%s: the builds made %s and %s", closure[0].Name, pair.A.Image.Digest, pair.B.Image.Digest)
		}
		if closure[0].Kind == recipe.Base {
			assertPackages(t, topLayer(t, pair.A), "openntpd")
		}
		return layers(t, pair.A)
	}
	baseLock := locked(t, []*recipe.Recipe{base}, nil, opts, fetcher)
	want := build(baseLock, base)
	if len(want) != 2 || want[0] != "sha256:"+alpineInput.SHA256 {
		t.Fatalf("the base has the layers %q, want the root file system and one more", want)
	}
	for name, src := range map[string]string{
		"a file":   service("  file \"/etc/openntpd/x\" {\n    content = \"x\"\n  }\n  user \"try\" {\n    uid = 12000\n  }"),
		"packages": own,
	} {
		service := decode(t, src)
		closure := []*recipe.Recipe{service, base}
		lk := locked(t, closure, baseLock, opts, fetcher)
		if got := build(lk, closure...); len(got) != 3 || !slices.Equal(got[:2], want) {
			t.Errorf("%s: layers %q, want one on %q", name, got, want)
		}
		if len(service.Tests) == 0 {
			continue
		}
		client, err := NewClientPlan(closure, lk, "x86_64")
		if err != nil {
			t.Fatal(err)
		}
		r, err := BuildOne(t.Context(), "b", client, Options{Store: opts.Store, Work: t.TempDir()})
		if err != nil {
			fail(t, err)
		}
		if got := layers(t, r); len(got) != 3 || !slices.Equal(got[:2], want) {
			t.Errorf("the client has the layers %q, want one on %q", got, want)
		}
		assertPackages(t, topLayer(t, r), "libbsd", "greeting", "make")
	}
}

// assertPackages asserts that apk's own list of what is installed in a layer has
// want and none of the others.
func assertPackages(t *testing.T, layer map[string]entry, want string, not ...string) {
	t.Helper()
	list := layer["lib/apk/db/installed"].Content
	if !strings.Contains(list, "\nP:"+want+"\n") {
		t.Errorf("apk doesn't know that %s is installed", want)
	}
	for _, name := range not {
		if strings.Contains(list, "\nP:"+name+"\n") || strings.Contains("\n"+layer["etc/apk/world"].Content, "\n"+name+"\n") {
			t.Errorf("apk says that %s is installed", name)
		}
	}
}

// TestClientWithoutPackages: the client's tree is the base.
func TestClientWithoutPackages(t *testing.T) {
	needBuilders(t)
	r := decode(t, service(`
  runtime {
    user       = "root"
    entrypoint = ["/bin/true"]
  }
  test "plain" { client = "true" }`))
	lk := &lock.File{Recipe: r.Name, Output: lock.CurrentOutput(), Inputs: []lock.Input{alpineInput}}
	p, err := NewClientPlan([]*recipe.Recipe{r, decode(t, alpine)}, lk, "x86_64")
	if err != nil {
		t.Fatal(err)
	}
	result, err := BuildOne(t.Context(), "a", p, testOptions(t))
	if err != nil {
		fail(t, err)
	}
	if got := topLayer(t, result); got["./etc/alpine-release"].Content != "3.19.4\n" {
		t.Errorf("etc/alpine-release is %q", got["./etc/alpine-release"].Content)
	}
}
