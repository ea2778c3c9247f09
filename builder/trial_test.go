package builder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/sandbox"
)

// trialRecipe is a service of busybox alone, with a volume, and with more in its
// block. start is what it runs.
func trialRecipe(start, more string) string {
	return service(`  file "/usr/libexec/start" {
    content = <<-EOT
      #!/bin/sh
      ` + strings.ReplaceAll(start, "\n", "\n      ") + `
    EOT
    mode    = "0755"
  }
  user "app" { uid = 10500 }
  runtime {
    user       = "app"
    entrypoint = ["/usr/libexec/start"]
    env        = { GREETING = "hello" }
    port "answer" { number = 7000 }
    volume "/srv/app" { persistent = true }
  }
` + more)
}

// not is a shell function for what has to fail: set -e takes no notice of "!".
const not = "not() { if \"$@\"; then echo \"worked: $*\"; exit 1; fi; }\n"

// check is a script that a test can run, with each line having to succeed.
func check(script string) string {
	return "  file \"/usr/libexec/check\" {\n    content = <<-EOT\n#!/bin/sh -eux\n" + not + script + "\n    EOT\n    mode = \"0755\"\n  }\n"
}

// answer is a service that says what a client sends it, from the volume.
const answer = `echo "$GREETING" >/srv/app/greeting
exec nc -lk -p 7000 -e cat /srv/app/greeting`

// runTests builds the recipe once and runs its tests.
func runTests(t *testing.T, src string) ([]Tested, error) {
	t.Helper()
	needBuilders(t)
	plan, opts := planOf(t, src), testOptions(t)
	r, err := BuildOne(t.Context(), "a", plan, opts)
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	tested, err := RunTests(t.Context(), plan, r, TestOptions{Work: work})
	if left, readErr := os.ReadDir(work); readErr != nil || len(left) > 0 {
		t.Errorf("left in %s: %v, %v", work, left, readErr)
	}
	return tested, err
}

func logOf(tested []Tested) string {
	var b strings.Builder
	for _, one := range tested {
		b.WriteString(one.Name + ": " + one.Why() + "\n" + strings.Join(one.Client, "\n") + "\n" + strings.Join(one.Service, "\n") + "\n")
	}
	return b.String()
}

// TestTrialPasses: client and service meet on 127.0.0.1 and on the volume, setup
// runs before the service, and the service sees nothing of the machine and has no
// rights, while the client is root.
func TestTrialPasses(t *testing.T) {
	tested, err := runTests(t, trialRecipe(answer, `
  test "answers" {
    setup  = "touch /kept; test ! -e /srv/app/greeting; echo made >/srv/app/by-setup"
    client = <<-EOT
      `+not+`
      test -e /kept
      test "$(nc 127.0.0.1 7000 </dev/null)" = hello
      test "$(cat /srv/app/greeting) $(cat /srv/app/by-setup)" = "hello made"
      test "$(stat -c %u:%g:%a /srv/app)" = 10500:10500:750
      test "$(id -u)" = 0
      cmp /service/usr/libexec/start /service/usr/libexec/start
      not touch /service/x
      touch /usr/mine
      test "$(ls /sys/class/net)" = lo
    EOT
  }
  test "locked-down" { run = ["/usr/libexec/check"] }
`+check(`
      grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups)' /proc/self/status
      id
      test "$(id -u):$(id -g):$(id -G)" = 10500:10500:10500
      test "$(grep -cE '^Cap(Inh|Prm|Eff|Bnd|Amb):.0000000000000000$' /proc/self/status)" = 5
      grep -q 'NoNewPrivs:.1' /proc/self/status
      grep -q 'Seccomp:.2' /proc/self/status
      not touch /etc/x
      not touch /x
      touch /tmp/x /run/x /srv/app/x /dev/shm/x
      test "$(ls /sys/class/net)" = lo
      test "$(echo $(ls /dev))" = "fd full null ptmx random shm stderr stdin stdout tty urandom zero"
      not cat /proc/kcore
      not sh -c 'echo 0 >/proc/sys/kernel/shmmax'
      not mount -t tmpfs tmpfs /tmp
      not chroot / true
      not hostname other
      test "$(ls /proc | grep -cE '^[0-9]+$')" -lt 9
      test "$(ulimit -n)" = 1024
      test "$GREETING" = hello`)))
	if err != nil || len(tested) != 2 {
		t.Fatalf("%v\n%s", err, logOf(tested))
	}
	for _, one := range tested {
		if !one.Passed || one.Failed != "" || one.Limited == rootless() || one.Seconds <= 0 {
			t.Errorf("got %+v", one)
		}
	}
}

