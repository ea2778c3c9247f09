package recipe

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
)

// withoutPlaces compares recipes by what they say.
var withoutPlaces = cmp.Options{cmpopts.IgnoreTypes(hcl.Range{}), cmpopts.IgnoreFields(Recipe{}, "Bytes")}

func decodeFile(t *testing.T, filename string) *Recipe {
	t.Helper()
	src, err := os.ReadFile(filename)
	if err != nil {
		t.Fatal(err)
	}
	r, diags := Decode(filename, src, testEnv)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	return r
}

// The recipes of the design, as they stand there.
func TestDecode(t *testing.T) {
	for _, test := range []struct {
		file string
		want Recipe
	}{
		{"testdata/good/sftp.hcl", Recipe{
			Kind: Service, Name: "sftp", Version: "9.6_p1", Epoch: 1714521600,
			Summary:  "SFTP file drop for one user, over an onion service",
			Homepage: "https://www.openssh.com/", License: "SSH-OpenSSH",
			Arch: []string{"x86_64"}, Base: "alpine-3.19",
			Packages: []string{"openssh-server", "openssh-sftp-server"},
			Files:    []File{{Path: "/etc/ssh/sshd_config", Source: "files/sshd_config", Mode: 0o644, Owner: "root"}},
			Users:    []User{{Name: "sftp", UID: 1000, Home: "/srv/sftp", Shell: "/sbin/nologin"}},
			Runtime: &Runtime{
				User: "sftp", Entrypoint: []string{"/usr/sbin/sshd", "-D", "-e"}, WorkingDir: "/", StopSignal: "SIGTERM",
				Ports:   []Port{{Name: "ssh", Number: 2222, Protocol: "tcp", Onion: 22}},
				Volumes: []Volume{{Path: "/srv/sftp", Persistent: true}},
			},
			Privileges: []Privilege{{Kind: "capability", Name: "SYS_CHROOT", Reason: "locks each connection into /srv/sftp"}},
			Limits:     Limits{Size: 16 << 20, Memory: 64 << 20},
			Tests:      []Test{{Name: "answers", Run: []string{"/usr/libexec/test-sftp"}, Timeout: 60}},
		}},
		{"testdata/good/mqtt.hcl", Recipe{
			Kind: Service, Name: "mqtt", Version: "2.7.9", Arch: []string{"x86_64"}, Base: "alpine-3.19",
			Sources:    []Source{{Kind: SourceGoModule, Name: "mochi", Module: "github.com/mochi-mqtt/server/v2", Version: "v2.7.9"}},
			Toolchains: []Toolchain{{Name: "go", Version: "1.26.8"}},
			Build:      &Build{Run: "cd $SRC_mochi && go build -trimpath -buildvcs=false -o $OUT/usr/bin/mqtt ./cmd"},
		}},
		{"testdata/good/alpine-3.19.hcl", Recipe{
			Kind: Base, Name: "alpine-3.19", Version: "3.19.4", Arch: []string{"x86_64"}, EndOfSupport: "2025-11-01",
			Rootfs: &Rootfs{URL: "https://dl-cdn.alpinelinux.org/alpine/v3.19/releases/x86_64/alpine-minirootfs-3.19.4-x86_64.tar.gz"},
			Repositories: []Repository{
				{Name: "main", URL: "https://dl-cdn.alpinelinux.org/alpine/v3.19/main"},
				{Name: "community", URL: "https://dl-cdn.alpinelinux.org/alpine/v3.19/community"},
			},
		}},
		{"testdata/good/everything.hcl", everything},
	} {
		got := decodeFile(t, test.file)
		if diff := cmp.Diff(&test.want, got, withoutPlaces); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.file, diff)
		}
	}
}

