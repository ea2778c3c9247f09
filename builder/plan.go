package builder

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// A Plan is what both builders solve: an LLB definition and everything that is
// asked of BuildKit's exporter. It is a pure function of a recipe's closure, its
// lock, its files and an architecture: the same bytes on every machine.
type Plan struct {
	recipe *recipe.Recipe
	arch   string
	inputs []lock.Input
	worlds []lock.World
	output lock.Output

	definition *llb.Definition
	image      []byte       // the OCI image config, without rootfs
	base       []byte       // the config of the base's layers, which stay as they are
	trees      []lock.Input // the inputs that are tar archives
	manifests  []blob       // that make images of them, and their configs
	// baseLayers are the diffIDs of the layers that come from the base, and
	// baseBlobs the digests of their blobs.
	baseLayers, baseBlobs []digest.Digest
	// baseAdds is how many layers the base has on these, and baseEpoch the time that
	// nothing in them is later than.
	baseAdds  int
	baseEpoch int64
	layered   bool // the recipe adds a layer of its own
	runs      bool // some step runs a program
	files     bool // it makes files, and no image

	encoded []byte
}

// A blob is content that the plan itself makes, such as an input's manifest.
type blob struct {
	desc ocispec.Descriptor
	data []byte
}

// NewPlan makes the plan of closure[0] for arch. The other recipes of closure
// are its base, and the base's base. files has the content of the recipe's file
// blocks that name a source, by the path in the image.
//
// It returns a [lock.MissingError] when an input isn't locked and a
// [NotYetError] for what this version can't build.
func NewPlan(closure []*recipe.Recipe, lk *lock.File, arch string, files map[string][]byte) (*Plan, error) {
	p, err := newPlan(closure, lk, arch, lock.UseBase, lock.UseBuild, lock.UseImage)
	if err != nil {
		return nil, err
	}
	if err := supported(closure); err != nil {
		return nil, err
	}
	var top func(*graph) (llb.State, error)
	switch {
	case p.recipe.Kind == recipe.Service:
		top = func(g *graph) (llb.State, error) { return g.service(p.recipe) }
	case len(p.recipe.Packages) > 0:
		top = func(g *graph) (llb.State, error) { return g.basePackages(p.recipe, lock.UseImage), nil }
	}
	return p, p.draw(closure, files, top)
}

// NewClientPlan makes the plan of the tree that the clients of closure[0]'s tests
// run in: the base, and one layer with the packages of all tests, if they have any.
// It is solved by [BuildOne], and no release is made of it.
//
// Its errors are those of [NewPlan].
func NewClientPlan(closure []*recipe.Recipe, lk *lock.File, arch string) (*Plan, error) {
	p, err := newPlan(closure, lk, arch, lock.UseBase, lock.UseTest)
	if err != nil {
		return nil, err
	}
	if err := supported(closure[1:]); err != nil {
		return nil, err
	}
	var top func(*graph) (llb.State, error)
	if _, ok := p.world(lock.UseTest); ok {
		top = func(g *graph) (llb.State, error) { return g.client(p.recipe), nil }
	}
	return p, p.draw(closure, nil, top)
}

// newPlan returns a plan that reads what the uses do, and has no definition yet.
func newPlan(closure []*recipe.Recipe, lk *lock.File, arch string, uses ...string) (*Plan, error) {
	if len(closure) == 0 {
		return nil, fmt.Errorf("plan: empty closure")
	}
	inputs, err := lk.ClosureFor(closure, arch, uses...)
	if err != nil {
		return nil, err
	}
	if now := lock.CurrentOutput(); lk.Output != now {
		return nil, &OutputRecordError{Locked: lk.Output, Current: now}
	}
	p := &Plan{recipe: closure[0], arch: arch, inputs: inputs, output: lk.Output}
	for _, want := range lock.Worlds(closure, arch) {
		if w, ok := lk.World(want); ok && slices.Contains(uses, w.Use) {
			p.worlds = append(p.worlds, w)
		}
	}
	return p, nil
}

// world returns what is installed for a use, if anything was asked for.
func (p *Plan) world(use string) (lock.World, bool) {
	i := slices.IndexFunc(p.worlds, func(w lock.World) bool { return w.Use == use })
	if i < 0 {
		return lock.World{}, false
	}
	return p.worlds[i], true
}

// Recipe returns the recipe that the plan builds.
func (p *Plan) Recipe() *recipe.Recipe { return p.recipe }

// Arch returns the Alpine architecture that the plan builds for.
func (p *Plan) Arch() string { return p.arch }

// Inputs returns the locked inputs that the builders read.
func (p *Plan) Inputs() []lock.Input { return p.inputs }

// Output returns the toolchain record that the plan was made for.
func (p *Plan) Output() lock.Output { return p.output }

// JSON returns the plan in its one encoding, which the digest is over.
func (p *Plan) JSON() []byte { return p.encoded }

// Digest returns the sha256 of [Plan.JSON]. Comments and positions in the recipe
// don't change it.
func (p *Plan) Digest() digest.Digest { return digest.FromBytes(p.encoded) }

// planVersion is that of the encoding below.
const planVersion = 1

type encodedPlan struct {
	Version int    `json:"version"`
	Recipe  string `json:"recipe"`
	Arch    string `json:"arch"`
	// Definition has the LLB operations, as BuildKit's solver reads them
	// (solver/pb/ops.proto), each after those it depends on.
	Definition [][]byte          `json:"definition"`
	Image      json.RawMessage   `json:"image"`
	Base       json.RawMessage   `json:"base"`
	Export     map[string]string `json:"export"`
	Output     encodedOutput     `json:"output"`
}

type encodedOutput struct {
	Compatibility         int    `json:"compatibility"`
	BuildKitCompatibility int    `json:"buildkitCompatibility"`
	Compression           string `json:"compression"`
}

func (p *Plan) encode() ([]byte, error) {
	return json.Marshal(encodedPlan{
		Version:    planVersion,
		Recipe:     p.recipe.Name,
		Arch:       p.arch,
		Definition: p.definition.Def,
		Image:      p.image,
		Base:       p.base,
		Export:     p.exportAttrs(),
		Output: encodedOutput{
			Compatibility:         p.output.Compatibility,
			BuildKitCompatibility: p.output.BuildKitCompatibility,
			Compression:           p.output.Compression,
		},
	})
}

// recipeFile is the name under which the recipe appears in source maps.
func recipeFile(r *recipe.Recipe) string { return path.Join(r.Name, "recipe.hcl") }

// A Step is one vertex of a plan, as a person reads it.
type Step struct {
	// Digest is the vertex's, which BuildKit's progress names too.
	Digest digest.Digest
	Name   string
	// Range is where in the recipe the step comes from.
	Range hcl.Range
}

// Steps returns the plan's vertices, each after those it depends on.
func (p *Plan) Steps() []Step {
	var steps []Step
	for _, op := range p.definition.Def {
		id := digest.FromBytes(op)
		locations := p.definition.Source.Locations[string(id)].GetLocations()
		if len(locations) == 0 {
			continue // the last operation only names the result
		}
		info := p.definition.Source.Infos[locations[0].SourceIndex]
		rng, _ := location(&errdefs.Source{Info: info, Ranges: locations[0].Ranges})
		steps = append(steps, Step{Digest: id, Name: p.definition.Metadata[id].Description["llb.customname"], Range: rng})
	}
	return steps
}
