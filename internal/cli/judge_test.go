package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// writeUnsigned writes a layout with one image, and returns its digest.
func writeUnsigned(t *testing.T, dir string) string {
	t.Helper()
	w, err := oci.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	config, err := w.AddBytes(ocispec.MediaTypeImageConfig, []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`))
	if err != nil {
		t.Fatal(err)
	}
	image, err := w.AddBytes(ocispec.MediaTypeImageManifest, fmt.Appendf(nil,
		`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[]}`,
		ocispec.MediaTypeImageManifest, config.MediaType, config.Digest, config.Size))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit([]ocispec.Descriptor{image}); err != nil {
		t.Fatal(err)
	}
	return image.Digest.Encoded()
}

// askPolicy is a policy by which a person may accept everything.
func askPolicy(t *testing.T) string {
	t.Helper()
	_, public, err := sign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "policy.hcl")
	src := fmt.Sprintf("signer \"me\" {\n  organisation = \"me\"\n  key \"one\" {\n    public = <<-EOT\n%sEOT\n  }\n}\n", public) + `
scope "**" {
  signers          = ["me"]
  foreign          = "warn"
  unsigned         = "ask"
  transparency_log = "optional"
  timestamp        = "optional"
  end_of_support   = "warn"
}
`
	if err := os.WriteFile(path, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// openTerminal returns a terminal, and its other end, where a person sits.
func openTerminal(t *testing.T) (terminal, person *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close(); person.Close() })
	return terminal, person
}

// answer waits for each question and types its answer.
func answer(person *os.File, questions, answers []string) {
	var seen bytes.Buffer
	b := make([]byte, 1024)
	for i, question := range questions {
		for !strings.Contains(seen.String(), question) {
			n, err := person.Read(b)
			if err != nil {
				return
			}
			seen.Write(b[:n])
		}
		if _, err := person.WriteString(answers[i] + "\n"); err != nil {
			return
		}
	}
	for {
		if _, err := person.Read(b); err != nil {
			return
		}
	}
}

// TestAccept: an unsigned image is accepted by who types yes, and then what only
// that image has; and it is written down.
func TestAccept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "image")
	digest, policy := writeUnsigned(t, dir), askPolicy(t)
	for name, c := range map[string]struct {
		answers []string
		code    int
	}{
		"yes twice":   {[]string{"yes", digest[:12]}, exitOK},
		"another":     {[]string{"yes", strings.Repeat("0", 12)}, exitRefused},
		"yes and yes": {[]string{"yes", "yes"}, exitRefused},
		"no":          {[]string{"no", ""}, exitRefused},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			t.Setenv("XDG_STATE_HOME", state)
			terminal, person := openTerminal(t)
			go answer(person, []string{"type yes: ", "behind sha256: "}, c.answers)
			var stdout bytes.Buffer
			done := make(chan int, 1)
			go func() {
				done <- Main([]string{"verify", dir, "--policy", policy, "--reference", "app", "--accept"}, terminal, &stdout, terminal)
			}()
			select {
			case code := <-done:
				if code != c.code {
					t.Errorf("exit %d, want %d\n%s", code, c.code, stdout.String())
				}
			case <-time.After(time.Minute):
				t.Fatal("it waits for ever")
			}
			log, err := os.ReadFile(filepath.Join(state, "tailsbuild", "accepted.jsonl"))
			if accepted := strings.Contains(string(log), digest); accepted != (c.code == exitOK) {
				t.Errorf("log %q, %v", log, err)
			}
			if said := strings.Contains(stdout.String(), "was accepted"); said != (c.code == exitOK) {
				t.Errorf("stdout %q", stdout.String())
			}
		})
	}
}

// TestAcceptedByFile: what root named is accepted without a flag and a terminal, and
// written down; what is wrong with the file is said, by doctor, too.
func TestAcceptedByFile(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can have another /etc")
	}
	dir, folder := filepath.Join(t.TempDir(), "image"), t.TempDir()
	sum, policy := writeUnsigned(t, dir), askPolicy(t)
	verify := []string{"verify", dir, "--policy", policy, "--reference", "app"}
	named := "accept \"sha256:" + sum + "\" {\n  reason = \"looked at\"\n}\n"
	for name, c := range map[string]struct {
		file string
		args []string
		code int
		text string
	}{
		"named":         {named, verify, exitOK, "was accepted"},
		"with accept":   {named, append(verify, "--accept"), exitOK, "was accepted"},
		"another":       {strings.Replace(named, sum[:8], "00000000", 1), verify, exitRefused, "is unsigned"},
		"wrong":         {"accept {", verify, exitRefused, "/etc/tailsbuild/accepted.hcl"},
		"doctor":        {named, []string{"doctor"}, 0, "ok    accepted     /etc/tailsbuild/accepted.hcl"},
		"doctor, wrong": {"accept \"x\" {}", []string{"doctor"}, 0, "OPEN  accepted     /etc/tailsbuild/accepted.hcl: accepted.hcl:1,"},
	} {
		t.Run(name, func(t *testing.T) {
			file, state := filepath.Join(folder, "accepted.hcl"), t.TempDir()
			if err := os.WriteFile(file, []byte(c.file), 0o644); err != nil {
				t.Fatal(err)
			}
			// Another /etc, for this process alone.
			cmd := exec.Command("unshare", append([]string{"-m", "sh", "-ec", `mount -t tmpfs -o mode=0755 tmpfs /etc
mkdir /etc/tailsbuild && cp "$0" /etc/tailsbuild/
exec "$@"`, file, must[string](t)(os.Executable())}, c.args...)...)
			cmd.Env = append(os.Environ(), "TAILSBUILD_TEST_MAIN=1", "XDG_STATE_HOME="+state)
			out, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); c.args[0] != "doctor" && code != c.code || !strings.Contains(string(out), c.text) {
				t.Errorf("exit %d, want %d and %q: %v\n%s", code, c.code, c.text, err, out)
			}
			log, _ := os.ReadFile(filepath.Join(state, "tailsbuild", "accepted.jsonl"))
			if accepted := strings.Contains(string(log), `"reason":"looked at"`); accepted != (c.text == "was accepted") {
				t.Errorf("log: %s", log)
			}
		})
	}
}
