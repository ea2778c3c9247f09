package builder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// repositoryDir is where a step finds the apk repositories, by name.
const repositoryDir = "/run/tailsbuild/repository"

// repositories returns a tree with the locked part of each apk repository, laid
// out as apk wants it: the index that Alpine signed, and the packages.
func (g *graph) repositories(at place) llb.State {
	var tree *llb.FileAction
	for _, in := range g.plan.inputs {
		repository := in.Repository
		switch in.Kind {
		case lock.KindIndex:
			repository = in.Name
		case lock.KindPackage:
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

// apkAdd is the command that installs packages from the locked repositories alone.
// The keys in the base's /etc/apk/keys have to have signed index and packages.
func (g *graph) apkAdd(packages []string, flags string) string {
	var b strings.Builder
	b.WriteString("apk add --no-network --no-cache --no-progress --repositories-file /dev/null" + flags)
	for _, in := range g.plan.inputs {
		if in.Kind == lock.KindIndex {
			b.WriteString(" -X " + path.Join(repositoryDir, in.Name))
		}
	}
	for _, p := range packages {
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

// installed returns the base's tree with r's packages installed.
func (g *graph) installed(r *recipe.Recipe) llb.State {
	at := g.at(r, r.PackagesRange, "packages of "+r.Name)
	step := g.exec(shell{
		at:      at,
		script:  g.apkAdd(r.Packages, "") + normaliseScript,
		options: []llb.RunOption{llb.AddMount(repositoryDir, g.repositories(at), llb.Readonly)},
	})
	step.AddMount(outDir, llb.Scratch())
	return step.Root()
}

// selectedFile is where [Select] has apk say what it would do.
const selectedFile = "selected"

// A Selected package is one that apk chose.
type Selected struct{ Name, Version string }

// An UnsatisfiableError reports packages that can't be installed together. Log is
// what apk says about it, which names the chain that conflicts.
type UnsatisfiableError struct {
	Recipe   string
	Packages []string
	Log      []string
}

func (e *UnsatisfiableError) Error() string {
	return fmt.Sprintf("packages of %s: apk can't install %s", e.Recipe, strings.Join(e.Packages, " "))
}

// Select has the apk of closure's base choose what installing the packages of
// closure[0] takes, beside what the base has: the packages to lock. The inputs of
// lk are the root file system and the indexes of all repositories. It returns an
// [UnsatisfiableError] when apk finds no choice.
func Select(ctx context.Context, closure []*recipe.Recipe, lk *lock.File, arch string, opts Options) ([]Selected, error) {
	platform, err := platformOf(arch)
	if err != nil {
		return nil, err
	}
	p := &Plan{recipe: closure[0], arch: arch, inputs: lk.Inputs, output: lk.Output}
	err = p.draw(closure, platform, nil, func(g *graph) (llb.State, error) {
		at := g.at(p.recipe, p.recipe.PackagesRange, "select packages of "+p.recipe.Name)
		out := g.run(shell{
			at:      at,
			script:  g.apkAdd(p.recipe.Packages, " --simulate") + " >$OUT/" + selectedFile,
			options: []llb.RunOption{llb.AddMount(repositoryDir, g.repositories(at), llb.Readonly)},
		})
		return g.root.File(llb.Copy(out, selectedFile, "/"+selectedFile), at.name, at.location), nil
	})
	if err != nil {
		return nil, err
	}
	r, err := BuildOne(ctx, "a", p, opts)
	var step *StepError
	if errors.As(err, &step) && step.ExitCode > 0 {
		return nil, &UnsatisfiableError{Recipe: p.recipe.Name, Packages: p.recipe.Packages, Log: step.Log}
	}
	if err != nil {
		return nil, err
	}
	said, err := r.topFile(selectedFile)
	if err != nil {
		return nil, err
	}
	return parseSelected(said)
}

// selectedLine is how apk 2 says that it installs a package, or replaces the one
// that is there: "(1/3) Installing musl (1.2.4-r4)", "(2/3) Upgrading zlib (1.3-r0
// -> 1.3.1-r0)".
var selectedLine = regexp.MustCompile(`^\([0-9]+/[0-9]+\) (Installing|Upgrading|Downgrading|Replacing|Reinstalling) ([^ ()]+) \((?:[^ ()]+ -> )?([^ ()]+)\)$`)

func parseSelected(said string) ([]Selected, error) {
	var all []Selected
	for line := range strings.Lines(said) {
		line = strings.TrimSuffix(line, "\n")
		if m := selectedLine.FindStringSubmatch(line); m != nil {
			all = append(all, Selected{Name: m[2], Version: m[3]})
		} else if !strings.HasPrefix(line, "OK: ") && !strings.HasPrefix(line, "Executing ") {
			return nil, fmt.Errorf("apk says %q, which isn't known to be an installation", line)
		}
	}
	return all, nil
}

// maxSelected is how much apk may say, in bytes.
const maxSelected = 4 << 20

// topFile returns the content of a file in the root of the image's last layer.
func (r *Result) topFile(name string) (content string, err error) {
	layout, err := oci.OpenLayout(r.Layout)
	if err != nil {
		return "", err
	}
	defer layout.Close()
	manifest, _, err := layout.ReadManifest(r.Image)
	if err != nil {
		return "", err
	}
	layer, err := layout.OpenLayer(manifest.Layers[len(manifest.Layers)-1], oci.LayerLimits{})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, layer.Close()) }()
	for {
		h, err := layer.Next()
		if err == io.EOF {
			return content, nil
		}
		if err != nil {
			return "", err
		}
		if h.Name == name {
			b, err := io.ReadAll(io.LimitReader(layer, maxSelected+1))
			if err != nil {
				return "", err
			}
			if len(b) > maxSelected {
				return "", &oci.LimitError{What: name, Size: h.Size, Limit: maxSelected}
			}
			content = string(b)
		}
	}
}
