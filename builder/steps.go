package builder

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// Where a build step finds things. Everything is below /run, so that the base's
// own tree is as the image will have it.
const (
	outDir       = "/run/tailsbuild/out"
	sourceDir    = "/run/tailsbuild/src"
	proxyDir     = "/run/tailsbuild/proxy"
	toolchainDir = "/run/tailsbuild/toolchain"
	archiveDir   = "/run/tailsbuild/archive"
	unzipDir     = "/run/tailsbuild/unzip"
	cacheDir     = "/run/tailsbuild/cache"
)

// stepName is the variable that says which step runs; [stepBuild] is the
// recipe's own.
const (
	stepName  = "TAILSBUILD_STEP"
	stepBuild = "build"
)

// A shell is a build step: a script that /bin/sh of the base runs with no
// network. What it leaves in the base's tree is thrown away; only a mount's
// content is kept.
type shell struct {
	at      place
	script  string
	env     map[string]string
	options []llb.RunOption
}

// run returns what the step wrote below [outDir].
func (g *graph) run(s shell) llb.State {
	return g.exec(s).AddMount(outDir, llb.Scratch())
}

// exec runs the step on the graph's present root.
func (g *graph) exec(s shell) llb.ExecState {
	options := append([]llb.RunOption{
		llb.Args([]string{"/bin/sh", "-euc", s.script}),
		llb.Dir("/"),
		llb.Network(pb.NetMode_NONE),
		s.at.name,
		s.at.location,
	}, s.options...)
	env := map[string]string{
		"PATH":              imagePath,
		"OUT":               outDir,
		"SOURCE_DATE_EPOCH": fmt.Sprint(g.plan.recipe.Epoch),
	}
	maps.Copy(env, s.env)
	for _, name := range slices.Sorted(maps.Keys(env)) {
		options = append(options, llb.AddEnv(name, env[name]))
	}
	g.plan.runs = true
	return g.root.Run(options...)
}

// compile returns what the recipe's build step wrote, on the base and the packages
// that are there for the build alone.
func (g *graph) compile(r *recipe.Recipe, base llb.State) (llb.State, error) {
	defer func(root llb.State) { g.root = root }(g.root)
	g.root = base
	if len(r.Build.Packages) > 0 {
		g.root = g.installed(r, lock.UseBuild, "", g.at(r, r.Build.PackagesRange, "packages for the build of "+r.Name))
	}
	s := shell{
		at:     g.at(r, r.Build.RunRange, "build of "+r.Name),
		script: r.Build.Run,
		env:    map[string]string{stepName: stepBuild},
		options: []llb.RunOption{
			llb.AddMount("/tmp", llb.Scratch(), llb.Tmpfs()),
			llb.AddMount(cacheDir, llb.Scratch(), llb.Tmpfs()),
		},
	}
	for _, t := range r.Toolchains {
		if err := g.toolchain(r, t, &s); err != nil {
			return llb.State{}, err
		}
	}
	var proxies []string
	for _, src := range r.Sources {
		proxy, err := g.source(r, src, &s)
		if err != nil {
			return llb.State{}, err
		}
		if proxy != "" {
			proxies = append(proxies, proxy)
		}
	}
	if len(proxies) > 0 {
		s.env["GOPROXY"] = strings.Join(append(proxies, "off"), ",")
	}
	maps.Copy(s.env, r.Build.Env)
	return g.run(s), nil
}

// toolchain puts the Go toolchain on the step's PATH, set to use nothing but
// what is mounted.
func (g *graph) toolchain(r *recipe.Recipe, t recipe.Toolchain, s *shell) error {
	tree, err := g.input(lock.KindToolchain, t.Name, g.at(r, t.Range, t.Name+" "+t.Version))
	if err != nil {
		return err
	}
	root := path.Join(toolchainDir, t.Name)
	s.options = append(s.options, llb.AddMount(root, tree, llb.Readonly, llb.SourcePath("/"+t.Name)))
	maps.Copy(s.env, map[string]string{
		"PATH":        path.Join(root, "bin") + ":" + imagePath,
		"GOROOT":      root,
		"GOCACHE":     path.Join(cacheDir, "build"),
		"GOMODCACHE":  path.Join(cacheDir, "mod"),
		"GOPATH":      path.Join(cacheDir, "path"),
		"GOENV":       "off",
		"GOTOOLCHAIN": "local",
		"GOTELEMETRY": "off",
		"GOPROXY":     "off",
		"GOSUMDB":     "off", // go.sum is what the modules are checked against
		"CGO_ENABLED": "0",
	})
	return nil
}

