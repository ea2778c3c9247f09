// Package enforce writes the configuration by which other programs enforce what
// they can of a policy: podman, containerd, and two admission controllers of
// Kubernetes.
//
// It is pure. What a program can't express is an error, rather than a
// configuration that lets more images run than the policy does; what it can't
// check is a note.
package enforce

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
)

// An Engine is a program that enforces a policy.
type Engine string

// The engines.
const (
	Podman           Engine = "podman"
	Containerd       Engine = "containerd"
	PolicyController Engine = "policy-controller"
	Kyverno          Engine = "kyverno"
)

// Engines returns the names of all engines.
func Engines() []string {
	return []string{string(Podman), string(Containerd), string(PolicyController), string(Kyverno)}
}

// Options change what is written.
type Options struct {
	// Images are references of the only images that the configuration is to allow.
	// Without any, it is for all that the policy's patterns match. Containerd's is
	// always for all.
	Images []string
	// Prefix is the absolute folder below which the files will be. The default is
	// the root folder.
	Prefix string
}

// A File is a part of a configuration.
type File struct {
	Path    string      `json:"path"` // below Options.Prefix, with slashes
	Mode    fs.FileMode `json:"mode"`
	Content []byte      `json:"-"`
}

// A Note says what an engine doesn't do.
type Note struct {
	Scope string `json:"scope,omitempty"` // "" for all
	Text  string `json:"text"`
}

func (n Note) String() string {
	if n.Scope == "" {
		return n.Text
	}
	return fmt.Sprintf("scope %q: %s", n.Scope, n.Text)
}

// An Export is the configuration of an engine.
type Export struct {
	Files []File
	Notes []Note
}

// A ScopeError reports a scope, or an image, that an engine can't be told of as
// the policy means it.
type ScopeError struct {
	Engine Engine
	Scope  string // the pattern, or the image
	Line   int    // of the policy, or 0
	Reason string
	Fix    string
}

func (e *ScopeError) Error() string {
	at := ""
	if e.Line > 0 {
		at = fmt.Sprintf(", line %d,", e.Line)
	}
	return fmt.Sprintf("%q%s can't be exported for %s: %s", e.Scope, at, e.Engine, e.Reason)
}

// A PrefixError reports a prefix that could not be written into every file as it
// is.
type PrefixError struct{ Prefix string }

func (e *PrefixError) Error() string {
	return fmt.Sprintf("prefix %q is no clean absolute path of letters, digits, dots, dashes and underscores", e.Prefix)
}

var plainPath = lazyregexp.New(`^(/[A-Za-z0-9._-]+)+$`)

// Write returns the configuration with which engine enforces p, which was decoded
// from source.
//
// Errors are *[ScopeError], *[PrefixError], and *[policy.NameError] for an image.
func Write(p *policy.Policy, source []byte, engine Engine, o Options) (*Export, error) {
	if o.Prefix == "/" {
		o.Prefix = ""
	}
	if o.Prefix != "" && (!plainPath.MatchString(o.Prefix) || path.Clean(o.Prefix) != o.Prefix) {
		return nil, &PrefixError{o.Prefix}
	}
	if engine == Containerd {
		return writeContainerd(p, source, o), nil
	}
	w, err := newWriter(p, engine, o)
	if err != nil {
		return nil, err
	}
	switch engine {
	case Podman:
		return w.podman()
	case PolicyController:
		return w.policyController()
	case Kyverno:
		return w.kyverno()
	}
	return nil, fmt.Errorf("engine %q is unknown", engine)
}

// A rule is a scope as far as it can match images in registries.
type rule struct {
	pattern string
	scope   *policy.Scope
	keys    []policy.Key
}

// rest returns the folder of which the rule has all below, "" for everything.
func (r rule) rest() (folder string, ok bool) {
	if r.pattern == "**" {
		return "", true
	}
	return strings.CutSuffix(r.pattern, "/**")
}