// TestTrialFails: each kind of failure is told from the others, with what was said.
func TestTrialFails(t *testing.T) {
	tested, err := runTests(t, trialRecipe(`echo starting; [ ! -e /srv/app/die ] || exit 9
[ ! -e /srv/app/deaf ] || exec sleep 100
[ ! -e /srv/app/last ] || { nc -l -p 7000 -e true; exit 4; }
`+answer, `
  test "passes"  { client = "true" }
  test "client"  { client = "echo so what >&2; exit 3" }
  test "setup"   {
    setup  = "exit 5"
    client = "true"
  }
  test "command" { run = ["/bin/sh", "-c", "echo said; exit 137"] }
  test "program" { run = ["/usr/bin/nowhere"] }
  test "dies"    {
    setup  = "touch /srv/app/die"
    client = "true"
  }
  test "ends"    {
    setup  = "touch /srv/app/last"
    client = "nc 127.0.0.1 7000 </dev/null; sleep 100"
  }
  test "deaf"    {
    setup   = "touch /srv/app/deaf"
    client  = "true"
    timeout = 1
  }
  test "slow"    {
    client  = "echo waiting; sleep 100"
    timeout = 1
  }
  test "slow-setup" {
    setup   = "sleep 100"
    client  = "true"
    timeout = 1
  }`))
	var failure *TestError
	if !errors.As(err, &failure) || len(failure.Failed) != len(tested)-1 || failure.Header(failure.Failed[0]) != `test "client"` {
		t.Fatalf("got %v, want all that failed\n%s", err, logOf(tested))
	}
	want := []struct {
		name   string
		failed Part
		code   int
		said   string
	}{
		{"passes", "", 0, "starting"},
		{"client", PartClient, 3, "so what"},
		{"setup", PartSetup, 5, ""},
		{"command", PartCommand, 137, "said"},
		{"program", PartCommand, 1, "/usr/bin/nowhere"},
		{"dies", PartService, 9, "starting"},
		{"ends", PartService, 4, "starting"},
		{"deaf", PartService, -1, "starting"},
		{"slow", PartClient, -1, "waiting"},
		{"slow-setup", PartSetup, -1, ""},
	}
	if len(tested) != len(want) {
		t.Fatalf("%d tests were run, want %d\n%s", len(tested), len(want), logOf(tested))
	}
	for i, w := range want {
		got := tested[i]
		if got.Name != w.name || got.Failed != w.failed || got.ExitCode != w.code || got.Passed != (w.failed == "") || !strings.Contains(logOf(tested[i:i+1]), w.said) {
			t.Errorf("%s: got %+v, want %+v", w.name, got, w)
		}
		if w.code < 0 && (got.Seconds < 1 || got.Seconds > 20) {
			t.Errorf("%s: took %.1f s of 1", w.name, got.Seconds)
		}
	}
}

// TestTrialPrivileges: what is declared is there, for a user who isn't root, and no
// more.
func TestTrialPrivileges(t *testing.T) {
	tested, err := runTests(t, trialRecipe(answer, `
  privilege "capability" "NET_ADMIN" { reason = "sets an address" }
  privilege "device" "/dev/zero" { reason = "a device that is on any machine" }
  privilege "rootfs" "rw" { reason = "to be tested" }
  privilege "nnp" "off" { reason = "to be tested" }
  privilege "mount" "/media:ro" { reason = "to be tested" }
  test "has" { run = ["/usr/libexec/check"] }
  test "shares" {
    setup  = "echo film >/media/film"
    client = "test \"$(cat /media/film)\" = film; test \"$(id -u)\" = 0; ip address add 10.1.2.4/32 dev lo"
  }
`+check(`
      grep ^Cap /proc/self/status
      test "$(grep -cE '^Cap(Inh|Prm|Eff|Bnd|Amb):.0000000000001000$' /proc/self/status)" = 5
      grep -q 'NoNewPrivs:.0' /proc/self/status
      ip address add 10.1.2.3/32 dev lo
      head -c 1 /dev/zero >/dev/null
      test "$(stat -c %a /dev/zero)" = 666
      not touch /media/x`)))
	if err != nil {
		t.Fatalf("%v\n%s", err, logOf(tested))
	}
}

// TestTrialUnavailable: a privilege that can't be given is an error, and nothing is
// said to have passed.
func TestTrialUnavailable(t *testing.T) {
	for _, privilege := range []string{`"sysctl" "net.ipv4.ip_forward"`, `"device" "/dev/nothing-here"`, `"namespace" "pid"`} {
		tested, err := runTests(t, trialRecipe(answer, `
  privilege `+privilege+` { reason = "to be tested" }
  test "answers" { client = "true" }`))
		var unavailable *sandbox.UnavailableError
		if !errors.As(err, &unavailable) || len(tested) > 0 || !strings.Contains(privilege, strconv.Quote(unavailable.Name)) {
			t.Errorf("%s: got %v, %v", privilege, tested, err)
		}
	}
	if rootless() {
		_, err := runTests(t, trialRecipe(answer, `
  privilege "capability" "SYS_TIME" { reason = "sets the clock" }
  test "clock" { run = ["/bin/true"] }`))
		var unavailable *sandbox.UnavailableError
		if !errors.As(err, &unavailable) || unavailable.Name != "SYS_TIME" {
			t.Errorf("got %v", err)
		}
	}
}

