package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/declared"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// statementNames are what people call the types of statements.
var statementNames = map[string]string{
	"signature": evidence.SignatureType, "comparison": evidence.ComparisonType, "provenance": evidence.ProvenanceType,
	"sbom": evidence.SBOMType, "declaration": evidence.DeclarationType, "tests": evidence.TestsType,
}

type inspectFlags struct {
	proxyFlag
	key, platform, statement string
	sbom                     bool
}

func (a *app) inspectCommand() *cobra.Command {
	var f inspectFlags
	cmd := &cobra.Command{
		Use:   "inspect DIR|REF [--key PUB]",
		Short: "Show what a release carries",
		Long: `Shows what the release in the folder DIR, or in a registry as REF, carries: the
image, who signed what about it, how it was built and tested, what it declares, until
when its base is supported, and what is in it. Layers and sealed inputs are not read.

It VERIFIES NOTHING: anybody can have written what it shows. With --key it shows only
what that key signed, once it has verified the release as verify --key does, of one in
a registry without its layers. Whether to use an image is for verify to say.

--sbom prints the SPDX document, and --statement the statements of one type as they
are, one a line: provenance, comparison, sbom, tests, declaration, signature, or any
predicateType.`,
		Example: `  tailsbuild inspect dist/sftp
  tailsbuild inspect registry.example.org/tails/sftp:9.6_p1-r0 --key my.pub
  tailsbuild inspect dist/sftp --key my.pub --sbom >sftp.spdx.json
  tailsbuild inspect dist/sftp --statement provenance | jq .predicate.runDetails`,
	}
	f.proxyFlag.add(cmd)
	cmd.Flags().StringVar(&f.key, "key", "", "`FILE` with the public key of who signed, to verify the release and show what it signed")
	cmd.Flags().StringVar(&f.platform, "platform", "", "`OS/ARCH` of the image that is meant, when REF is several (default this machine's)")
	cmd.Flags().StringVar(&f.statement, "statement", "", "print the statements of this `TYPE` alone, as they are")
	cmd.Flags().BoolVar(&f.sbom, "sbom", false, "print the SPDX document alone")
	return leaf(cmd, cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		switch {
		case f.sbom && f.statement != "":
			return usagef("--sbom and --statement print one thing each")
		case (f.sbom || f.statement != "") && a.out.json():
			return usagef("--sbom and --statement print JSON as it is; leave out --format")
		case f.platform != "" && !isReference(args[0]):
			return usagef("--platform is for references")
		}
		if err := noExport(args[0]); err != nil {
			return err
		}
		all, err := a.inspect(ctx, args[0], f)
		if err != nil {
			return asBroken(err)
		}
		if f.key == "" {
			a.warn("NOTHING of this is verified: anybody can have written it; ask tailsbuild verify, or say --key PUB")
		}
		for _, i := range all {
			if err := a.printInspected(i, f); err != nil {
				return err
			}
		}
		return nil
	})
}

// printInspected prints what is asked for.
func (a *app) printInspected(i *inspected, f inspectFlags) error {
	switch {
	case f.sbom:
		return a.printSBOM(i)
	case f.statement != "":
		return a.printStatements(i, cmp.Or(statementNames[f.statement], f.statement))
	}
	return a.out.print(i)
}

// inspect reads what the release carries that arg names, of each of its images.
func (a *app) inspect(ctx context.Context, arg string, f inspectFlags) (all []*inspected, err error) {
	var key *sign.PublicKey
	if f.key != "" {
		if key, err = openPublicKey(f.key); err != nil {
			return nil, err
		}
	}
	if !isReference(arg) {
		return newInspected(ctx, arg, arg, key, release.VerifyOptions{})
	}
	ref, err := registry.ParseReference(arg)
	if err != nil {
		return nil, err
	}
	opts := fetchOptions(f.proxy)
	opts.Artifacts = append(opts.Artifacts, registry.Artifact{Type: evidence.MediaType, MaxBlobs: 1, MaxSize: evidence.MaxStatement})
	err = inTemp(func(dir string) error {
		fetched, err := registry.Fetch(ctx, ref, f.platform, dir, opts)
		if err != nil {
			return err
		}
		a.warnProblems(fetched.Problems)
		all, err = newInspected(ctx, dir, ref.String(), key, release.VerifyOptions{WithoutLayers: true})
		return err
	})
	return all, err
}

// An inspected is what a release carries, as far as it can be read.
type inspected struct {
	*release.Inspection
	// Key is the ID of the key that signed all that is shown, "" when nothing is
	// verified.
	Key string `json:"key,omitempty"`
	// Verified says the same.
	Verified bool `json:"verified"`
	// Parameters are those of the first provenance.
	Parameters *evidence.Parameters `json:"parameters,omitempty"`
	Builders   []string             `json:"builders,omitempty"`
	Unpacked   int64                `json:"unpacked,omitempty"`
	Tests      []string             `json:"tests,omitempty"`
	// Privileges are those that the image's own labels declare.
	Privileges  []declared.Privilege  `json:"privileges,omitempty"`
	Declaration *evidence.Declaration `json:"declaration,omitempty"`
	Packages    []packaged            `json:"packages,omitempty"`

	sbom *evidence.SBOM
}