// source makes src readable at $SRC_<name>. For a go_module it also returns
// where the other modules are, as an entry for GOPROXY.
func (g *graph) source(r *recipe.Recipe, src recipe.Source, s *shell) (proxy string, err error) {
	dir := path.Join(sourceDir, src.Name)
	s.env["SRC_"+envName(src.Name)] = dir
	at := g.at(r, src.Range, "source "+src.Name)
	if src.Kind == recipe.SourceHTTP {
		tree, err := g.archive(r, src, at)
		if err != nil {
			return "", err
		}
		s.options = append(s.options, llb.AddMount(dir, tree))
		return "", nil
	}
	tree, err := g.input(lock.KindGoModule, src.Name, at)
	if err != nil {
		return "", err
	}
	modules := path.Join(proxyDir, src.Name)
	s.options = append(s.options,
		llb.AddMount(dir, tree, llb.SourcePath("/src")),
		llb.AddMount(modules, tree, llb.SourcePath("/proxy"), llb.Readonly))
	return "file://" + modules, nil
}

// archive unpacks an http source, or when it is no archive puts it into a folder.
func (g *graph) archive(r *recipe.Recipe, src recipe.Source, at place) (llb.State, error) {
	in, err := g.locked(lock.KindHTTP, src.Name)
	if err != nil {
		return llb.State{}, err
	}
	ref := "tailsbuild.invalid/http@" + string(digest.NewDigestFromEncoded(digest.SHA256, in.SHA256))
	name := path.Base(src.URL)
	file := llb.OCILayoutBlob(ref, llb.ImageBlobOCIStore("", inputStore), llb.Filename(name), at.name, at.location)
	archive := shellQuote(path.Join(archiveDir, name))
	script := fmt.Sprintf("cp %s $OUT/", archive)
	switch {
	case isTar(name):
		script = fmt.Sprintf("tar -xf %s -C $OUT --strip-components=%d", archive, src.Strip)
	case strings.HasSuffix(name, ".zip"):
		script = fmt.Sprintf("unzip -q %s -d $OUT", archive)
		if src.Strip > 0 {
			script = fmt.Sprintf(stripZip, archive, src.Strip)
		}
	}
	return g.run(shell{
		at:      g.at(r, src.Range, "unpack "+src.Name),
		script:  script,
		options: []llb.RunOption{llb.AddMount(archiveDir, file, llb.Readonly)},
	}), nil
}

// stripZip unpacks a zip archive and leaves out leading elements of its paths, as tar
// does for its own.
const stripZip = `
set -o pipefail
mkdir ` + unzipDir + ` && unzip -q %s -d ` + unzipDir + ` && cd ` + unzipDir + `
ls -A | tar -cf - -T - | tar -xf - -C "$OUT" --strip-components=%d
`

// special returns a tree that has a file of r with setuid, setgid or sticky bits, at
// /file: BuildKit's own file operations leave those out.
func (g *graph) special(r *recipe.Recipe, f recipe.File, content []byte, owner int) llb.State {
	at := g.at(r, f.Range, "mode of "+f.Path)
	plain := llb.Scratch().File(llb.Mkfile("/file", 0o600, content), at.name, at.location)
	return g.run(shell{
		at: at,
		// Changing the owner takes the bits away.
		script:  fmt.Sprintf("cp %s/file $OUT/file && chown %d:%d $OUT/file && chmod %o $OUT/file", archiveDir, owner, owner, f.Mode),
		options: []llb.RunOption{llb.AddMount(archiveDir, plain, llb.Readonly)},
	})
}

func isTar(name string) bool {
	return slices.ContainsFunc([]string{".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"},
		func(suffix string) bool { return strings.HasSuffix(name, suffix) })
}

// usersScript copies the base's account files and adds users to them. The
// password is locked, and the day of its last change is left empty, since
// adduser would write today's.
const usersScript = `
mkdir -p "$OUT/etc" && chmod 755 "$OUT/etc"
for f in passwd group shadow; do cp -p "/etc/$f" "$OUT/etc/$f"; done
add() {
	if grep -q "^$1:" /etc/passwd /etc/group; then
		echo "user $1: the base has a user or group of this name" >&2; exit 1
	fi
	if cut -d: -f3 /etc/passwd /etc/group | grep -qx "$2"; then
		echo "user $1: the base has a user or group with the number $2" >&2; exit 1
	fi
	echo "$1:x:$2:$2:$1:$3:$4" >>"$OUT/etc/passwd"
	echo "$1:x:$2:" >>"$OUT/etc/group"
	echo "$1:!:::::::" >>"$OUT/etc/shadow"
}
`

// users returns /etc with the base's account files and the recipe's users added.
func (g *graph) users(r *recipe.Recipe) llb.State {
	var script strings.Builder
	script.WriteString(usersScript)
	for _, u := range r.Users {
		home, login := u.Home, u.Shell
		if home == "" {
			home = "/"
		}
		if login == "" {
			login = "/sbin/nologin"
		}
		fmt.Fprintf(&script, "add %s %d %s %s\n", shellQuote(u.Name), u.UID, shellQuote(home), shellQuote(login))
	}
	return g.run(shell{at: g.at(r, r.Users[0].Range, "users of "+r.Name), script: script.String()})
}

// envName is name as part of a shell variable.
func envName(name string) string {
	return strings.Map(func(c rune) rune {
		if c == '-' || c == '.' {
			return '_'
		}
		return c
	}, name)
}

// shellQuote quotes s for sh(1).
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
