package enforce

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
)

const (
	containerdConfig   = "etc/containerd/conf.d/tailsbuild.toml"
	containerdVerifier = "usr/lib/tailsbuild/containerd/tailsbuild"
	policyFile         = "etc/tailsbuild/policy.hcl"
	program            = "usr/bin/tailsbuild"
	stateFolder        = "var/lib/tailsbuild/trust"
)

// writeContainerd has containerd ask tailsbuild, so that all of the policy holds,
// whatever its patterns (containerd, docs/image-verification.md).
func writeContainerd(p *policy.Policy, source []byte, o Options) *Export {
	at := func(file string) string { return o.Prefix + "/" + file }
	notes := []Note{
		{Text: "when " + path.Dir(at(containerdVerifier)) + " is missing or empty, containerd allows everything: tailsbuild doctor looks at it"},
		{Text: "containerd reads this only where its config.toml imports " + path.Dir(at(containerdConfig)) + "/*.toml"},
		{Text: "what isn't pulled by containerd's transfer service is not asked about: ctr images pull --local, ctr images import, nerdctl, docker, and Kubernetes before containerd 2.1 or with use_local_image_pull = true"},
		{Text: "nobody can be asked or warned: foreign and unsigned images are refused, but for digests that the administrator accepted"},
		{Text: "images that are there already are not asked about again"},
	}
	for _, t := range p.TrustRoots {
		for _, file := range append([]string{t.Root}, t.Sources...) {
			if !path.IsAbs(file) && !strings.Contains(file, "://") {
				notes = append(notes, Note{Text: fmt.Sprintf("put %q of the trust root %q beside %s; without it, its images are refused", file, t.Name, at(policyFile))})
			}
		}
	}
	for _, s := range p.Sigstores {
		if !path.IsAbs(s.TrustedRoot) {
			notes = append(notes, Note{Text: fmt.Sprintf("put %q of the sigstore %q beside %s; without it, all images are refused", s.TrustedRoot, s.Name, at(policyFile))})
		}
	}
	title := "By tailsbuild policy export --for containerd, from containerd 2.0 on."
	config := comment(title, notes) + fmt.Sprintf(`version = 3

[plugins."io.containerd.image-verifier.v1.bindir"]
  bin_dir = %q
  max_verifiers = -1
  per_verifier_timeout = "10s"
`, path.Dir(at(containerdVerifier)))
	// The paths need no quotes: see plainPath.
	script := fmt.Sprintf("#!/bin/sh\n# %s\nexec %s containerd-verify --policy %s --cache %s \"$@\"\n", title, at(program), at(policyFile), at(stateFolder))
	return &Export{[]File{
		{containerdConfig, 0o644, []byte(config)},
		{containerdVerifier, 0o755, []byte(script)},
		{policyFile, 0o644, source},
	}, notes}
}

func sortedNames(set map[string]bool) []string {
	names := slices.Sorted(maps.Keys(set))
	return slices.DeleteFunc(names, func(s string) bool { return s == "" })
}
