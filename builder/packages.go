package builder

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// repositoryDir is where a step finds the apk repositories, by name.
const repositoryDir = "/run/tailsbuild/repository"

// repositories returns a tree with the locked part of each apk repository, laid
// out as apk wants it: the index that was signed, and the packages that w installs.
func (g *graph) repositories(w lock.World, at place) llb.State {
	var tree *llb.FileAction
	for _, in := range g.plan.inputs {
		repository := in.Repository
		switch in.Kind {
		case lock.KindIndex:
			repository = in.Name
			if !g.from(w, in) {
				continue
			}
		case lock.KindPackage:
			if _, found := slices.BinarySearch(w.Installs, in.Name); !found {
				continue
			}
		default:
			continue
		}
		name := path.Base(in.URL)
		file := llb.OCILayoutBlob("tailsbuild.invalid/apk@"+string(digest.NewDigestFromEncoded(digest.SHA256, in.SHA256)),
			llb.ImageBlobOCIStore("", inputStore), llb.Filename(name), at.name, at.location)
		tree = tree.Copy(file, "/"+name, path.Join("/", repository, in.Arch, name), &llb.CopyInfo{CreateDestPath: true})
	}
	return llb.Scratch().File(tree, at.name, at.location)
}

// from reports whether index is that of a repository that w may install from.
func (g *graph) from(w lock.World, index lock.Input) bool {
	return index.Kind == lock.KindIndex && slices.ContainsFunc(lock.Repositories(g.closure, w.Use), func(r recipe.Repository) bool {
		return r.Name == index.Name
	})
}

// apk returns the step that has apk install w from the locked repositories alone.
func (g *graph) apk(w lock.World, flags string, at place) shell {
	s := shell{
		at:      at,
		script:  g.apkAdd(w, flags),
		options: []llb.RunOption{llb.AddMount(repositoryDir, g.repositories(w, at), llb.Readonly)},
	}
	if keys := g.ownKeys(w); len(keys) > 0 {
		var tree *llb.FileAction
		for _, name := range slices.Sorted(maps.Keys(keys)) {
			tree = tree.Mkfile("/"+path.Base(name), 0o444, []byte(keys[name]))
		}
		s.script = keysScript + g.apkAdd(w, ` --keys-dir "$OUT/keys"`+flags)
		s.options = append(s.options, llb.AddMount(keysDir, llb.Scratch().File(tree, at.name, at.location), llb.Readonly))
	}
	return s
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

// apkAdd is the command that installs w. The keys in the base's /etc/apk/keys have
// to have signed index and packages, unless flags say otherwise.
func (g *graph) apkAdd(w lock.World, flags string) string {
	var b strings.Builder
	b.WriteString("apk add --no-network --no-cache --no-progress --repositories-file /dev/null" + flags)
	for _, in := range g.plan.inputs {
		if g.from(w, in) {
			b.WriteString(" -X " + path.Join(repositoryDir, in.Name))
		}
	}
	for _, p := range w.Packages {
		b.WriteString(" " + shellQuote(p))
	}
	return b.String()
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
	add := g.apk(w, "", at)
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
