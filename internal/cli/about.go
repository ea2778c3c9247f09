package cli

import (
	"fmt"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/privilege"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
)

// notSaid is what is shown of a statement that a release doesn't have.
const notSaid = "not said: there is no such statement"

// about shows, by lines, what the release says of its image beside how it was built.
func (v verified) about(line func(name, format string, args ...any)) {
	if len(v.Tests) == 0 {
		line("tests", "NOT TESTED, as far as the release says")
	} else {
		line("tests", "%d passed: %s", len(v.Tests), strings.Join(v.Tests, ", "))
	}
	line("contents", "%s", contentsText(v.SBOM))
	if v.Declaration == nil {
		line("declares", notSaid)
		return
	}
	line("declares", "%s", privilegesText(v.Declaration))
	line("support", "%s", supportText(v.Declaration.Base))
}

// contentsText says in a line what is in an image.
func contentsText(s *release.SBOM) string {
	if s == nil {
		return notSaid
	}
	text := fmt.Sprintf("%s, %s of %s", plural(s.Packages, "apk package"), plural(s.Programs, "Go program"), plural(s.Modules, "module"))
	if s.Programs == 0 {
		text = plural(s.Packages, "apk package")
	}
	if s.Checked {
		text += ", as in the layers"
	}
	return text
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// privilegesText says in a line what a service asks for.
func privilegesText(d *evidence.Declaration) string {
	if len(d.Privileges) == 0 {
		return "no privileges"
	}
	var names []string
	top := privilege.Silent
	for _, p := range d.Privileges {
		id, err := privilege.Of(p.Kind, p.Name)
		if err != nil {
			id = privilege.ID(p.Kind + " " + p.Name) // and of the highest tier
		}
		names, top = append(names, string(id)), max(top, id.Tier())
	}
	return fmt.Sprintf("%s: %s", strings.Join(names, ", "), top.Describe())
}

// supportText says until when a base is supported.
func supportText(b evidence.Base) string {
	if b.EndOfSupport == "" {
		return fmt.Sprintf("%s %s, and it isn't said until when", b.Name, b.Version)
	}
	return fmt.Sprintf("%s %s, until %s", b.Name, b.Version, b.EndOfSupport)
}
