package release

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/declared"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/inventory"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// TestAbout: a release says what is in its image, what it declares and what was
// tested, and verify shows it.
func TestAbout(t *testing.T) {
	dir, _ := released(t)
	v := must[*Verification](t)(Verify(ctx, dir, key(t, 0).Public()))
	if diff := cmp.Diff(&SBOM{Packages: 1, Checked: true}, v.SBOM); diff != "" {
		t.Errorf("SBOM (-want +got):\n%s", diff)
	}
	if !slices.Equal(v.Tests, []string{"answers", "refuses"}) || len(v.Missing) > 0 || len(v.Problems) > 0 {
		t.Errorf("tests %q, missing %q, problems %v", v.Tests, v.Missing, v.Problems)
	}
	if d := v.Declaration; d == nil || d.Base != (evidence.Base{Name: "alpine-3.19", Version: "3.19.4", EndOfSupport: "2025-11-01"}) {
		t.Errorf("declaration %+v", d)
	}
	if len(v.Bundles) != len(statementTypes) {
		t.Errorf("%d bundles", len(v.Bundles))
	}
	// Without layers there is nothing to make the SBOM again from.
	v = must[*Verification](t)(VerifyWith(ctx, dir, key(t, 0).Public(), VerifyOptions{WithoutLayers: true}))
	if v.SBOM == nil || v.SBOM.Checked || v.SBOM.Packages != 1 {
		t.Errorf("SBOM %+v", v.SBOM)
	}
}

// TestSchemas: the statements of a release have the form that docs/schemas says.
func TestSchemas(t *testing.T) {
	dir, _ := released(t)
	files := map[string]string{
		evidence.SignatureType: "signature", evidence.ComparisonType: "comparison-v1", evidence.ProvenanceType: "build-v1",
		evidence.SBOMType: "sbom", evidence.DeclarationType: "declaration-v1", evidence.TestsType: "tests",
	}
	c := must[*Contents](t)(Read(ctx, dir, Trusted{Keys: []*sign.PublicKey{key(t, 0).Public()}}))
	if len(c.Statements) != len(statementTypes) {
		t.Fatalf("%d statements", len(c.Statements))
	}
	for _, s := range c.Statements {
		schema := must[*jsonschema.Schema](t)(jsonschema.NewCompiler().Compile("../../docs/schemas/" + files[s.PredicateType] + ".json"))
		v := must[any](t)(jsonschema.UnmarshalJSON(strings.NewReader(string(s.Body))))
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v", s.PredicateType, err)
		}
	}
}

// TestBefore: releases of before have no such statements, and it is said.
func TestBefore(t *testing.T) {
	f := newForgery(t)
	f.all()
	v := must[*Verification](t)(Verify(ctx, f.write(), key(t, 0).Public()))
	if want := []string{MissingDeclaration, MissingSBOM, MissingTests}; !slices.Equal(v.Missing, want) || len(v.Problems) > 0 {
		t.Errorf("missing %q, problems %v", v.Missing, v.Problems)
	}
}

// more adds what a release has about its image, changed.
func (f *forgery) more(by *sign.Key, change func(b *evidence.Bill, d *evidence.Declaration, t *evidence.Tests)) {
	f.t.Helper()
	p := f.r.build.Parameters()
	b := bill(f.r.image, p, f.deps)
	inv := *b.Inventory
	inv.Packages = slices.Clone(inv.Packages)
	b.Inventory = &inv
	d := &evidence.Declaration{
		Image: f.r.image.desc.Digest, Parameters: p, Service: declared.Of(f.r.build.Closure[0]),
		Base: evidence.Base{Name: "alpine-3.19", Version: "3.19.4", EndOfSupport: "2025-11-01"},
	}
	tests := &evidence.Tests{
		Recipe: p.Recipe, Image: f.r.image.desc.Digest, Plan: p.Plan, Lock: p.Lock,
		Configuration: f.deps[:1], Passed: []string{"answers", "refuses"},
	}
	change(b, d, tests)
	f.add(by, evidence.SBOMType, must[[]byte](f.t)(b.Statement()))
	f.add(by, evidence.DeclarationType, must[[]byte](f.t)(d.Statement()))
	f.add(by, evidence.TestsType, must[[]byte](f.t)(tests.Statement()))
}