// TestTrialLimits: memory and processes end where the recipe says.
func TestTrialLimits(t *testing.T) {
	need(t, !rootless(), "root, for control groups")
	tested, err := runTests(t, trialRecipe(answer, `
  limits {
    memory = "32MiB"
    pids   = 10
  }
  test "pids" {
    run = ["/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done; sleep 6"]
  }
  test "memory" { run = ["/bin/sh", "-c", "head -c 60000000 /dev/zero | tail"] }
  test "enough" { run = ["/bin/sh", "-c", "head -c 10000000 /dev/zero | tail >/dev/null"] }`))
	passed := []bool{}
	for _, one := range tested {
		passed = append(passed, one.Passed)
	}
	if err == nil || !slices.Equal(passed, []bool{false, false, true}) || !strings.Contains(logOf(tested), "can't fork") {
		t.Errorf("got %v\n%s", err, logOf(tested))
	}
}

// TestTrialCancel: a cancelled context ends a test, and nothing is left.
func TestTrialCancel(t *testing.T) {
	needBuilders(t)
	s := newSleeper()
	plan, opts := planOf(t, trialRecipe("exec sleep "+string(s), `test "waits" { client = "true" }`)), testOptions(t)
	r, err := BuildOne(t.Context(), "a", plan, opts)
	if err != nil {
		t.Fatal(err)
	}
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for s.count() == 0 && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		cancel(stopped)
	}()
	work := t.TempDir()
	_, err = RunTests(ctx, plan, r, TestOptions{Work: work})
	if !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
	if left := leftovers(t, s, work); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestTrialKill kills the whole of tailsbuild with SIGKILL while a service and its
// client run, and wants nothing of them to live on.
func TestTrialKill(t *testing.T) {
	needBuilders(t)
	if work := os.Getenv(killChild); work != "" {
		s := sleeper(os.Getenv(killSleeper))
		plan, opts := planOf(t, trialRecipe("sleep "+string(s)+" &\n"+answer, `test "waits" { client = "sleep `+string(s)+`" }`)), testOptions(t)
		r, err := BuildOne(t.Context(), "a", plan, opts)
		if err != nil {
			t.Fatal(err)
		}
		tested, err := RunTests(t.Context(), plan, r, TestOptions{Work: work})
		t.Fatalf("the test ended: %v, %v", tested, err)
	}
	work, s := t.TempDir(), newSleeper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestTrialKill$", "-test.timeout=120s")
	cmd.Env = append(os.Environ(), killChild+"="+work, killSleeper+"="+string(s))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "service and client to run", func() bool { return s.count() == 2 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // "signal: killed"
	waitFor(t, "everything to end", func() bool { return len(leftovers(t, s, work)) == 0 })
	waitFor(t, "the next build to remove the control groups", func() bool {
		if err := removeStaleCgroups(); err != nil {
			t.Fatal(err)
		}
		left, _ := filepath.Glob(fmt.Sprintf("/sys/fs/cgroup/*/%s%d-*", cgroupPrefix, cmd.Process.Pid))
		return len(left) == 0
	})
}

// TestTrialTunnel: a user who isn't root makes a network tunnel with the device and
// the capability that the recipe declares, and without the capability can't.
func TestTrialTunnel(t *testing.T) {
	need(t, !rootless(), "root, for a node that anybody may open")
	_, err := os.Stat("/sys/class/misc/tun")
	need(t, err == nil, "a kernel with tunnels")
	const device = `
  privilege "device" "/dev/net/tun" { reason = "makes a tunnel" }
  test "tunnel" { run = ["/usr/libexec/check"] }
`
	tested, err := runTests(t, trialRecipe(answer, device+`
  privilege "capability" "NET_ADMIN" { reason = "makes a tunnel" }
`+check(`
      test "$(stat -c %t:%T /dev/net/tun)" = a:c8
      tunctl -u app -t tun7
      ip address add 10.9.8.7/24 dev tun7
      ip link set tun7 up
      grep tun7 /proc/net/dev`)))
	if err != nil {
		t.Errorf("%v\n%s", err, logOf(tested))
	}
	tested, err = runTests(t, trialRecipe(answer, device+check(`
      : <>/dev/net/tun
      not tunctl -u app -t tun7
      not ip address add 10.9.8.7/24 dev lo`)))
	if err != nil {
		t.Errorf("%v\n%s", err, logOf(tested))
	}
}
