package builder

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/apk"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// repositoryDir is where a step finds the apk repositories, by name.
const repositoryDir = "/run/tailsbuild/repository"

// indexes returns a tree with the locked index of each repository that w may install
// from, laid out as apk wants it.
func (g *graph) indexes(w lock.World, at place) llb.State {
	var tree *llb.FileAction
	for _, in := range g.plan.inputs {
		if g.from(w, in) {
			tree = addApk(tree, in, repositoryFile(in.Name, in), at)
		}
	}
	return llb.Scratch().File(tree, at.name, at.location)
}

// packages returns a tree with the locked packages that w installs, and where a step
// finds each.
func (g *graph) packages(w lock.World, at place) (tree llb.State, files []string) {
	var all *llb.FileAction
	for _, in := range g.plan.inputs {
		if _, found := slices.BinarySearch(w.Installs, in.Name); in.Kind != lock.KindPackage || !found {
			continue
		}
		file := repositoryFile(in.Repository, in)
		all = addApk(all, in, file, at)
		files = append(files, path.Join(repositoryDir, file))
	}
	if all == nil { // the base has what w asks for
		return llb.Scratch(), nil
	}
	return llb.Scratch().File(all, at.name, at.location), files
}

// checkPackages checks that the plan's packages call themselves what the lock does: apk,
// which gets them as files, doesn't know what they should be.
func checkPackages(p *Plan, store *inputs.Store) error {
	for _, in := range p.inputs {
		if in.Kind != lock.KindPackage {
			continue
		}
		if err := checkPackage(in, store.Path(in.SHA256)); err != nil {
			return fmt.Errorf("%s: %w", in, err)
		}
	}
	return nil
}

func checkPackage(in lock.Input, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	p := &apk.Package{Name: in.Name, Version: in.Version, Arch: in.Arch}
	return p.CheckNames(f, in.Size)
}

// repositoryFile is where an index or a package is, below [repositoryDir].
func repositoryFile(repository string, in lock.Input) string {
	return path.Join("/", repository, in.Arch, path.Base(in.URL))
}

// addApk adds an input to tree, at file.
func addApk(tree *llb.FileAction, in lock.Input, file string, at place) *llb.FileAction {
	name := path.Base(file)
	blob := llb.OCILayoutBlob("tailsbuild.invalid/apk@"+string(digest.NewDigestFromEncoded(digest.SHA256, in.SHA256)),
		llb.ImageBlobOCIStore("", inputStore), llb.Filename(name), at.name, at.location)
	return tree.Copy(blob, "/"+name, file, &llb.CopyInfo{CreateDestPath: true})
}

// from reports whether index is that of a repository that w may install from.
func (g *graph) from(w lock.World, index lock.Input) bool {
	return index.Kind == lock.KindIndex && slices.ContainsFunc(lock.Repositories(g.closure, w.Use), func(r recipe.Repository) bool {
		return r.Name == index.Name
	})
}

// apkAdd is apk's command that adds packages to a tree, and nothing from elsewhere.
const apkAdd = "apk add --no-network --no-cache --no-progress --repositories-file /dev/null"

// simulates returns the step that has apk say, in a file called as the use of w, what
// it would install for w from the repositories.
func (g *graph) simulates(w lock.World, at place) shell {
	s, add := g.apk(w, g.indexes(w, at), at)
	add += " --simulate"
	for _, in := range g.plan.inputs {
		if g.from(w, in) {
			add += " -X " + path.Join(repositoryDir, in.Name)
		}
	}
	s.script += add + quoted(w.Packages) + " >$OUT/" + w.Use
	return s
}

// installs returns the step that has apk install w: the locked packages, as files, so
// that it reads no index of thousands of others. What that leaves is as if they came
// from a repository:
//
//   - /etc/apk/world asks for what w does, and not for these very files. On a tmpfs,
//     where a reboot would lose them, apk has to be told that this is meant.
//   - A package for every architecture is called one for this, as Alpine's indexes do.
func (g *graph) installs(w lock.World, at place) shell {
	tree, files := g.packages(w, at)
	s, add := g.apk(w, tree, at)
	s.script += `cp /etc/apk/world "$OUT/world"
` + add + " --force-non-repository" + quoted(files) + `
cat "$OUT/world" >/etc/apk/world
` + add + quoted(w.Packages) + `
apk info --installed` + quoted(w.Installs) + ` >/dev/null
sed "s/^A:noarch$/A:` + g.plan.arch + `/" /lib/apk/db/installed >"$OUT/installed"
cat "$OUT/installed" >/lib/apk/db/installed
`
	return s
}

