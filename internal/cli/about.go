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
	testsText(line, v.Tests)
	line("contents", "%s", contentsText(v.SBOM))
	if v.Declaration == nil {
		line("declares", notSaid)
		return
	}
	line("declares", "%s", privilegesText(v.Declaration))
	line("support", "%s", supportText(v.Declaration.Base))
}

// testsText shows which tests passed.
func testsText(line func(name, format string, args ...any), passed []string) {
	if len(passed) == 0 {
		line("tests", "NOT TESTED, as far as the release says")
		return
	}
	line("tests", "%d passed: %s", len(passed), strings.Join(passed, ", "))
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
