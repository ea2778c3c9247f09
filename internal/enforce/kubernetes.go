package enforce

import (
	"fmt"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
)

// notBound is true of what checks cosign's signatures and not the names in them.
var notBound = Note{Text: "signatures are not bound to a name: an image that a signer signed is allowed by every name and tag that the scope matches"}

// checkOverlap asks that images which more than one rule may match have the same
// signers, since admission controllers ask for what all say, not the first.
func (w *writer) checkOverlap() error {
	for i, r := range w.rules {
		for _, above := range w.rules[:i] {
			a, b := literal(above.pattern), literal(r.pattern)
			if (strings.HasPrefix(a, b) || strings.HasPrefix(b, a)) && !r.sameKeys(above) {
				return r.error(w.engine, fmt.Sprintf("images may match %q, too, which has other signers, and the engine would ask for both", above.pattern), "give both the same signers, or name the images with --image")
			}
		}
	}
	return nil
}

// literal returns what every image that the pattern matches begins with.
func literal(pattern string) string {
	before, _, star := strings.Cut(pattern, "*")
	if !star {
		before += ":" // or @, but never more of the name
	}
	return before
}

// policyControllerConfig is about what no ClusterImagePolicy matches.
const policyControllerConfig = `# By tailsbuild policy export --for policy-controller: it refuses what no scope matches.
apiVersion: v1
kind: ConfigMap
metadata:
  name: config-policy-controller
  namespace: cosign-system
data:
  no-match-policy: deny
  fail-on-empty-authorities: "true"
`

// policyController writes ClusterImagePolicies of policy.sigstore.dev/v1beta1. With
// static keys it verifies the legacy format alone (policy-controller v0.13.1,
// checkOptsFromAuthority).
func (w *writer) policyController() (*Export, error) {
	if err := w.checkOverlap(); err != nil {
		return nil, err
	}
	var b strings.Builder
	for i, r := range w.rules {
		globs, err := w.globs(r)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteString("---\n")
		}
		fmt.Fprintf(&b, "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata:\n  name: tailsbuild-%d\nspec:\n  mode: enforce\n  images:\n", i+1)
		for _, g := range globs {
			fmt.Fprintf(&b, "  - glob: %q\n", g)
		}
		b.WriteString("  authorities:\n")
		for j, k := range r.keys {
			fmt.Fprintf(&b, "  - name: key-%d\n    signatureFormat: legacy\n    key:\n      hashAlgorithm: sha256\n      data: |\n%s", j+1, indent(k, 8))
		}
	}
	w.notes = append(w.notes, notBound,
		Note{Text: "only namespaces with the label policy.sigstore.dev/include=true are checked; all others allow everything"},
		Note{Text: "of releases, the signatures in tags sha256-….sig alone are seen"})
	// policy-controller's tester takes files of nothing but policies.
	return &Export{[]File{
		{"tailsbuild.policy-controller.yaml", 0o644, []byte(w.comment() + b.String())},
		{"tailsbuild.policy-controller-config.yaml", 0o644, []byte(policyControllerConfig)},
	}, w.notes}, nil
}

// globs returns what matches exactly the references of the rule's images: in globs
// of policy-controller, * is any text without a slash, and ** any text.
func (w *writer) globs(r rule) ([]string, error) {
	if _, ok := r.rest(); ok {
		return []string{r.pattern}, nil
	}
	last := r.pattern[strings.LastIndex(r.pattern, "/")+1:]
	switch _, after, star := strings.Cut(last, "*"); {
	case !star:
		return []string{r.pattern + ":*", r.pattern + "@*"}, nil
	case after != "":
		return nil, r.error(w.engine, "a * before other text in the last element would match tags as well", "name the images with --image")
	case r.pattern == "*/*":
		return nil, r.error(w.engine, "policy-controller takes it for a pattern of Docker Hub's", "name registries, or the images with --image")
	}
	return []string{r.pattern}, nil
}

