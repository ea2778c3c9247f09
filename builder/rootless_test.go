package builder

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// rootlessChild is set in the process that builds as another user.
const rootlessChild = "TAILSBUILD_TEST_ROOTLESS"

// TestRootless has the user nobody run the other tests, with numbers that only
// this test's mount namespace gives it.
func TestRootless(t *testing.T) {
	if os.Getenv(rootlessChild) != "" {
		t.Skip("this is that user")
	}
	need(t, !rootless(), "root, to build as another user")
	for _, program := range []string{"newuidmap", "newgidmap"} {
		_, err := exec.LookPath(program)
		need(t, err == nil, program)
	}
	dir, err := os.MkdirTemp("", "rootless")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"subuid", "subgid"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("nobody:100000:65536\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(tmp, 0o777); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "builder.test")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, self, 0o755); err != nil {
		t.Fatal(err)
	}
	// setpriv and mount are util-linux's, which Debian can't be without.
	numbers := `mount --bind "$0/subuid" /etc/subuid; mount --bind "$0/subgid" /etc/subgid`
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", numbers+`
exec setpriv --reuid=nobody --regid=nogroup --clear-groups "$0/builder.test" -test.count=1 \
	-test.run='^(TestServiceLayer|TestTreesAreLoaded|TestVariation|TestRandomDiffers|TestKill|TestCancel|TestTrial(Passes|Privileges|Unavailable|Cancel|Kill))$'`, dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	chroot := inChroot(t)
	if chroot {
		// The kernel gives nobody a user namespace here, so there have to be no
		// numbers either to see that the error says so.
		cmd.Args[2] = strings.TrimPrefix(cmd.Args[2], numbers)
		cmd.SysProcAttr.Unshareflags = 0
	}
	cmd.Env = append(os.Environ(), rootlessChild+"=1", "TAILSBUILD_REQUIRE_ALL=1", "TMPDIR="+tmp, "HOME="+tmp)
	out, err := cmd.CombinedOutput()
	if chroot {
		if want := "this machine lacks root, or user namespaces"; err == nil || !strings.Contains(string(out), want) {
			t.Fatalf("in a chroot: got %v, want %q\n%s", err, want, out)
		}
		return
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// inChroot reports whether / is no mount point.
func inChroot(t *testing.T) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 4 && f[4] == "/" { // proc(5)
			return false
		}
	}
	return true
}
