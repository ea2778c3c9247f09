//go:build kubernetes

package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"gitlab.com/tailsbuild/tailsbuild/internal/programtest"
	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// These tests build admission controllers of Kubernetes, which takes many minutes:
// make test-kubernetes.

// An admission is asked whether an image may run by a configuration that policy
// export wrote.
type admission func(t *testing.T, config, ref string) (allowed bool, output string)

// policyController asks policy-controller's own tester.
func policyController(t *testing.T) admission {
	program := must[string](t)(programtest.Source{
		Module: "github.com/sigstore/policy-controller", Version: "v0.13.1", Package: "cmd/tester",
	}.Build(context.Background()))
	return func(t *testing.T, config, ref string) (bool, string) {
		t.Helper()
		return ask(t, program, "--policy", config, "--image", ref)
	}
}

var kyvernoSource = programtest.Source{
	Module: "github.com/kyverno/kyverno", Version: "v1.18.2", Package: "cmd/cli/kubectl-kyverno",
}

// kyverno asks Kyverno's command for a pod with the image.
func kyverno(t *testing.T) admission {
	program := must[string](t)(kyvernoSource.Build(context.Background()))
	return func(t *testing.T, config, ref string) (bool, string) {
		t.Helper()
		return ask(t, program, "apply", config, "--registry", "--detailed-results", "--resource",
			resource(t, fmt.Sprintf(pod, ref)))
	}
}

const (
	pod = `apiVersion: v1
kind: Pod
metadata: {name: x, namespace: default}
spec:
  containers:
  - {name: x, image: %q}
`
	initialised = pod + `  initContainers:
  - {name: "y", image: %q}
`
	debugged = pod + `  ephemeralContainers:
  - {name: "y", image: %q}
`
	deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: x, namespace: default}
spec:
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}}
    spec:
      containers:
      - {name: x, image: %q}