func (r rule) error(e Engine, reason, fix string) error {
	return &ScopeError{e, r.pattern, r.scope.Range.Start.Line, reason, fix}
}

type writer struct {
	engine Engine
	prefix string
	rules  []rule // in the policy's order
	notes  []Note
}

func newWriter(p *policy.Policy, engine Engine, o Options) (*writer, error) {
	w := &writer{engine: engine, prefix: o.Prefix}
	rules, err := w.images(p, o.Images)
	if len(o.Images) == 0 {
		rules = w.live(p)
	}
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		if host, _, _ := strings.Cut(r.pattern, "/"); slices.Contains(dockerHub, host) {
			return nil, r.error(engine, "engines have several names for the images of this registry", "use another registry, or a mirror of it")
		}
		keyless := false
		for _, name := range r.scope.Signers {
			if s := p.Signer(name); s != nil {
				r.keys = append(r.keys, s.Keys...)
				keyless = keyless || len(s.Identities) > 0
			}
		}
		if len(r.keys) == 0 {
			return nil, r.error(engine, "it has no signers with keys, and keys are all that the engine can check; those of a trust root change, and are not in the policy", "give the scope signers with keys, too, or use containerd, which asks tailsbuild itself")
		}
		slices.SortFunc(r.keys, func(a, b policy.Key) int { return strings.Compare(a.ID, b.ID) })
		w.rules = append(w.rules, r)
		w.noteScope(r.scope, keyless)
	}
	if len(w.rules) == 0 {
		return nil, &ScopeError{Engine: engine, Scope: "policy", Reason: "no scope is for images in registries", Fix: "name registries in the policy's scopes"}
	}
	return w, nil
}

var dockerHub = []string{"docker.io", "index.docker.io", "registry-1.docker.io"}

// images returns a rule for each image.
func (w *writer) images(p *policy.Policy, references []string) ([]rule, error) {
	var rules []rule
	for _, ref := range references {
		name, err := policy.ImageName(ref)
		if err != nil {
			return nil, err
		}
		scope := p.Scope(name)
		switch {
		case !strings.Contains(name, "/"):
			return nil, &ScopeError{w.engine, name, 0, "it has no registry", "write REGISTRY/" + name}
		case scope == nil:
			return nil, &ScopeError{w.engine, name, 0, "no scope of the policy matches it", "see tailsbuild policy explain"}
		}
		if !slices.ContainsFunc(rules, func(r rule) bool { return r.pattern == name }) {
			rules = append(rules, rule{pattern: name, scope: scope})
		}
	}
	return rules, nil
}

// live returns a rule for each scope that can match an image in a registry.
func (w *writer) live(p *policy.Policy) []rule {
	var rules []rule
	for i := range p.Scopes {
		s := &p.Scopes[i]
		name := s.Pattern.String()
		above := slices.ContainsFunc(p.Scopes[:i], func(a policy.Scope) bool { return a.Pattern.Covers(s.Pattern) })
		switch {
		case above:
			w.notes = append(w.notes, Note{name, "left out: a scope above it matches all that it does"})
		case !strings.Contains(name, "/") && name != "**":
			w.notes = append(w.notes, Note{name, "left out: it is for releases in folders"})
		default:
			rules = append(rules, rule{pattern: name, scope: s})
		}
	}
	return rules
}

func (r rule) sameKeys(other rule) bool {
	return slices.EqualFunc(r.keys, other.keys, func(a, b policy.Key) bool { return a.ID == b.ID })
}

// keys returns the keys of all rules, each once, sorted by ID.
func (w *writer) keys() []policy.Key {
	var keys []policy.Key
	for _, r := range w.rules {
		keys = append(keys, r.keys...)
	}
	slices.SortFunc(keys, func(a, b policy.Key) int { return strings.Compare(a.ID, b.ID) })
	return slices.CompactFunc(keys, func(a, b policy.Key) bool { return a.ID == b.ID })
}
