package cli

import (
	"fmt"
	"io"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/declared"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/privilege"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
)

// shownPackages is how many packages people are shown; --format json has all.
const shownPackages = 40

func (i *inspected) kind() string { return "inspection" }

func (i *inspected) text(w io.Writer) {
	line := func(name, format string, args ...any) {
		// A release comes from anywhere; what it says is shown, not obeyed.
		text := strings.ReplaceAll(progress.Clean(fmt.Sprintf(format, args...)), "\n", " ")
		fmt.Fprintf(w, "  %-10s %s\n", name, text)
	}
	if i.Key == "" {
		fmt.Fprintf(w, "%s says of itself, UNVERIFIED\n", progress.Clean(i.Dir))
	} else {
		fmt.Fprintf(w, "%s is verified\n", progress.Clean(i.Dir))
		line("signed", "with key %s, as all that follows", i.Key)
	}
	if p := i.Parameters; p != nil {
		line("recipe", "%s %s-r%d for %s", p.Recipe, p.Version, p.Release, p.Arch)
	} else if i.Claimed != "" {
		line("called", "%s", i.Claimed)
	}
	if i.Index != nil {
		line("index", "%s", i.Index.Digest)
	}
	line("image", "%s", i.Image.Digest)
	sizes := size(i.Compressed) + " compressed"
	if i.Unpacked > 0 {
		sizes += ", " + size(i.Unpacked) + " unpacked"
	}
	line("size", "%s, %s", sizes, plural(i.Layers, "layer"))
	for _, sealed := range i.Sealed {
		line("sealed", "inputs in %s", sealed)
	}
	i.statementsText(line)
	for _, b := range i.Builders {
		line("built by", "%s", b)
	}
	testsText(line, i.Tests)
	i.declaredText(line)
	i.packagesText(line)
	for n, p := range i.Problems {
		if n == shownProblems {
			line("", "and %d more", len(i.Problems)-n)
			break
		}
		line("ignored", "%s: %v", p.Manifest, p.Err)
	}
}

// signatureTexts say what is known of a signature.
var signatureTexts = map[string]string{
	release.SignatureValid:     "signed with key %s, which came with it",
	release.SignatureUnchecked: "signed, NOT CHECKED: its key %s didn't come with it",
	release.SignatureBad:       "BAD signature in the name of key %s",
	release.SignatureNone:      "not signed%s",
}

func (i *inspected) statementsText(line func(name, format string, args ...any)) {
	for _, s := range i.Statements {
		name := s.PredicateType
		for short, predicateType := range statementNames {
			if predicateType == s.PredicateType {
				name = short
			}
		}
		switch c := s.Certificate; {
		case i.Key != "":
			line("statement", "%s", name)
		case c != nil:
			line("statement", "%-11s signed, NOT CHECKED, as %q of the issuer %q", name, c.Subject, c.Issuer)
		default:
			line("statement", "%-11s "+signatureTexts[s.Signature], name, s.Key)
		}
	}
}

// declaredText shows what the image declares: by its own labels, and the rest by the
// declaration.
func (i *inspected) declaredText(line func(name, format string, args ...any)) {
	for _, p := range i.Privileges {
		line("privilege", "%s", privilegeText(p))
	}
	if len(i.Privileges) == 0 {
		line("privileges", "none")
	}
	d := i.Declaration
	if d == nil {
		line("support", notSaid)
		return
	}
	for _, p := range d.Ports {
		onion := ""
		if p.Onion != 0 {
			onion = fmt.Sprintf(", port %d of an onion service", p.Onion)
		}
		line("port", "%s: %d/%s%s", p.Name, p.Number, p.Protocol, onion)
	}
	for _, v := range d.Volumes {
		kept := "not kept"
		if v.Persistent {
			kept = "kept when the container is gone"
		}
		line("volume", "%s, %s", v.Path, kept)
	}
	if l := d.Limits; l != nil {
		line("limits", "%s", limitsText(*l))
	}
	line("support", "%s", supportText(d.Base))
	for _, about := range [][2]string{{"summary", d.About.Summary}, {"client", d.About.Client}, {"connect", d.About.Connect}} {
		if about[1] != "" {
			line(about[0], "%s", about[1])
		}
	}
}

// privilegeText says in plain words what a privilege gives away, and why it is asked
// for.
func privilegeText(p declared.Privilege) string {
	id, err := privilege.Of(p.Kind, p.Name)
	if err != nil {
		return fmt.Sprintf("%q %q, which isn't known, and so %s: %q", p.Kind, p.Name, privilege.Host.Describe(), p.Reason)
	}
	return fmt.Sprintf("%s, %s: %q", id, id.Tier().Describe(), p.Reason)
}

func limitsText(l declared.Limits) string {
	var all []string
	if l.Size != 0 {
		all = append(all, size(l.Size)+" compressed")
	}
	if l.Memory != 0 {
		all = append(all, size(l.Memory)+" of memory")
	}
	if l.Pids != 0 {
		all = append(all, fmt.Sprintf("%d processes", l.Pids))
	}
	return strings.Join(all, ", ")
}

func (i *inspected) packagesText(line func(name, format string, args ...any)) {
	if i.sbom == nil {
		line("contents", notSaid)
		return
	}
	for n, p := range i.Packages {
		if n == shownPackages {
			line("", "and %d more, which --format json shows", len(i.Packages)-n)
			return
		}
		name := "contains"
		if p.Linked {
			name = "linked"
		}
		text := p.Name
		if p.Version != "" {
			text += " " + p.Version
		}
		if p.License != "NOASSERTION" {
			text += ", " + p.License
		}
		line(name, "%s", text)
	}
}

// supportText says until when a base is supported.
func supportText(b evidence.Base) string {
	if b.EndOfSupport == "" {
		return fmt.Sprintf("%s %s, and it isn't said until when", b.Name, b.Version)
	}
	return fmt.Sprintf("%s %s, until %s", b.Name, b.Version, b.EndOfSupport)
}