`
)

// resource writes a resource to a file, and returns its path.
func resource(t *testing.T, src string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "resource.yaml")
	if err := os.WriteFile(path, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func ask(t *testing.T, program string, args ...string) (bool, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "HTTPS_PROXY=http://127.0.0.1:1", "HTTP_PROXY=http://127.0.0.1:1", "NO_PROXY=127.0.0.1")
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%s: %v\n%s", program, ctx.Err(), out)
	}
	return err == nil, string(out)
}

// A cluster is a registry with good and bad releases.
type cluster struct {
	t    *testing.T
	host string
	us   string // key files without .key and .pub
	them string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	t.Setenv("TAILSBUILD_PASSWORD", "")
	p := publish(t)
	c := &cluster{t: t}
	c.host, _, _ = strings.Cut(p.repo, "/")
	for _, prefix := range []*string{&c.us, &c.them} {
		*prefix = filepath.Join(t.TempDir(), "key")
		c.run("key", "new", "--out", *prefix)
	}
	return c
}

func (c *cluster) run(args ...string) string {
	c.t.Helper()
	code, stdout, stderr := run(args...)
	if code != exitOK {
		c.t.Fatalf("tailsbuild %q: %d\n%s", args, code, stderr)
	}
	return stdout
}

// push makes a release, signed by the key with the prefix, and pushes it to the tag
// 2.7.9-r1 of a repository, with or without the legacy signature.
func (c *cluster) push(repository, content, prefix string, legacy bool) {
	c.t.Helper()
	key := must[*sign.Key](c.t)(sign.OpenKey(must[[]byte](c.t)(os.ReadFile(prefix+".key")), nil))
	dir := filepath.Join(c.t.TempDir(), "mqtt")
	if _, err := releasetest.Release(context.Background(), dir, content, key); err != nil {
		c.t.Fatal(err)
	}
	args := []string{"push", dir, c.host + "/" + repository + ":2.7.9-r1"}
	if legacy {
		args = append(args, "--key", prefix+".key")
	}
	c.run(args...)
}

// copy copies a release and its legacy signature, as who may push can.
func (c *cluster) copy(from, to string) {
	c.t.Helper()
	ref := func(s string) name.Reference {
		return must[name.Reference](c.t)(name.ParseReference(c.host + "/" + s))
	}
	image := must[v1.Image](c.t)(remote.Image(ref(from + ":2.7.9-r1")))
	if err := remote.Write(ref(to+":2.7.9-r1"), image); err != nil {
		c.t.Fatal(err)
	}
	digest := must[v1.Hash](c.t)(image.Digest())
	tag := ":" + digest.Algorithm + "-" + digest.Hex + ".sig"
	signature, err := remote.Image(ref(from + tag))
	if err != nil {
		return // it has none
	}
	if err := remote.Write(ref(to+tag), signature); err != nil {
		c.t.Fatal(err)
	}
}

// export writes the configuration for an engine of a policy with scopes.
func (c *cluster) export(engine, scopes string, flags ...string) string {
	c.t.Helper()
	var src strings.Builder
	for name, prefix := range map[string]string{"us": c.us, "them": c.them} {
		public := strings.TrimSpace(string(must[[]byte](c.t)(os.ReadFile(prefix + ".pub"))))
		fmt.Fprintf(&src, "signer %q {\n  organisation = %q\n  key \"one\" {\n    public = <<-EOT\n    %s\n    EOT\n  }\n}\n", name, name, strings.ReplaceAll(public, "\n", "\n    "))
	}
	src.WriteString(strings.ReplaceAll(scopes, "HOST", c.host))
	dir := c.t.TempDir()
	policy := filepath.Join(dir, "policy.hcl")
	if err := os.WriteFile(policy, []byte(src.String()), 0o644); err != nil {
		c.t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	c.run(append([]string{"policy", "export", policy, "--for", engine, "--output", out}, flags...)...)
	return filepath.Join(out, "tailsbuild."+engine+".yaml")
}

func TestPolicyController(t *testing.T) { testAdmission(t, "policy-controller", policyController(t)) }

func TestKyverno(t *testing.T) { testAdmission(t, "kyverno", kyverno(t)) }

// TestKyvernoResources: every container counts, and who makes pods, too.
func TestKyvernoResources(t *testing.T) {
	c := newCluster(t)
	c.push("tails/mqtt", "good", c.us, true)
	c.push("theirs/mqtt", "theirs", c.them, true)
	c.copy("theirs/mqtt", "tails/theirs")
	config := c.export("kyverno", "scope \"HOST/tails/*\""+signers)
	program := must[string](t)(kyvernoSource.Build(context.Background()))
	good, theirs, other := c.host+"/tails/mqtt:2.7.9-r1", c.host+"/tails/theirs:2.7.9-r1", c.host+"/theirs/mqtt:2.7.9-r1"
	for src, want := range map[string]bool{
		fmt.Sprintf(initialised, good, good):   true,
		fmt.Sprintf(initialised, good, theirs): false,
		fmt.Sprintf(initialised, good, other):  false,
		fmt.Sprintf(debugged, good, theirs):    false,
		fmt.Sprintf(debugged, good, other):     false,
		fmt.Sprintf(deployment, good):          true,
		fmt.Sprintf(deployment, theirs):        false,
		fmt.Sprintf(deployment, other):         false,
		fmt.Sprintf(pod, "nginx"):              false,
		fmt.Sprintf(pod, "tails/mqtt"):         false,
		fmt.Sprintf(pod, c.host+"/tails/mqtt"): false, // there is no latest
	} {
		if ok, out := ask(t, program, "apply", config, "--registry", "--detailed-results", "--resource", resource(t, src)); ok != want {
			t.Errorf("allowed: %t\n%s%s", ok, src, out)
		}
	}
}

const signers = " {\n  signers          = [\"us\"]\n  transparency_log = \"optional\"\n  timestamp        = \"optional\"\n}\n"

func testAdmission(t *testing.T, engine string, asked admission) {
	c := newCluster(t)
	c.push("tails/mqtt", "good", c.us, true)
	c.push("theirs/mqtt", "theirs", c.them, true)
	c.push("bundles/mqtt", "bundles", c.us, false)
	for _, to := range []string{"other/mqtt", "tails/mqtt/below", "tails/mqtt-2", "open/a", "open/b/c"} {
		c.copy("tails/mqtt", to)
	}
	c.copy("theirs/mqtt", "tails/theirs")
	c.copy("bundles/mqtt", "tails/bundles")
	unsigned := filepath.Join(t.TempDir(), "mqtt")
	if _, err := releasetest.Release(context.Background(), unsigned, "unsigned", nil); err != nil {
		t.Fatal(err)
	}
	c.run("push", unsigned, c.host+"/tails/unsigned:1")
	retag(t, c.host+"/tails/mqtt:2.7.9-r1", c.host+"/tails/mqtt:9.9.9-r9")
	digest := described(t, c.host+"/tails/mqtt:2.7.9-r1").Digest.String()

	for name, p := range map[string]struct {
		scopes         string
		flags          []string
		allow, refused []string
	}{
		"one": {
			"scope \"HOST/tails/mqtt\"" + signers, nil,
			// The tag is not bound, which the export says.
			[]string{"tails/mqtt:2.7.9-r1", "tails/mqtt@" + digest, "tails/mqtt:9.9.9-r9"},
			[]string{"other/mqtt:2.7.9-r1", "tails/mqtt/below:2.7.9-r1", "tails/mqtt-2:2.7.9-r1", "tails/unsigned:1", "tails/mqtt:none"},
		},
		"element": {
			"scope \"HOST/tails/*\"" + signers, nil,
			[]string{"tails/mqtt:2.7.9-r1", "tails/mqtt-2:2.7.9-r1", "tails/mqtt@" + digest},
			[]string{"other/mqtt:2.7.9-r1", "tails/mqtt/below:2.7.9-r1", "tails/unsigned:1", "tails/theirs:2.7.9-r1", "tails/bundles:2.7.9-r1"},
		},
		"all below": {
			"scope \"HOST/open/**\"" + signers, nil,
			[]string{"open/a:2.7.9-r1", "open/b/c:2.7.9-r1"},
			[]string{"tails/mqtt:2.7.9-r1", "other/mqtt:2.7.9-r1"},
		},
		"everything": {
			"scope \"**\"" + signers, nil,
			[]string{"tails/mqtt:2.7.9-r1", "open/b/c:2.7.9-r1"},
			[]string{"tails/unsigned:1", "tails/theirs:2.7.9-r1"},
		},
		"either": {
			"scope \"HOST/tails/*\"" + strings.Replace(signers, `["us"]`, `["us", "them"]`, 1), nil,
			[]string{"tails/mqtt:2.7.9-r1", "tails/theirs:2.7.9-r1"},
			[]string{"tails/unsigned:1", "other/mqtt:2.7.9-r1"},
		},
		"two": {
			"scope \"HOST/tails/theirs\"" + strings.Replace(signers, "us", "them", 1) + "scope \"HOST/open/**\"" + signers, nil,
			[]string{"tails/theirs:2.7.9-r1", "open/a:2.7.9-r1"},
			[]string{"tails/mqtt:2.7.9-r1"},
		},
		"images": {
			"scope \"HOST/tails/*\"" + signers,
			[]string{"--image", c.host + "/tails/mqtt"},
			[]string{"tails/mqtt:2.7.9-r1"},
			[]string{"tails/mqtt-2:2.7.9-r1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := c.export(engine, p.scopes, p.flags...)
			for _, ref := range p.allow {
				if ok, out := asked(t, config, c.host+"/"+ref); !ok {
					t.Errorf("%s is refused:\n%s", ref, out)
				}
			}
			for _, ref := range p.refused {
				if ok, out := asked(t, config, c.host+"/"+ref); ok {
					t.Errorf("%s is allowed:\n%s", ref, out)
				} else {
					t.Logf("%s: %s", ref, out)
				}
			}
		})
	}
}
