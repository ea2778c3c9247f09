package builder

import (
	"context"
	"fmt"
	"os"
	"path"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// inputStore names the content store, served over the session, that has the
// plan's inputs and nothing else.
const inputStore = "inputs"

// A graph draws a plan's LLB. Each vertex gets a name and the recipe's lines
// that it comes from.
type graph struct {
	plan     *Plan
	closure  []*recipe.Recipe
	platform ocispec.Platform
	files    map[string][]byte
	maps     map[*recipe.Recipe]*llb.SourceMap
	// base is the recipe at the end of the closure, which has the rootfs.
	base *recipe.Recipe
	root llb.State
}

// draw sets the plan's definition and everything that goes with it. top draws the
// recipe's own layer, and is nil when it has none.
func (p *Plan) draw(closure []*recipe.Recipe, files map[string][]byte, top func(*graph) (llb.State, error)) error {
	platform, err := platformOf(p.arch)
	if err != nil {
		return err
	}
	g := &graph{plan: p, closure: closure, platform: platform, files: files, maps: map[*recipe.Recipe]*llb.SourceMap{}}
	for _, r := range closure {
		g.maps[r] = llb.NewSourceMap(nil, recipeFile(r), "HCL", r.Bytes)
	}
	g.base = closure[len(closure)-1]
	if g.root, err = g.rootfs(); err != nil {
		return err
	}
	if len(closure) > 1 && len(closure[1].Packages) > 0 {
		g.root = g.basePackages(closure[1], lock.UseBase)
		p.baseAdds, p.baseEpoch = 1, closure[1].Epoch
	}
	final := g.root
	if p.layered = top != nil; p.layered {
		if final, err = top(g); err != nil {
			return err
		}
	}
	p.definition, err = final.Marshal(context.Background(), llb.Platform(platform))
	if err != nil {
		return fmt.Errorf("plan of %s: %w", p.recipe.Name, err)
	}
	baseLayers := len(p.baseLayers) + p.baseAdds
	if p.recipe.Kind == recipe.Base && p.layered {
		baseLayers++
	}
	if p.image, err = imageConfig(p.recipe, platform, baseLayers); err != nil {
		return err
	}
	p.encoded, err = p.encode()
	return err
}

// A place is a vertex's name and the lines of the recipe that it comes from.
type place struct{ name, location llb.ConstraintsOpt }

func (g *graph) at(r *recipe.Recipe, rng hcl.Range, name string) place {
	return place{
		name: llb.WithCustomName(name),
		location: g.maps[r].Location([]*pb.Range{{
			Start: &pb.Position{Line: int32(rng.Start.Line), Character: int32(rng.Start.Column)},
			End:   &pb.Position{Line: int32(rng.End.Line), Character: int32(rng.End.Column)},
		}}),
	}
}

// input returns the tree of a locked input that is a tar archive.
func (g *graph) input(kind, name string, at place) (llb.State, error) {
	in, err := g.locked(kind, name)
	if err != nil {
		return llb.State{}, err
	}
	manifest, config, err := inputImage(in, g.platform)
	if err != nil {
		return llb.State{}, err
	}
	g.plan.trees = append(g.plan.trees, in)
	g.plan.manifests = append(g.plan.manifests, manifest, config)
	if kind == lock.KindRootfs {
		g.plan.base = config.data
		g.plan.baseLayers = []digest.Digest{digest.NewDigestFromEncoded(digest.SHA256, in.DiffID)}
		g.plan.baseBlobs = []digest.Digest{digest.NewDigestFromEncoded(digest.SHA256, in.SHA256)}
	}
	ref := fmt.Sprintf("tailsbuild.invalid/%s@%s", kind, manifest.desc.Digest)
	return llb.OCILayout(ref, llb.OCIStore("", inputStore), at.name, at.location), nil
}

func (g *graph) locked(kind, name string) (lock.Input, error) {
	i := slices.IndexFunc(g.plan.inputs, func(in lock.Input) bool { return in.Kind == kind && in.Name == name })
	if i < 0 {
		return lock.Input{}, &lock.MissingError{Recipe: g.plan.recipe.Name, Inputs: []lock.Input{{Kind: kind, Name: name}}}
	}
	return g.plan.inputs[i], nil
}

func (g *graph) rootfs() (llb.State, error) {
	r := g.base
	return g.input(lock.KindRootfs, r.Name, g.at(r, r.Rootfs.Range, "rootfs of "+r.Name))
}

// service puts one layer on the base: the packages, what the build wrote, the
// users, their homes, the volumes and the files, in this order.
func (g *graph) service(r *recipe.Recipe) (llb.State, error) {
	var tree *llb.FileAction
	base := g.root
	if len(r.Packages) > 0 {
		g.root = g.installed(r, lock.UseImage, "", g.at(r, r.PackagesRange, "packages of "+r.Name))
		tree = tree.Copy(g.root, "/", "/", contentsOf)
	}
	if r.Build != nil {
		out, err := g.compile(r, base)
		if err != nil {
			return llb.State{}, err
		}
		// What a build writes has no say in owners, and in modes only whether
		// a file is executable: the rest follows the umask.
		tree = tree.Copy(out, "/", "/", &llb.CopyInfo{
			CopyDirContentsOnly: true,
			Mode:                &llb.ChmodOpt{ModeStr: "u=rwX,go=rX"},
		}, llb.WithUIDGID(0, 0).(llb.ChownOpt))
	}
	tree, err := g.declared(r, tree)
	if err != nil {
		return llb.State{}, err
	}
	if tree == nil {
		return llb.State{}, &NotYetError{What: "a service that adds nothing to its base", Range: r.Range}
	}
	// The tree is put together on nothing, and only then compared with the base or
	// copied onto it: a folder of the base that a file goes into would keep its own
	// time with overlayfs, and have today's with the native snapshotter, which
	// copies the base.
	treeAt, at := g.at(r, r.Range, "tree of "+r.Name), g.at(r, r.Range, "layer of "+r.Name)
	whole := llb.Scratch().File(tree, treeAt.name, treeAt.location)
	if len(r.Packages) == 0 {
		return base.File(llb.Copy(whole, "/", "/", &llb.CopyInfo{CopyDirContentsOnly: true}), at.name, at.location), nil
	}
	return layerOf(base, whole, at), nil
}

// layerOf returns base with one layer more, which makes it whole: what a package
// removed is seen to be gone.
func layerOf(base, whole llb.State, at place) llb.State {
	return llb.Merge([]llb.State{base, llb.Diff(base, whole, at.name, at.location)}, at.name, at.location)
}

// contentsOf copies all of a step's root that it didn't get from the runtime.
var contentsOf = &llb.CopyInfo{
	CopyDirContentsOnly: true,
	ExcludePatterns:     []string{"dev/*", "proc/*", "sys/*", "run/tailsbuild"},
}

// declared adds to tree the users, their homes, the volumes and the files.
func (g *graph) declared(r *recipe.Recipe, tree *llb.FileAction) (*llb.FileAction, error) {
	if len(r.Users) > 0 {
		tree = tree.Copy(g.users(r), "/", "/", &llb.CopyInfo{CopyDirContentsOnly: true})
	}
	for _, u := range r.Users {
		if u.Home != "" && u.Home != "/" {
			tree = mkdir(tree, u.Home, int(u.UID))
		}
	}
	if rt := r.Runtime; rt != nil {
		for _, v := range rt.Volumes {
			tree = mkdir(tree, v.Path, ownerID(r, rt.User))
		}
	}
	for _, f := range r.Files {
		content, err := g.content(f)
		if err != nil {
			return nil, err
		}
		owner := ownerID(r, f.Owner)
		tree = parents(tree, f.Path)
		if f.Mode&^0o777 != 0 {
			tree = tree.Copy(g.special(r, f, content, owner), "/file", f.Path)
			continue
		}
		tree = tree.Mkfile(f.Path, os.FileMode(f.Mode), content, llb.WithUIDGID(owner, owner))
	}
	return tree, nil
}

// mkdir makes a folder that only owner can enter, and its parents.
func mkdir(layer *llb.FileAction, p string, owner int) *llb.FileAction {
	return parents(layer, p).Mkdir(p, 0o750, llb.WithParents(true), llb.WithUIDGID(owner, owner))
}

func parents(layer *llb.FileAction, p string) *llb.FileAction {
	if dir := path.Dir(p); dir != "/" {
		return layer.Mkdir(dir, 0o755, llb.WithParents(true))
	}
	return layer
}

func (g *graph) content(f recipe.File) ([]byte, error) {
	if f.Source == "" {
		return []byte(f.Content), nil
	}
	b, ok := g.files[f.Path]
	if !ok {
		return nil, fmt.Errorf("%s: the content of %s was not given to the plan", f.Range, f.Source)
	}
	return b, nil
}

// export says what the builder makes at dir: an OCI layout, or the files of a plan
// that makes no image.
func (p *Plan) export(dir string) client.ExportEntry {
	if p.files {
		return client.ExportEntry{Type: client.ExporterLocal, OutputDir: dir}
	}
	attrs := p.exportAttrs()
	attrs[exptypes.ExporterImageConfigKey] = string(p.image)
	attrs[exptypes.ExporterImageBaseConfigKey] = string(p.base)
	return client.ExportEntry{Type: client.ExporterOCI, Attrs: attrs, OutputDir: dir}
}

// exportAttrs are what is asked of BuildKit's OCI exporter
// (exporter/containerimage/exptypes/keys.go).
func (p *Plan) exportAttrs() map[string]string {
	attrs := map[string]string{
		"oci-mediatypes":    "true",
		"compression":       p.output.Compression,
		"source-date-epoch": fmt.Sprint(p.recipe.Epoch),
		"rewrite-timestamp": "true",
		"tar":               "false",
	}
	for name, value := range manifestAnnotations(p.recipe) {
		attrs["annotation."+name] = value
	}
	return attrs
}

// supported returns an error for what can be written in a recipe but not built.
func supported(closure []*recipe.Recipe) error {
	for _, r := range closure {
		if r.Kind == recipe.Base && r.Base != "" {
			return &NotYetError{What: "a base on another base", Range: r.Range}
		}
	}
	if last := closure[len(closure)-1]; last.Rootfs == nil {
		return fmt.Errorf("%s: the closure of %s ends in a recipe with no rootfs", last.Range, closure[0].Name)
	}
	return nil
}