var everything = Recipe{
	Kind: Service, Name: "everything", Version: "1.2", Release: 3, Epoch: 253402300799,
	Summary: "everything 1.2-r3 for x86_64", Homepage: "https://example.org/1.2/", License: "(MIT OR Apache-2.0) AND GPL-2.0-or-later WITH Classpath-exception-2.0",
	Documentation: "http://example.onion/doc", Client: "curl", Connect: "curl https://example.org/1.2/",
	Arch: []string{"x86_64", "aarch64"}, Base: "alpine-3.19",
	Packages: []string{"openssh=9.6_p1-r0", "!dropbear", "so:libcrypto.so.3", "tor>=0.4", "A", "B"},
	Sources: []Source{
		{Kind: SourceHTTP, Name: "release", URL: "https://example.org/v1/everything-1.2.tar.gz", Strip: 1},
		{Kind: SourceGoModule, Name: "tool", Module: "example.org/tool", Version: "v0.0.0-20240102030405-0123456789ab"},
	},
	Toolchains: []Toolchain{{Name: "go", Version: "1.27rc1"}},
	Build:      &Build{Run: "cd $SRC_release\n\tmake ${HOME} 1.2\n", Env: map[string]string{"GOFLAGS": "-p=1", "EMPTY": ""}, Packages: []string{"make"}},
	Files: []File{
		{Path: "/usr/libexec/test", Content: "#!/bin/sh\nexit 0\n", Mode: 0o4755, Owner: "app"},
		{Path: "/etc/esc", Content: "\x1b[0m", Mode: 0o600, Owner: "root"},
	},
	Users: []User{{Name: "app", UID: 65533, Home: "/", Shell: "/sbin/nologin"}, {Name: "_log", UID: 1, Home: "/var/log", Shell: "/bin/sh"}},
	Runtime: &Runtime{
		User: "app", Entrypoint: []string{"/usr/bin/everything"}, Command: []string{"--level", ""}, WorkingDir: "/var/lib",
		Env: map[string]string{"A": "a b"}, StopSignal: "SIGINT",
		Ports:   []Port{{Name: "web", Number: 80, Protocol: "tcp", Onion: 80}, {Name: "dns", Number: 80, Protocol: "udp"}},
		Volumes: []Volume{{Path: "/var/lib/everything"}},
	},
	Privileges: []Privilege{
		{Kind: "device", Name: "/dev/net/tun", Reason: "tunnels"},
		{Kind: "mount", Name: "/media:ro", Reason: "serves it"},
		{Kind: "network", Name: "outbound", Reason: "asks"},
		{Kind: "namespace", Name: "pid", Reason: "watches"},
		{Kind: "sysctl", Name: "net.ipv4.ip_forward", Reason: "forwards"},
	},
	Limits: Limits{Size: 1 << 40, Memory: 512 << 10, Pids: 4194304},
	Tests: []Test{
		{Name: "starts", Run: []string{"/usr/libexec/test"}, Timeout: 60},
		{
			Name: "answers", Packages: []string{"curl=8.9-r0", "netcat"}, Setup: "echo 1.2 >/var/lib/everything/version",
			Client: "curl \"http://127.0.0.1/${USER:-app}\"\n\ttrue\n", Timeout: 3600,
		},
	},
	Labels:      map[string]string{"org.example.team": "everything"},
	Annotations: map[string]string{"org.example/arch": "X86_64"},
}

func TestDecodeRanges(t *testing.T) {
	r := decodeFile(t, "testdata/good/sftp.hcl")
	line := func(rng hcl.Range) string {
		return strings.TrimSpace(string(rng.SliceBytes(r.Bytes)))
	}
	for want, rng := range map[string]hcl.Range{
		`service "sftp"`:                      r.Range,
		`"alpine-${var.alpine}"`:              r.BaseRange,
		`file "/etc/ssh/sshd_config"`:         r.Files[0].Range,
		`port "ssh"`:                          r.Runtime.Ports[0].Range,
		`privilege "capability" "SYS_CHROOT"`: r.Privileges[0].Range,
		`test "answers"`:                      r.Tests[0].Range,
	} {
		if got := line(rng); got != want {
			t.Errorf("got the range of %q, want that of %q", got, want)
		}
	}
}

// arch is that of the build.
func TestDecodeArch(t *testing.T) {
	src, err := os.ReadFile("testdata/good/alpine-3.19.hcl")
	if err != nil {
		t.Fatal(err)
	}
	for arch, want := range map[string]string{"": "x86_64", "aarch64": "aarch64"} {
		r, diags := Decode("recipe.hcl", src, Env{Arch: arch})
		if diags.HasErrors() || !strings.HasSuffix(r.Rootfs.URL, "3.19.4-"+want+".tar.gz") {
			t.Errorf("with %q: %s %v", arch, r.Rootfs.URL, diags)
		}
	}
}

func TestDecodeProject(t *testing.T) {
	src := []byte(`mirror "https://example.org/alpine/" {
  locations = ["../mirror", "/srv/mirror", "https://example.net/alpine"]
}
variable "alpine" {
  default     = "3.19"
  description = "branch"
}
policy {
  end_of_support = "refuse"
}
`)
	p, diags := DecodeProject("tailsbuild.hcl", src)
	want := &Project{
		Mirrors:   []Mirror{{Upstream: "https://example.org/alpine", Locations: []string{"../mirror", "/srv/mirror", "https://example.net/alpine"}}},
		Variables: []Variable{{Name: "alpine", Default: "3.19", Description: "branch"}},

		RefuseUnsupported: true,
	}
	if diff := cmp.Diff(want, p, withoutPlaces); diff != "" || len(diags) > 0 {
		t.Errorf("%v (-want +got):\n%s", diags, diff)
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"version", "release", "entrypoint", "env", "user"}
	for name, want := range map[string]string{
		"verison": "version", "VERSION": "version", "entry_point": "entrypoint", "evn": "env", "users": "user",
		"zebra": "", "": "", strings.Repeat("version", 20): "",
	} {
		if got := hclschema.Suggest(name, known); got != "" && !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("for %q it suggests %q, want %q", name, got, want)
		}
	}
}