// kyverno writes a ClusterPolicy of kyverno.io/v1. Its patterns have no element: *
// is any text, with slashes. So a first rule refuses, by regular expressions,
// what no scope matches, and the others only have to match no less.
func (w *writer) kyverno() (*Export, error) {
	if err := w.checkOverlap(); err != nil {
		return nil, err
	}
	var names []string
	for _, r := range w.rules {
		names = append(names, expression(r.pattern))
	}
	var b strings.Builder
	fmt.Fprintf(&b, kyvernoHead, "^("+strings.Join(names, "|")+")(:[A-Za-z0-9_.-]+)?(@sha256:[0-9a-f]+)?$")
	for i, r := range w.rules {
		fmt.Fprintf(&b, "  - name: signed-%d\n%s    verifyImages:\n    - type: Cosign\n      failureAction: Enforce\n      required: true\n      mutateDigest: true\n      verifyDigest: true\n      useCache: false\n      imageReferences:\n", i+1, kyvernoMatch)
		for _, g := range references(r.pattern) {
			fmt.Fprintf(&b, "      - %q\n", g)
		}
		b.WriteString("      attestors:\n      - count: 1\n        entries:\n")
		for _, k := range r.keys {
			fmt.Fprintf(&b, "        - keys:\n            signatureAlgorithm: sha256\n            rekor:\n              ignoreTlog: true\n            ctlog:\n              ignoreSCT: true\n            publicKeys: |-\n%s", indent(k, 14))
		}
	}
	w.notes = append(w.notes, notBound,
		Note{Text: "namespaces that Kyverno itself leaves out (resourceFilters, webhook selectors) allow everything"},
		Note{Text: "of releases, the signatures in tags sha256-….sig alone are seen: Kyverno's bundles take no static keys"})
	return &Export{[]File{{"tailsbuild.kyverno.yaml", 0o644, []byte(w.comment() + b.String())}}, w.notes}, nil
}

const kyvernoMatch = "    match:\n      any:\n      - resources:\n          kinds:\n          - Pod\n"

// kyvernoHead says enforce twice: versions before 1.13 know the first only.
const kyvernoHead = `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata:
  name: tailsbuild
spec:
  validationFailureAction: Enforce
  background: false
  webhookConfiguration:
    failurePolicy: Fail
    timeoutSeconds: 30
  rules:
  - name: images-of-the-policy
` + kyvernoMatch + `    validate:
      failureAction: Enforce
      message: "an image that no scope of the policy matches"
      foreach:
      - list: "request.object.spec.[initContainers, containers, ephemeralContainers][]"
        deny:
          conditions:
            all:
            - key: "{{ regex_match('%s', element.image) }}"
              operator: Equals
              value: false
`

// expression returns a regular expression (RE2) for the names that pattern matches.
// It has no backslash and no brace, which Kyverno would take for its own.
func expression(pattern string) string {
	name := "[a-z0-9._:-]"
	pattern = strings.ReplaceAll(pattern, ".", "[.]")
	before, rest := strings.CutSuffix(pattern, "**")
	before = strings.ReplaceAll(before, "*", name+"*")
	// A colon is the tag's in the last element.
	if i := strings.LastIndex(before, "/"); i >= 0 {
		before = before[:i] + strings.ReplaceAll(before[i:], name, "[a-z0-9._-]")
	}
	if rest {
		before += "([a-z0-9._:-]+/)*[a-z0-9._-]+"
	}
	return before
}

// references returns patterns of Kyverno that match no less than pattern.
func references(pattern string) []string {
	if before, ok := strings.CutSuffix(pattern, "**"); ok {
		return []string{before + "*"}
	}
	return []string{pattern + ":*", pattern + "@*"}
}

// indent returns the lines of a public key for a block of YAML.
func indent(k policy.Key, spaces int) string {
	margin := strings.Repeat(" ", spaces)
	return lineStart.ReplaceAllString(strings.TrimRight(string(k.Public.PEM()), "\n"), margin) + "\n"
}

var lineStart = lazyregexp.New(`(?m)^`)
