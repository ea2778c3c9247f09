package enforce

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
)

const (
	podmanKeys       = "etc/containers/tailsbuild"
	podmanPolicy     = "etc/containers/policy.json"
	podmanRegistries = "etc/containers/registries.d/tailsbuild.yaml"
)

// A requirement is one of containers-policy.json(5).
type requirement struct {
	Type     string          `json:"type"`
	KeyPath  string          `json:"keyPath,omitempty"`
	KeyPaths []string        `json:"keyPaths,omitempty"`
	Identity *signedIdentity `json:"signedIdentity,omitempty"`
}

type signedIdentity struct {
	Type             string `json:"type"`
	DockerRepository string `json:"dockerRepository,omitempty"`
}

// A podmanScope is what holds for a repository, all below it, or both.
type podmanScope struct{ at, below *rule }

// podman writes containers-policy.json(5) and containers-registries.d(5). A scope
// of podman is for the repository of that name and all below it, and the longest
// one decides.
func (w *writer) podman() (*Export, error) {
	scopes := make(map[string][]requirement)
	namespaces := make(map[string]bool)
	for i := range w.rules {
		name, err := w.podmanName(w.rules[i])
		if err != nil {
			return nil, err
		}
		if _, done := scopes[name]; done {
			continue
		}
		if scopes[name], err = w.requirements(name, w.rules[i]); err != nil {
			return nil, err
		}
		namespaces[name] = true
	}
	w.notes = append(w.notes,
		Note{Text: "images in folders and archives (oci:, docker-archive:, podman load) are refused"},
		Note{Text: "a user's own ~/.config/containers/policy.json comes before this one"},
		Note{Text: "of releases, podman sees the signatures in tags sha256-….sig alone, which have to name the tag that is pulled"})
	policyJSON, err := encodeJSON(map[string]any{
		"default":    []requirement{{Type: "reject"}},
		"transports": map[string]any{"docker": scopes},
	})
	if err != nil {
		return nil, err
	}
	files := []File{
		{podmanPolicy, 0o644, policyJSON},
		{podmanRegistries, 0o644, []byte(w.comment() + registries(namespaces))},
	}
	for _, k := range w.keys() {
		files = append(files, File{podmanKeys + "/" + keyFile(k), 0o644, k.Public.PEM()})
	}
	return &Export{files, w.notes}, nil
}

// podmanName returns the name of podman's scope for a rule.
func (w *writer) podmanName(r rule) (string, error) {
	name := r.pattern
	if folder, ok := r.rest(); ok {
		name = folder
	}
	if strings.Contains(name, "*") {
		return "", r.error(Podman, "podman has scopes for a repository or for all below a name, and no other pattern", "write the pattern as a name or with /** at its end, or name the images with --image")
	}
	return name, nil
}

// requirements returns what podman asks for in the scope called name.
func (w *writer) requirements(name string, r rule) ([]requirement, error) {
	s := w.podmanScope(name)
	signed := func(r *rule) requirement {
		q := requirement{Type: "sigstoreSigned", Identity: &signedIdentity{Type: "matchRepoDigestOrExact"}}
		for _, k := range r.keys {
			q.KeyPaths = append(q.KeyPaths, w.prefix+"/"+podmanKeys+"/"+keyFile(k))
		}
		if len(q.KeyPaths) == 1 { // which versions before 5.4 have, too
			q.KeyPath, q.KeyPaths = q.KeyPaths[0], nil
		}
		return q
	}
	if s.below == nil {
		// What is below the repository can't be refused, but it can be held to images
		// that were signed under the repository's own name.
		own := signed(s.at)
		own.Identity = &signedIdentity{"exactRepository", name}
		return []requirement{signed(s.at), own}, nil
	}
	switch repository := strings.Contains(name, "/"); {
	case repository && s.at == nil:
		return nil, r.error(Podman, fmt.Sprintf("podman's scope is for the repository %q, too, which has no scope in the policy", name), fmt.Sprintf("add a scope %q with the same signers, or name the images with --image", name))
	case repository && !s.at.sameKeys(*s.below):
		return nil, r.error(Podman, fmt.Sprintf("podman has one scope for the repository %q and all below it, which have different signers in the policy", name), "give both the same signers, or name the images with --image")
	}
	return []requirement{signed(s.below)}, nil
}

// podmanScope returns the first rules that match the repository called name, and
// all that is below it and in no other rule of podman's.
func (w *writer) podmanScope(name string) podmanScope {
	var s podmanScope
	for i := range w.rules {
		r := &w.rules[i]
		folder, rest := r.rest()
		inside := rest && (folder == "" || strings.HasPrefix(name, folder+"/"))
		if s.at == nil && (inside || r.pattern == name) {
			s.at = r
		}
		if s.below == nil && (inside || rest && folder == name) {
			s.below = r
		}
	}
	return s
}

// registries writes where podman looks for signatures. The namespaces have no
// character that YAML would take for more than text.
func registries(namespaces map[string]bool) string {
	const attachments = "use-sigstore-attachments: true\n"
	var b strings.Builder
	if namespaces[""] {
		b.WriteString("default-docker:\n  " + attachments)
	}
	for i, name := range sortedNames(namespaces) {
		if i == 0 {
			b.WriteString("docker:\n")
		}
		fmt.Fprintf(&b, "  %q:\n    %s", name, attachments)
	}
	return b.String()
}

// keyFile names a key's file by the digest of the file.
func keyFile(k policy.Key) string {
	sum := sha256.Sum256(k.Public.PEM())
	return hex.EncodeToString(sum[:]) + ".pub"
}

// encodeJSON indents v.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