// TestContradicts: what isn't about the same builds doesn't count.
func TestContradicts(t *testing.T) {
	mine := key(t, 0)
	elsewhere := digest.FromString("elsewhere")
	all := []string{MissingDeclaration, MissingSBOM, MissingTests}
	for name, c := range map[string]struct {
		missing []string
		change  func(b *evidence.Bill, d *evidence.Declaration, t *evidence.Tests)
	}{
		"nothing": {nil, func(*evidence.Bill, *evidence.Declaration, *evidence.Tests) {}},
		"image": {all, func(b *evidence.Bill, d *evidence.Declaration, t *evidence.Tests) {
			b.Image, d.Image, t.Image = elsewhere, elsewhere, elsewhere
		}},
		"recipe": {all, func(b *evidence.Bill, d *evidence.Declaration, t *evidence.Tests) {
			b.Parameters.Recipe, d.Parameters.Recipe, t.Recipe = "sftp", "sftp", "sftp"
		}},
		"version": {[]string{MissingDeclaration, MissingSBOM}, func(b *evidence.Bill, d *evidence.Declaration, _ *evidence.Tests) {
			b.Parameters.Version, d.Parameters.Version = "9", "9"
		}},
		"plan": {all, func(b *evidence.Bill, d *evidence.Declaration, t *evidence.Tests) {
			b.Parameters.Plan, d.Parameters.Plan, t.Plan = elsewhere, elsewhere, elsewhere
		}},
		"lock": {all, func(b *evidence.Bill, d *evidence.Declaration, t *evidence.Tests) {
			b.Parameters.Lock, d.Parameters.Lock, t.Lock = elsewhere, elsewhere, elsewhere
		}},
		"packages": {[]string{MissingSBOM}, func(b *evidence.Bill, _ *evidence.Declaration, _ *evidence.Tests) {
			b.Inventory.Packages[0].Version = "9-r9"
		}},
		"no packages": {[]string{MissingSBOM}, func(b *evidence.Bill, _ *evidence.Declaration, _ *evidence.Tests) { b.Inventory.Packages = nil }},
		"programs": {[]string{MissingSBOM}, func(b *evidence.Bill, _ *evidence.Declaration, _ *evidence.Tests) {
			b.Inventory.Programs = []inventory.Program{{Path: "/usr/bin/app", SHA256: elsewhere.Encoded(), Go: "go1"}}
		}},
		"sources": {[]string{MissingSBOM}, func(b *evidence.Bill, _ *evidence.Declaration, _ *evidence.Tests) {
			b.Dependencies = b.Dependencies[1:]
		}},
		"recipe's text": {[]string{MissingTests}, func(_ *evidence.Bill, _ *evidence.Declaration, t *evidence.Tests) {
			t.Configuration = []evidence.Dependency{file("mqtt/recipe.hcl", []byte("another"))}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newForgery(t)
			f.all()
			f.more(mine, c.change)
			v := must[*Verification](t)(Verify(ctx, f.write(), mine.Public()))
			if !slices.Equal(v.Missing, c.missing) || len(v.Problems) != len(c.missing) || len(v.Bundles) != len(statementTypes)-len(c.missing) {
				t.Errorf("missing %q, want %q, problems %v", v.Missing, c.missing, v.Problems)
			}
		})
	}
}

// TestContradictsLabels: a declaration by the key itself of other privileges than the
// image has is no accident that could be left out.
func TestContradictsLabels(t *testing.T) {
	for name, change := range map[string]func(d *evidence.Declaration){
		"another privilege": func(d *evidence.Declaration) {
			d.Privileges = []declared.Privilege{{Kind: "network", Name: "host", Reason: "x"}}
		},
		"no privileges at all": func(d *evidence.Declaration) { d.Privileges = nil },
		"a volume":             func(d *evidence.Declaration) { d.Volumes = []declared.Volume{{Path: "/", Persistent: true}} },
		"a limit":              func(d *evidence.Declaration) { d.Limits = &declared.Limits{Memory: 1} },
		"a port":               func(d *evidence.Declaration) { d.Ports = []declared.Port{} },
	} {
		f := newForgery(t)
		f.all()
		f.more(key(t, 0), func(*evidence.Bill, *evidence.Declaration, *evidence.Tests) {})
		f.more(key(t, 0), func(_ *evidence.Bill, d *evidence.Declaration, _ *evidence.Tests) { change(d) })
		dir := f.write()
		var refused *RefusedError
		var contradiction *declared.ContradictionError
		if _, err := Verify(ctx, dir, key(t, 0).Public()); !errors.As(err, &refused) || !errors.As(err, &contradiction) {
			t.Errorf("%s: got %v", name, err)
		}
		c := must[*Contents](t)(Read(ctx, dir, Trusted{Keys: []*sign.PublicKey{key(t, 0).Public()}}))
		if _, err := c.By(key(t, 0).Public()); !errors.As(err, &refused) {
			t.Errorf("%s, without layers: got %v", name, err)
		}
		// By another key, it is no more than any statement by another key.
		f = newForgery(t)
		f.all()
		f.more(key(t, 1), func(_ *evidence.Bill, d *evidence.Declaration, _ *evidence.Tests) { change(d) })
		v := must[*Verification](t)(Verify(ctx, f.write(), key(t, 0).Public()))
		if len(v.Missing) != 3 || len(v.Problems) != 3 {
			t.Errorf("%s, by another: missing %q, problems %v", name, v.Missing, v.Problems)
		}
	}
}

