package builder

import (
	"context"
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
func locked(t *testing.T, closure []*recipe.Recipe, opts Options, f *inputs.Fetcher) *lock.File {
	t.Helper()
	lk := &lock.File{Recipe: closure[0].Name, Output: lock.CurrentOutput(), Inputs: []lock.Input{alpineInput}}
	for _, want := range lock.Wanted(closure, "x86_64") {
		if want.Kind == lock.KindIndex {
			want.Key = indexKeys[want.Name]
			lk.Inputs = append(lk.Inputs, resolved(t, f, want))
		}
	}
	choices, err := Select(t.Context(), closure, lk, "x86_64", Options{Store: opts.Store, Work: t.TempDir()})
	if err != nil {
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
	lk := locked(t, closure, opts, fetcher)
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

// ownRepository makes a repository below a mirror, and returns the mirror and a
// service on it with body.
func ownRepository(t *testing.T, key *apktest.Key, body string) (dir, src string) {
	t.Helper()
	pem, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := (apktest.Repository{Key: key, IndexKey: key, Packages: []apktest.Package{greeting}}).Write(filepath.Join(dir, "apk")); err != nil {
		t.Fatal(err)
	}
	return dir, service(body + `
  repository "own" {
    url = "` + ownURL + `"
    key = <<EOT
` + string(pem) + `EOT
  }`)
}

// TestOwnKey: the real apk installs from a repository with a key of its own, which
// doesn't reach the image.
func TestOwnKey(t *testing.T) {
	opts, fetcher := needMirror(t)
	key, err := apktest.NewKey(indexKeys["own"])
	if err != nil {
		t.Fatal(err)
	}
	dir, src := ownRepository(t, key, `  packages = ["greeting"]`)
	fetcher.Mirrors = append(fetcher.Mirrors, inputs.Mirror{Upstream: "https://example.org", Locations: []string{dir}})
	closure := []*recipe.Recipe{decode(t, src), decode(t, packaged)}
	lk := locked(t, closure, opts, fetcher)
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
	other, err := apktest.NewKey(key.Name)
	if err != nil {
		t.Fatal(err)
	}
	_, src = ownRepository(t, other, `  packages = ["greeting"]`)
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
	if !errors.As(err, &step) || !strings.Contains(strings.Join(step.Log, "\n"), "own: BAD signature") {
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