// apk returns a step with the files below [repositoryDir] and no script but one that
// gets the keys of w's repositories, and the command that adds packages. The keys in
// the base's /etc/apk/keys and those have to have signed what is added.
func (g *graph) apk(w lock.World, files llb.State, at place) (s shell, add string) {
	s = shell{at: at, options: []llb.RunOption{llb.AddMount(repositoryDir, files, llb.Readonly)}}
	keys := g.ownKeys(w)
	if len(keys) == 0 {
		return s, apkAdd
	}
	var tree *llb.FileAction
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		tree = tree.Mkfile("/"+path.Base(name), 0o444, []byte(keys[name]))
	}
	s.script = keysScript
	s.options = append(s.options, llb.AddMount(keysDir, llb.Scratch().File(tree, at.name, at.location), llb.Readonly))
	return s, apkAdd + ` --keys-dir "$OUT/keys"`
}

// quoted is all for the shell, each after a space.
func quoted(all []string) string {
	var b strings.Builder
	for _, s := range all {
		b.WriteString(" " + shellQuote(s))
	}
	return b.String()
}

// keysDir is where a step finds the keys of repositories that have their own.
const keysDir = "/run/tailsbuild/keys"

// keysScript puts the base's keys and those in [keysDir] into one folder, which
// doesn't reach the image. apk looks a key up by the name in the signature, and
// doesn't know whose repository it is for: that was verified when locking.
const keysScript = `
mkdir "$OUT/keys" && cp -L /etc/apk/keys/* "$OUT/keys/"
for key in ` + keysDir + `/*; do
	if [ -e "$OUT/keys/${key##*/}" ]; then
		echo "the base has a key that is called ${key##*/}, too" >&2; exit 1
	fi
	cp "$key" "$OUT/keys/"
done
`

// ownKeys returns, in PEM, the keys of those of w's repositories that have one of
// their own, by the name with which the locked index says that it is signed.
func (g *graph) ownKeys(w lock.World) map[string]string {
	keys := map[string]string{}
	for _, r := range lock.Repositories(g.closure, w.Use) {
		for _, in := range g.plan.inputs {
			if r.Key != "" && in.Kind == lock.KindIndex && in.Name == r.Name {
				keys[in.Key] = r.Key
			}
		}
	}
	return keys
}

// normaliseScript takes back what installing leaves of when and how it was done:
//
//   - adduser(8) writes the day into /etc/shadow; at most the epoch's stays.
//   - adduser and addgroup leave backups of the files they change.
//   - The native snapshotter gives all folders of a tree that is changed the time
//     of the change, overlayfs only those that changed.
const normaliseScript = `
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow-
awk -F: -v OFS=: -v day=$((SOURCE_DATE_EPOCH / 86400)) '$3 > day { $3 = day } { print }' /etc/shadow >"$OUT/shadow"
cat "$OUT/shadow" >/etc/shadow
find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run/tailsbuild \) -prune \
	-o -type d -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
`

// installed returns the graph's present root with the packages for a use installed,
// as of r's epoch.
func (g *graph) installed(r *recipe.Recipe, use, more string, at place) llb.State {
	w, _ := g.plan.world(use)
	add := g.installs(w, at)
	add.script += normaliseScript + more
	add.env = map[string]string{"SOURCE_DATE_EPOCH": fmt.Sprint(r.Epoch)}
	step := g.exec(add)
	step.AddMount(outDir, llb.Scratch())
	return step.Root()
}

// clampScript gives what is later than the epoch the epoch as its time. The exporter
// does that, too, but with the epoch of the image, and a base's layer is to be the
// same below every service. /etc/hosts and /etc/resolv.conf are the sandbox's.
const clampScript = `
touch -d "@$SOURCE_DATE_EPOCH" "$OUT/epoch"
find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run/tailsbuild -o -path /etc/hosts -o -path /etc/resolv.conf \) -prune \
	-o ! -type d -newer "$OUT/epoch" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
`

// basePackages puts one layer on the root file system: the packages of the base r.
func (g *graph) basePackages(r *recipe.Recipe, use string) llb.State {
	at := g.at(r, r.PackagesRange, "packages of "+r.Name)
	whole := llb.Scratch().File(llb.Copy(g.installed(r, use, clampScript, at), "/", "/", contentsOf), at.name, at.location)
	return layerOf(g.root, whole, at)
}

// client puts one layer on the base: the packages of r's tests.
func (g *graph) client(r *recipe.Recipe) llb.State {
	i := slices.IndexFunc(r.Tests, func(t recipe.Test) bool { return len(t.Packages) > 0 })
	at := g.at(r, r.Tests[i].PackagesRange, "packages for the tests of "+r.Name)
	whole := llb.Scratch().File(llb.Copy(g.installed(r, lock.UseTest, "", at), "/", "/", contentsOf), at.name, at.location)
	return layerOf(g.root, whole, at)
}