// A packaged is one package of an SBOM that is in the image.
type packaged struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	License string `json:"license"`
	PURL    string `json:"purl,omitempty"`
	// Linked says that programs in the image were linked from it.
	Linked bool `json:"linked,omitempty"`
}

// newInspected inspects the release in dir, each of its images. With a key, it is
// verified, and only what the key signed is shown.
func newInspected(ctx context.Context, dir, called string, key *sign.PublicKey, opts release.VerifyOptions) ([]*inspected, error) {
	opts.Called = called
	var verified []*release.Verification
	if key != nil {
		v, err := release.VerifyWith(ctx, dir, key, opts)
		if err != nil {
			return nil, err
		}
		if verified = v.Platforms; verified == nil {
			verified = []*release.Verification{v}
		}
	}
	carried, err := release.Inspect(ctx, dir, called)
	if err != nil {
		return nil, err
	}
	var all []*inspected
	for n, c := range carried {
		i := &inspected{Inspection: c}
		if key != nil {
			v := verified[min(n, len(verified)-1)]
			if len(carried) != len(verified) || v.Image.Digest != c.Image.Digest {
				return nil, &changedReleaseError{Dir: called, Was: v.Image.Digest, Is: c.Image.Digest}
			}
			i.Key, i.Verified = v.Key, true
			i.Statements, i.Problems = c.By(v), v.Problems
		}
		i.readAll()
		all = append(all, i)
	}
	return all, nil
}

// readAll reads the statements and labels.
func (i *inspected) readAll() {
	for _, s := range i.Statements {
		if err := i.read(s); err != nil {
			i.Problems = append(i.Problems, release.Problem{Manifest: s.Manifest, Err: err})
		}
	}
	if label, ok := i.Labels[declared.LabelPrivileges]; ok {
		var err error
		if i.Privileges, err = declared.ParsePrivileges(label); err != nil {
			i.Problems = append(i.Problems, release.Problem{Manifest: i.Image.Digest, Err: fmt.Errorf("label %s: %w", declared.LabelPrivileges, err)})
		}
	}
}

// read keeps what a statement says, if none of its type said it before.
func (i *inspected) read(s release.Carried) error {
	switch s.PredicateType {
	case evidence.ProvenanceType:
		b, err := evidence.ParseBuild(s.Body)
		if err != nil {
			return err
		}
		i.Builders = append(i.Builders, b.Run.Builder)
		i.Parameters = cmp.Or(i.Parameters, &b.Parameters)
	case evidence.ComparisonType:
		c, err := evidence.ParseComparison(s.Body)
		if err != nil {
			return err
		}
		i.Unpacked = cmp.Or(i.Unpacked, c.Unpacked)
	case evidence.TestsType:
		t, err := evidence.ParseTests(s.Body)
		if err != nil {
			return err
		}
		if i.Tests == nil {
			i.Tests = t.Passed
		}
	case evidence.DeclarationType:
		d, err := evidence.ParseDeclaration(s.Body)
		if err != nil {
			return err
		}
		if err := d.Check(i.Labels); err != nil {
			return err
		}
		if i.Declaration == nil || d.Base.EndsBefore(i.Declaration.Base) {
			i.Declaration = d
		}
	case evidence.SBOMType:
		return i.readSBOM(s)
	}
	return nil
}

func (i *inspected) readSBOM(s release.Carried) error {
	sbom, err := evidence.ParseSBOM(s.Body)
	if err != nil || i.sbom != nil {
		return err
	}
	i.sbom = sbom
	add := func(all []evidence.SPDXPackage, linked bool) {
		for _, p := range all {
			i.Packages = append(i.Packages, packaged{Name: p.Name, Version: p.Version, License: p.LicenseDeclared, PURL: p.PURL(), Linked: linked})
		}
	}
	add(sbom.Document.Contained(), false)
	add(sbom.Document.Linked(), true)
	return nil
}

// A noStatementError reports that a release has no statement of a type, or none that
// its key signed.
type noStatementError struct {
	Dir, Type string
	Types     []string // that it has
}

func (e *noStatementError) Error() string {
	return fmt.Sprintf("%s has no statement %s", e.Dir, e.Type)
}

func (a *app) printSBOM(i *inspected) error {
	if i.sbom == nil {
		return i.none(evidence.SBOMType)
	}
	doc, err := i.sbom.Document.Encode()
	if err != nil {
		return err
	}
	return a.out.write(append(doc, '\n'))
}

func (a *app) printStatements(i *inspected, predicateType string) error {
	found := false
	for _, s := range i.Statements {
		if s.PredicateType != predicateType {
			continue
		}
		found = true
		if err := a.out.write(append(slices.Clone(s.Body), '\n')); err != nil {
			return err
		}
	}
	if !found {
		return i.none(predicateType)
	}
	return nil
}

func (i *inspected) none(predicateType string) error {
	e := &noStatementError{Dir: i.Dir, Type: predicateType}
	for _, s := range i.Statements {
		e.Types = append(e.Types, s.PredicateType)
	}
	slices.Sort(e.Types)
	e.Types = slices.Compact(e.Types)
	return e
}
