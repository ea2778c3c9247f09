package enforce

import (
	"fmt"
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
)

// noteScope notes what an engine that only has keys leaves out of a scope, some of
// whose signers sign without one if keyless is set.
func (w *writer) noteScope(s *policy.Scope, keyless bool) {
	name := s.Pattern.String()
	if slices.ContainsFunc(w.notes, func(n Note) bool { return n.Scope == name }) {
		return // several images have the scope
	}
	note := func(format string, args ...any) {
		w.notes = append(w.notes, Note{name, fmt.Sprintf(format, args...)})
	}
	if s.TrustRoot != "" {
		note("the trust root %q is not asked: revoked, withdrawn and older releases that a signer once signed are allowed", s.TrustRoot)
	}
	if keyless {
		note("what its signers sign without a key is refused")
	}
	if s.Log || s.Timestamp {
		note("no transparency log and no timestamp is asked for")
	}
	if s.Rebuilds.Minimum > 0 {
		note("no rebuild is asked for, and none that came out different refuses an image")
	}
	unchecked := []string{"privileges", "the end of support"}
	if s.Size > 0 {
		unchecked = append(unchecked, "the size")
	}
	note("%s and %s are not checked", strings.Join(unchecked[:len(unchecked)-1], ", "), unchecked[len(unchecked)-1])
	switch {
	case s.Unsigned == policy.Ask:
		note("nobody can be asked: foreign and unsigned images are refused")
	case s.Foreign == policy.Warn:
		note("nobody can be warned: foreign images are refused")
	}
}

// comment writes lines of a comment: what made the file, and the notes.
func (w *writer) comment() string {
	return comment("By tailsbuild policy export --for "+string(w.engine)+". Don't edit it: edit the policy.", w.notes)
}

func comment(title string, notes []Note) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", title)
	if len(notes) > 0 {
		b.WriteString("#\n# What this doesn't do:\n")
	}
	for _, n := range notes {
		// Patterns and names have no line ends, as package policy sees to.
		fmt.Fprintf(&b, "# - %s\n", n)
	}
	return b.String()
}
