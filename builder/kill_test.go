package builder

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A sleeper is a recipe whose step sleeps for so many seconds, and that is how
// its processes are told from those of other tests.
type sleeper string

func newSleeper() sleeper { return sleeper(fmt.Sprint(10_000 + rand.IntN(1_000_000))) }

func (s sleeper) recipe() string {
	return service("  build {\n    run = \"sleep " + string(s) + "\"\n  }")
}

// count returns how many of its steps run on this machine.
func (s sleeper) count() int {
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	n := 0
	for _, p := range procs {
		if b, _ := os.ReadFile(p); string(b) == "sleep\x00"+string(s)+"\x00" {
			n++
		}
	}
	return n
}

// leftovers lists the processes and mounts that a build of s in work left behind.
func leftovers(t *testing.T, s sleeper, work string) []string {
	t.Helper()
	var left []string
	if n := s.count(); n > 0 {
		left = append(left, fmt.Sprintf("%d steps", n))
	}
	for _, pid := range daemonPIDs(work) {
		left = append(left, fmt.Sprintf("daemon %d", pid))
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, work) {
			left = append(left, "mount "+line)
		}
	}
	return left
}

// killChild and killSleeper are the variables that make the test binary build in
// a folder, for the test below to kill it.
const (
	killChild   = "TAILSBUILD_TEST_KILL"
	killSleeper = "TAILSBUILD_TEST_SLEEPER"
)

// TestKill kills the whole of tailsbuild with SIGKILL while both builders run a
// step, and wants nothing of them to live on.
func TestKill(t *testing.T) {
	needBuilders(t)
	if work := os.Getenv(killChild); work != "" {
		opts := testOptions(t)
		opts.Work = work
		plan := planOf(t, sleeper(os.Getenv(killSleeper)).recipe())
		_, err := Build(context.Background(), plan, opts)
		t.Fatalf("the build ended: %v", err)
	}
	work, s := t.TempDir(), newSleeper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestKill$", "-test.timeout=120s")
	cmd.Env = append(os.Environ(), killChild+"="+work, killSleeper+"="+string(s))
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go bufio.NewReader(out).WriteTo(os.Stderr)
	waitFor(t, "two steps to run", func() bool { return s.count() == 2 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // "signal: killed"
	waitFor(t, "everything to end", func() bool { return len(leftovers(t, s, work)) == 0 })
	pid := fmt.Sprintf("%s%d-", cgroupPrefix, cmd.Process.Pid)
	waitFor(t, "the next build to remove the control groups", func() bool {
		if err := removeStaleCgroups(); err != nil {
			t.Fatal(err)
		}
		left, _ := filepath.Glob("/sys/fs/cgroup/*/" + pid + "*")
		return len(left) == 0
	})
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain for %s", what)
}

// TestDaemonDies: a daemon that ends is an error at once, and its fault.
func TestDaemonDies(t *testing.T) {
	needBuilders(t)
	opts, s := testOptions(t), newSleeper()
	plan := planOf(t, s.recipe())
	go func() {
		for range 600 {
			if pids := daemonPIDs(opts.Work); len(pids) == 2 && s.count() == 2 {
				syscall.Kill(pids[0], syscall.SIGKILL)
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	_, err := Build(context.Background(), plan, opts)
	if err == nil || !strings.Contains(err.Error(), "the daemon ended") {
		t.Errorf("got %v, want that the daemon ended", err)
	}
	if left := leftovers(t, s, opts.Work); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestTimeout: builders whose time is over end, with what they started, and it is said
// where they were.
func TestTimeout(t *testing.T) {
	needBuilders(t)
	opts, s := testOptions(t), newSleeper()
	opts.Timeout = 10 * time.Second
	plan := planOf(t, service("  build {\n    run = \"echo going to sleep; sleep "+string(s)+"\"\n  }"))
	_, err := Build(t.Context(), plan, opts)
	var late *TimeoutError
	if !errors.As(err, &late) || late.After != opts.Timeout || !slices.Contains(late.Unfinished, "build of try") || !slices.Contains(late.Log, "going to sleep") {
		t.Errorf("got %#v, want that the build had not ended", err)
	}
	if left := leftovers(t, s, opts.Work); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// daemonPIDs returns the daemons that build in work.
func daemonPIDs(work string) []int {
	var pids []int
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range procs {
		b, _ := os.ReadFile(p)
		if s := string(b); strings.HasPrefix(s, daemonName+"\x00") && strings.Contains(s, work) {
			var pid int
			fmt.Sscanf(filepath.Base(filepath.Dir(p)), "%d", &pid)
			pids = append(pids, pid)
		}
	}
	return pids
}