// Each check accepts the first list and refuses the second.
func TestChecks(t *testing.T) {
	for name, test := range map[string]struct {
		check     hclschema.Check
		good, bad string
	}{
		"name":     {checkName, "a mqtt alpine-3.19 0.1", "-a a- a--b a..b A ../a a/b a_b " + strings.Repeat("a", 64)},
		"version":  {checkVersion, "1 9.6_p1 2024-01-02 v1", "-1 .1 1+2 1~2 1/2 ü " + strings.Repeat("1", 101)},
		"license":  {checkLicense, "MIT GPL-2.0+ LicenseRef-x DocumentRef-a:LicenseRef-b", "() AND MIT() (MIT)) MIT/X OR"},
		"date":     {hclschema.CheckDate, "2025-11-01 2024-02-29", "2025-13-01 2023-02-29 25-1-1 2025-11-01T00:00:00Z"},
		"size":     {hclschema.CheckSize, "1KiB 16MiB 1024GiB", "1025GiB 16 MiB -1MiB 1.5MiB 16M 16mib +1MiB 99999999999999999999KiB"},
		"path":     {checkPath, "/ /a /a/b.c", "a ./a /a/ /a//b /a/./b /a/../b"},
		"relative": {checkRelative, "a files/a", ". .. ../a /a a/../b a/ a//b a\\b"},
		"url":      {checkURL, "https://a/ http://x.onion https://a.b:8/c?d#e", "a //a https:// https:/a mailto:a@b https://u@a/ https://a:b:c/ javascript:x"},
		"input": {
			checkInputURL, "https://a https://a/ https://a/b/c+d_1.2~3.tar.gz https://a/b/",
			"https://a/b/../c https://a/./b https://a//b https://a/b%2fc https://a/%2e%2e/c https://a/b? https://a/b#c https://a/b\\c file:///a",
		},
		"location":  {checkLocation, "../mirror /srv/m https://a/b mirror", "ftp://a file:///a https://a/../b"},
		"mode":      {checkMode, "644 0644 4755 7777", "8 64 0o644 00644 0888 -rw-r--r--"},
		"sha256":    {checkSHA256, strings.Repeat("0a", 32), strings.Repeat("0A", 32) + " abc " + strings.Repeat("0a", 33)},
		"package":   {checkPackage, "a !a a=1-r0 a<2 a>=1 a~1.2 a=~1 so:libc.so.1 py3.12:x cmd:sh", "-a a= a=b a@edge a=1=2 a;b ../a"},
		"module":    {checkModulePath, "golang.org/x/mod example.org/a/v2", "a ./a example.org/A! example.org//a example.org/a/v1"},
		"modver":    {checkModuleVersion, "v1.2.3 v2.0.0+incompatible v0.0.0-20240102030405-0123456789ab v1.0.0-rc.1", "1.2.3 v1 v1.2 latest v1.2.3+meta master"},
		"go":        {checkGoVersion, "1.26.8 1.21.0 1.20 1.27rc1", "1.26 1.26.x go1.26.8 2.0.0 1.026.1 1 1.26.8-pre 1.26.08"},
		"user":      {checkUserName, "a _a a-b0", "A 0a -a a.b root:x " + strings.Repeat("a", 32)},
		"env":       {checkEnvKey, "A a_B0", "0A A-B A=B"},
		"buildenv":  {checkBuildEnvKey, "GOFLAGS HOME", "PATH OUT SRC_a SOURCE_DATE_EPOCH A=B"},
		"label":     {checkLabelKey, "a org.example.x a/b-c_d", "-a a- org.opencontainers.image.version tailsbuild.privileges ä"},
		"file":      {checkFilePath, "/a /etc/x /devices", "/ /proc /proc/x /sys/y /dev/null a"},
		"device":    {checkDevice, "/dev/net/tun /dev/snd", "/dev /dev/ /dev/../a dev/x all /dev/*/../x"},
		"mount":     {checkMount, "/media:ro /a/b:rw", "/media /media:r a:ro /a/../b:ro /a:ro:rw :ro"},
		"cap":       {checkCapability, "KILL SYS_ADMIN", "CAP_KILL kill ALL NOTHING"},
		"kind":      {checkPrivilegeKind, "capability nnp", "privileged hooks Capability ALL argv"},
		"protocol":  {checkProtocol, "tcp udp", "TCP sctp"},
		"signal":    {checkSignal, "SIGTERM", "TERM 15 SIGSTOP"},
		"ident":     {checkIdentifier, "a a_b0", "A 0a a-b _a"},
		"dash":      {checkDashName, "a a-b 0", "A a_b a--b -a"},
		"toolchain": {checkToolchain, "go", "Go rust"},
	} {
		for _, s := range strings.Fields(test.good) {
			if p := test.check(s); p != nil {
				t.Errorf("%s: %q is refused: %s: %s", name, s, p.Summary, p.Detail)
			}
		}
		for _, s := range append(strings.Fields(test.bad), "", "\x00", "a\nb", "a\u202eb") {
			if hclschema.CheckLine(s) == nil && test.check(s) == nil {
				t.Errorf("%s: %q is accepted", name, s)
			}
		}
	}
}
