package failopen

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
)

// files are the contents of a machine's files by path. A path that ends in a
// slash is a folder, and one that ends in a mode after a space has that mode.
type files map[string]string

// machineOf returns a machine that has the files in a folder.
func machineOf(t *testing.T, f files) *Machine {
	t.Helper()
	root := t.TempDir()
	modes := map[string]os.FileMode{}
	for name, content := range f {
		path, octal, ok := strings.Cut(name, " ")
		at := filepath.Join(root, path)
		err := os.MkdirAll(filepath.Dir(at), 0o755)
		if strings.HasSuffix(path, "/") {
			err = errors.Join(err, os.MkdirAll(at, 0o755))
		} else if target, link := strings.CutPrefix(content, "-> "); link {
			err = errors.Join(err, os.Symlink(target, at))
		} else {
			err = errors.Join(err, os.WriteFile(at, []byte(content), 0o644))
		}
		if ok {
			var mode uint32
			if _, scanErr := fmt.Sscanf(octal, "%o", &mode); scanErr != nil {
				t.Fatal(scanErr)
			}
			modes[at] = fs.FileMode(mode & 0o777)
			if mode&0o1000 != 0 {
				modes[at] |= fs.ModeSticky
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, mode := range modes {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	return &Machine{Root: root, Config: "/home/u/.config", State: "/home/u/.local/state/tailsbuild", User: uint32(os.Geteuid())}
}

const policySource = `scope "registry.example/tails/*" {
  trust_root = "root"
}
scope "mqtt" {
  trust_root = "root"
}
trust_root "root" {
  organisation = "us"
  root         = "root.json"
}
`

func (m *Machine) withPolicy(t *testing.T) *Machine {
	t.Helper()
	p, diags := policy.Decode("policy.hcl", []byte(policySource))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	m.Policy = p
	return m
}

// check asks that of the findings exactly those are open that want names, by a
// part of what they say.
func check(t *testing.T, got []Finding, want ...string) {
	t.Helper()
	var open []Finding
	for _, f := range got {
		if f.Open {
			open = append(open, f)
		}
		if f.Place == "" || f.Says == "" || f.Open && (f.Means == "" || f.Fix == "") {
			t.Errorf("not all is said: %+v", f)
		}
	}
	if len(open) != len(want) {
		t.Fatalf("open is %+v, want %q", open, want)
	}
	for i, f := range open {
		if !strings.Contains(f.Says, want[i]) {
			t.Errorf("%q, want %q", f.Says, want[i])
		}
	}
}

func TestNothingThere(t *testing.T) {
	if got := Examine(*machineOf(t, files{"/etc/": ""})); got != nil {
		t.Errorf("got %+v", got)
	}
}

const bindir = `version = 3
[plugins."io.containerd.image-verifier.v1.bindir"]
  bin_dir = "/usr/lib/v"
`

func TestContainerd(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("verifiers have to be root's")
	}
	const config, verifier = "/etc/containerd/config.toml", "/usr/lib/v/tailsbuild 0755"
	const images = "[plugins.\"io.containerd.cri.v1.images\"]\n"
	const older = "[plugins.\"io.containerd.grpc.v1.cri\"]\n"
	for name, c := range map[string]struct {
		files files
		want  string // "" for none
	}{
		"good":               {files{config: bindir, verifier: "x"}, ""},
		"no config":          {files{"/usr/bin/containerd": ""}, "/opt/containerd/image-verifier/bin, is missing"},
		"default, good":      {files{config: "version = 3\n", "/opt/containerd/image-verifier/bin/v 0755": "x"}, ""},
		"missing":            {files{config: bindir}, "/usr/lib/v, is missing"},
		"empty":              {files{config: bindir, "/usr/lib/v/": ""}, "is empty"},
		"relative":           {files{config: strings.Replace(bindir, `"/usr`, `"usr`, 1), verifier: "x"}, `bin_dir "usr/lib/v" is relative`},
		"no bin_dir":         {files{config: strings.Replace(bindir, `"/usr/lib/v"`, `""`, 1), verifier: "x"}, "is relative"},
		"a file":             {files{config: bindir, "/usr/lib/v": "x"}, "not a directory"},
		"writable verifier":  {files{config: bindir, "/usr/lib/v/tailsbuild 0775": "x"}, "others may write to it (-rwxrwxr-x)"},
		"writable folder":    {files{config: bindir, verifier: "x", "/usr/lib/v/ 0777": ""}, "/usr/lib/v: others may write to it"},
		"writable above":     {files{config: bindir, verifier: "x", "/usr/ 0777": ""}, "/usr: others may write to it"},
		"sticky above":       {files{config: bindir, verifier: "x", "/usr/ 1777": ""}, ""},
		"link to elsewhere":  {files{config: bindir, "/usr/lib/v/x": "-> ../../../../x"}, "no such file"},
		"link to writable":   {files{config: bindir, "/usr/lib/v/x": "-> ../../../y", "/y 0757": "x"}, "/y: others may write to it"},
		"too many":           {files{config: bindir + "  max_verifiers = 1\n", verifier: "x", "/usr/lib/v/a 0755": "x"}, "max_verifiers is 1"},
		"no limit":           {files{config: bindir + "  max_verifiers = -1\n", verifier: "x"}, ""},
		"disabled":           {files{config: "disabled_plugins = [\"io.containerd.image-verifier.v1.bindir\"]\n" + bindir, verifier: "x"}, "is disabled"},
		"broken":             {files{config: "version = \n", verifier: "x"}, config},
		"other types":        {files{config: strings.Replace(bindir, `"/usr/lib/v"`, "7", 1), verifier: "x"}, "bin_dir is no text"},
		"import":             {files{config: "imports = [\"conf.d/*.toml\"]\n", "/etc/containerd/conf.d/t.toml": bindir, verifier: "x"}, ""},
		"import, absolute":   {files{config: "imports = [\"/etc/t.toml\"]\n" + bindir, "/etc/t.toml": strings.Replace(bindir, "/v", "/w", 1), verifier: "x"}, "/usr/lib/w, is missing"},
		"import of nothing":  {files{config: "imports = [\"/etc/t.toml\"]\n" + bindir, verifier: "x"}, "/etc/t.toml: no such file"},
		"import of itself":   {files{config: "imports = [\"config.toml\"]\n" + bindir, verifier: "x"}, ""},
		"local pulls":        {files{config: bindir + images + "use_local_image_pull = true\n", verifier: "x"}, "because of use_local_image_pull"},
		"old mirrors":        {files{config: bindir + images + "max_concurrent_downloads = 9\n[plugins.\"io.containerd.cri.v1.images\".registry.mirrors.x]\nendpoint = []\n", verifier: "x"}, "because of max_concurrent_downloads, registry.mirrors"},
		"older mirrors":      {files{config: "version = 2\n" + older + "  [plugins.\"io.containerd.grpc.v1.cri\".registry.mirrors.x]\n", "/opt/containerd/image-verifier/bin/v 0755": "x"}, "because of registry.mirrors"},
		"older snapshots":    {files{config: "version = 2\n" + older + "  [plugins.\"io.containerd.grpc.v1.cri\".containerd]\n    discard_unpacked_layers = true\n", "/opt/containerd/image-verifier/bin/v 0755": "x"}, "because of discard_unpacked_layers"},
		"older, good":        {files{config: "version = 2\n" + older + "  [plugins.\"io.containerd.grpc.v1.cri\".registry]\n    config_path = \"/etc/containerd/certs.d\"\n", "/opt/containerd/image-verifier/bin/v 0755": "x"}, ""},
		"none is asked":      {files{config: bindir + "  max_verifiers = 0\n", verifier: "x"}, "max_verifiers is 0"},
		"no local pulls":     {files{config: bindir + images + "use_local_image_pull = false\nmax_concurrent_downloads = 3\n", verifier: "x"}, ""},
		"endless":            {files{config: strings.Repeat("#", maxFile+1)}, "more than 1048576 bytes"},
		"config is a folder": {files{config + "/": ""}, "no regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			got := containerd(machineOf(t, c.files))
			if c.want == "" {
				check(t, got)
			} else {
				check(t, got, c.want)
			}
			if len(got) == 0 {
				t.Error("containerd isn't mentioned")
			}
		})
	}
}

// TestOlderContainerd: what containerd was built from says whether it has verifiers.
func TestOlderContainerd(t *testing.T) {
	for module, want := range map[string]string{
		"github.com/containerd/containerd":    "/usr/bin/containerd is a containerd before 2.0",
		"github.com/containerd/containerd/v2": "image-verifier/bin, is missing",
	} {
		m := machineOf(t, files{"/usr/bin/": "", "/src/go.mod": "module " + module + "\n", "/src/cmd/containerd/main.go": "package main\n\nfunc main() {}\n"})
		build := exec.Command("go", "build", "-o", m.path("/usr/bin/containerd"), "./cmd/containerd")
		build.Dir = m.path("/src")
		build.Env = append(os.Environ(), "GOFLAGS=-mod=mod -buildvcs=false", "GOWORK=off", "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		check(t, containerd(m), want)
	}
}

const (
	rejects   = `{"default":[{"type":"reject"}]}`
	accepts   = `{"default":[{"type":"insecureAcceptAnything"}]}`
	attached  = "docker:\n  registry.example/tails:\n    use-sigstore-attachments: true\n"
	registryD = "/etc/containers/registries.d/t.yaml"
)

func TestPodman(t *testing.T) {
	const config = "/etc/containers/policy.json"
	for name, c := range map[string]struct {
		files files
		want  string
	}{
		"good":              {files{config: rejects, registryD: attached}, ""},
		"missing":           {files{"/usr/bin/podman": "", registryD: attached}, config + " is missing"},
		"shared":            {files{"/usr/share/containers/policy.json": accepts, registryD: attached}, "/usr/share/containers/policy.json has the default insecureAcceptAnything"},
		"accepts":           {files{config: accepts, registryD: attached}, "has the default insecureAcceptAnything"},
		"no default":        {files{config: `{}`, registryD: attached}, "has the default"},
		"docker accepts":    {files{config: `{"default":[{"type":"reject"}],"transports":{"docker":{"":[{"type":"insecureAcceptAnything"}]}}}`, registryD: attached}, "has the default"},
		"docker rejects":    {files{config: `{"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"":[{"type":"reject"}]}}}`, registryD: attached}, ""},
		"a scope accepts":   {files{config: `{"default":[{"type":"reject"}],"transports":{"docker":{"b":[{"type":"insecureAcceptAnything"}],"a":[{"type":"insecureAcceptAnything"}]}}}`, registryD: attached}, `has insecureAcceptAnything for "a", "b"`},
		"one of two":        {files{config: `{"default":[{"type":"insecureAcceptAnything"},{"type":"reject"}]}`, registryD: attached}, ""},
		"user's own":        {files{config: rejects, "/home/u/.config/containers/policy.json": accepts, registryD: attached}, "/home/u/.config/containers/policy.json has the default"},
		"writable":          {files{config + " 0666": rejects, registryD: attached}, "others may write to it"},
		"broken":            {files{config: `{`, registryD: attached}, config + " is wrong"},
		"no registries.d":   {files{config: rejects}, `for "registry.example/tails/*"`},
		"other registry":    {files{config: rejects, registryD: strings.Replace(attached, "registry", "other", 1)}, `for "registry.example/tails/*"`},
		"switched off":      {files{config: rejects, registryD: attached, "/etc/containers/registries.d/u.yaml": "docker:\n  registry.example/tails:\n    use-sigstore-attachments: false\n"}, `for "registry.example/tails/*"`},
		"whole registry":    {files{config: rejects, registryD: "docker:\n  registry.example:\n    use-sigstore-attachments: true\n"}, ""},
		"default-docker":    {files{config: rejects, registryD: "default-docker:\n  use-sigstore-attachments: true\n"}, ""},
		"lookaside alone":   {files{config: rejects, registryD: "default-docker:\n  lookaside: file:///x\n"}, "use-sigstore-attachments"},
		"broken registries": {files{config: rejects, registryD: "docker: ["}, registryD},
	} {
		t.Run(name, func(t *testing.T) {
			got := podman(machineOf(t, c.files).withPolicy(t))
			if c.want == "" {
				check(t, got)
			} else {
				check(t, got, c.want)
			}
		})
	}
}

func TestOwn(t *testing.T) {
	const file, root, service = "/etc/tailsbuild/policy.hcl", "/etc/tailsbuild/root.json", "/var/lib/tailsbuild"
	m := machineOf(t, files{file: policySource, root: "", acceptedFile: "", "/home/u/.local/state/tailsbuild/": "", service + "/": ""}).withPolicy(t)
	m.PolicyFile = file
	asRoot := os.Geteuid() == 0
	if asRoot { // otherwise nothing here is root's
		check(t, own(m))
	}
	m.Policy = nil
	check(t, own(m)[:1], "can't be read, or is wrong")
	m = machineOf(t, files{file + " 0664": policySource, acceptedFile + " 0646": "", m.State + "/ 0770": "", service + "/ 0707": ""}).withPolicy(t)
	m.PolicyFile = file
	check(t, m.policy(), file+": others may write to it")
	check(t, m.named(), "/etc/tailsbuild/root.json: no such file")
	check(t, m.cache(m.State, m.User), "(drwxrwx---)")
	if !asRoot {
		t.Log("without root, files can't be given to others: that part is left out")
		return
	}
	check(t, m.cache(service), "(drwx---rwx)")
	check(t, m.accepted(), "(-rw-r--rw-)")
	broken := machineOf(t, files{acceptedFile: "accept {"})
	check(t, broken.accepted())
	broken.AcceptedProblem = acceptedFile + ": not a digest"
	check(t, broken.accepted(), acceptedFile+": not a digest")
	if err := os.Chown(m.path("/etc/tailsbuild"), 12345, 0); err != nil {
		t.Fatal(err)
	}
	const theirs = "/etc/tailsbuild: it belongs to user 12345"
	check(t, own(m), theirs, theirs, theirs, "(drwxrwx---)", "(drwx---rwx)")
	m.User = 12345
	check(t, m.policy(), file+": others may write to it")
	check(t, m.accepted(), theirs)
}

func TestDocker(t *testing.T) {
	const daemon = "docker's daemon is here, and verifies no signature"
	check(t, docker(machineOf(t, files{"/usr/bin/docker": "", "/etc/docker/": ""})))
	for _, file := range []string{"/usr/sbin/dockerd", "/run/docker.sock"} {
		check(t, docker(machineOf(t, files{file: ""})), daemon)
	}
	m := machineOf(t, files{"/etc/environment": "PATH=/bin\n"})
	m.Env = []string{"DOCKER_CONTENT_TRUST=", "DOCKER_HOST=x"}
	check(t, docker(m))
	m.Env = []string{"DOCKER_CONTENT_TRUST=1", "DOCKER_CONTENT_TRUST_SERVER=https://x"}
	check(t, docker(m), "in DOCKER_CONTENT_TRUST, DOCKER_CONTENT_TRUST_SERVER")
	m = machineOf(t, files{"/etc/environment": "DOCKER_CONTENT_TRUST=1\n"})
	check(t, docker(m), "in /etc/environment")
}