// TestSeveral: statements may be there again, as after a second release of the same
// image. What they disagree about is the worse of the two, or counts once.
func TestSeveral(t *testing.T) {
	mine := key(t, 0)
	for _, c := range []struct{ first, second, want string }{
		{"2025-11-01", "2025-11-01", "2025-11-01"},
		{"2025-11-01", "2026-11-01", "2025-11-01"},
		{"2026-11-01", "2025-11-01", "2025-11-01"},
		{"", "2025-11-01", ""},
		{"2025-11-01", "", ""},
	} {
		f := newForgery(t)
		f.all()
		for _, end := range []string{c.first, c.second} {
			f.more(mine, func(_ *evidence.Bill, d *evidence.Declaration, _ *evidence.Tests) { d.Base.EndOfSupport = end })
		}
		v := must[*Verification](t)(Verify(ctx, f.write(), mine.Public()))
		if v.Declaration.Base.EndOfSupport != c.want || len(v.Problems) > 0 || v.SBOM.Packages != 1 || len(v.Tests) != 2 {
			t.Errorf("%q and %q: %+v, problems %v", c.first, c.second, v.Declaration.Base, v.Problems)
		}
	}
	f := newForgery(t)
	f.all()
	f.more(mine, func(*evidence.Bill, *evidence.Declaration, *evidence.Tests) {})
	f.more(mine, func(_ *evidence.Bill, _ *evidence.Declaration, t *evidence.Tests) { t.Passed = t.Passed[:1] })
	if v := must[*Verification](t)(Verify(ctx, f.write(), mine.Public())); len(v.Problems) != 1 || len(v.Tests) != 2 {
		t.Errorf("tests %q, problems %v", v.Tests, v.Problems)
	}
}

// TestUntested: tests that were not run make no statement, and those that failed, or
// were others or in another image, no release.
func TestUntested(t *testing.T) {
	b, dist := pair(t, "same", "same")
	dir := filepath.Join(dist, "mqtt")
	b.Tested = nil
	rel := must[*Release](t)(Create(ctx, b, Options{Dir: dir, Key: key(t, 0)}))
	v := must[*Verification](t)(Verify(ctx, dir, key(t, 0).Public()))
	if rel.Tested || v.Tests != nil || !slices.Equal(v.Missing, []string{MissingTests}) {
		t.Errorf("%+v: tests %q, missing %q", rel, v.Tests, v.Missing)
	}
	for name, change := range map[string]func(tests []builder.Tested) []builder.Tested{
		"failed":        func(tests []builder.Tested) []builder.Tested { tests[1].Passed = false; return tests },
		"one alone":     func(tests []builder.Tested) []builder.Tested { return tests[:1] },
		"one too many":  func(tests []builder.Tested) []builder.Tested { return append(tests, tests[0]) },
		"another":       func(tests []builder.Tested) []builder.Tested { tests[0].Name = "x"; return tests },
		"another image": func(tests []builder.Tested) []builder.Tested { tests[0].Image = digest.FromString("x"); return tests },
	} {
		b, dist := pair(t, "same", "same")
		b.Tested = change(b.Tested)
		var notPassed *NotPassedError
		if _, err := Create(ctx, b, Options{Dir: filepath.Join(dist, "mqtt"), Key: key(t, 0)}); !errors.As(err, &notPassed) {
			t.Errorf("%s: got %v", name, err)
		}
		wantEmpty(t, dist)
	}
}

// TestGateDeclares: an image that declares something else than its recipe, or of which
// it can't be said what is in it, is not released.
func TestGateDeclares(t *testing.T) {
	b, dist := pair(t, "same", "same")
	b.Closure[0].Privileges = []recipe.Privilege{{Kind: "network", Name: "host", Reason: "x"}}
	var contradiction *declared.ContradictionError
	if _, err := Create(ctx, b, Options{Dir: filepath.Join(dist, "mqtt"), Key: key(t, 0)}); !errors.As(err, &contradiction) {
		t.Errorf("got %v", err)
	}
	wantEmpty(t, dist)
	f := newForgery(t)
	f.r.image.notListed = errors.New("no")
	var unlisted *InventoryError
	if _, err := f.r.statements(Options{}); !errors.As(err, &unlisted) {
		t.Errorf("got %v", err)
	}
}
