package builder

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// fail ends the test with all that an error has to say.
func fail(t *testing.T, err error) {
	t.Helper()
	var d *DaemonError
	if errors.As(err, &d) {
		t.Fatalf("%v\n%q", err, d.Log)
	}
	var s *StepError
	if errors.As(err, &s) {
		t.Fatalf("%v\n%s\n%q", err, s.Snippet, s.Log)
	}
	var u *UnsatisfiableError
	if errors.As(err, &u) {
		t.Fatalf("%v\n%q", err, u.Log)
	}
	t.Fatal(err)
}

// built has the two images of a recipe.
func built(t *testing.T, src string) *Pair {
	t.Helper()
	pair, err := build2(t, src)
	if err != nil {
		fail(t, err)
	}
	return pair
}

// An entry is what the tests look at of a tar entry.
type entry struct {
	Mode     int64
	UID, GID int
	Link     string
	Content  string
}

// topLayer reads the entries of an image's last layer.
func topLayer(t *testing.T, r *Result) map[string]entry {
	t.Helper()
	layout, err := oci.OpenLayout(r.Layout)
	if err != nil {
		t.Fatal(err)
	}
	defer layout.Close()
	manifest, _, err := layout.ReadManifest(r.Image)
	if err != nil {
		t.Fatal(err)
	}
	layer, err := layout.OpenLayer(manifest.Layers[len(manifest.Layers)-1], oci.LayerLimits{})
	if err != nil {
		t.Fatal(err)
	}
	defer layer.Close()
	entries := map[string]entry{}
	for {
		h, err := layer.Next()
		if err == io.EOF {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		e := entry{Mode: h.Mode, UID: h.Uid, GID: h.Gid, Link: h.Linkname}
		if h.Typeflag == tar.TypeReg {
			b, err := io.ReadAll(io.LimitReader(layer, 1<<20))
			if err != nil {
				t.Fatal(err)
			}
			e.Content = string(b)
		}
		entries[strings.TrimSuffix(h.Name, "/")] = e
	}
}

// TestServiceLayer has an epoch later than the base's own times, as most services
// do: a folder of the base must not show with which snapshotter it was changed.
func TestServiceLayer(t *testing.T) {
	pair := built(t, service(`
  file "/etc/motd.d/hello" {
    content = "hello\n"
    mode    = "0640"
    owner   = "try"
  }
  user "try" {
    uid  = 12000
    home = "/var/lib/try"
  }
  build {
    run = <<-EOT
      mkdir -p $OUT/usr/bin
      echo '#!/bin/sh' >$OUT/usr/bin/try
      chmod +x $OUT/usr/bin/try
      ln $OUT/usr/bin/try $OUT/usr/bin/same
      ln -s try $OUT/usr/bin/link
      echo data >$OUT/usr/bin/data
      chown 33:44 $OUT/usr/bin/data
    EOT
  }
  runtime {
    user       = "try"
    entrypoint = ["/usr/bin/try"]
    volume "/srv/try" { persistent = true }
  }`))
	if pair.A.Image.Digest != pair.B.Image.Digest {
		t.Fatalf("A made %s, B made %s", pair.A.Image.Digest, pair.B.Image.Digest)
	}
	got := topLayer(t, pair.A)
	for _, name := range []string{"etc/passwd", "etc/group", "etc/shadow"} {
		e := got[name]
		e.Content = lastLine(e.Content)
		got[name] = e
	}
	dir := entry{Mode: 0o755}
	want := map[string]entry{
		"etc":              dir,
		"etc/group":        {Mode: 0o644, Content: "try:x:12000:"},
		"etc/motd.d":       dir,
		"etc/motd.d/hello": {Mode: 0o640, UID: 12000, GID: 12000, Content: "hello\n"},
		"etc/passwd":       {Mode: 0o644, Content: "try:x:12000:12000:try:/var/lib/try:/sbin/nologin"},
		"etc/shadow":       {Mode: 0o640, GID: 42, Content: "try:!:::::::"},
		"srv":              dir,
		"srv/try":          {Mode: 0o750, UID: 12000, GID: 12000},
		"usr":              dir,
		"usr/bin":          dir,
		"usr/bin/data":     {Mode: 0o644, Content: "data\n"},
		"usr/bin/link":     {Mode: 0o777, Link: "try"},
		"usr/bin/same":     {Mode: 0o755, Content: "#!/bin/sh\n"},
		"usr/bin/try":      {Mode: 0o755, Link: "usr/bin/same"},
		"var":              dir,
		"var/lib":          dir,
		"var/lib/try":      {Mode: 0o750, UID: 12000, GID: 12000},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the service's layer (-want +got):\n%s", diff)
	}
}

func lastLine(s string) string {
	s = strings.TrimSuffix(s, "\n")
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// TestVariation has a step write what it sees, and wants that to be what the
// evidence will say was set.
func TestVariation(t *testing.T) {
	pair := built(t, service(`
  build {
    run = <<-EOT
      mkdir -p $OUT/seen; cd $OUT/seen
      hostname >hostname
      cat /proc/sys/kernel/domainname >domainname
      umask >umask
      echo $HOME >home
      echo $TZ >env.TZ
      echo $LC_ALL >env.LC_ALL
      uname -r >release
      nproc >cpus
      ulimit -n >nofile
      cut -d. -f1 /proc/uptime >uptime
      cat /proc/self/personality >personality || true
      date +%s >second
      mkdir d; for i in $(seq 20); do touch d/$i; done; find d >order; rm -r d
      cat /etc/hosts /etc/resolv.conf >network
      tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' >interfaces
    EOT
  }`))
	a, b := topLayer(t, pair.A), topLayer(t, pair.B)
	for _, name := range []string{"hostname", "domainname", "umask", "home", "env.TZ", "env.LC_ALL", "nofile", "cpus"} {
		for _, side := range []struct {
			r    *Result
			seen map[string]entry
		}{{pair.A, a}, {pair.B, b}} {
			if got, want := strings.TrimSpace(side.seen["seen/"+name].Content), side.r.Variation[name]; got != want {
				t.Errorf("build %s: %s is %q, recorded as %q", side.r.Builder, name, got, want)
			}
		}
	}
	for _, name := range []string{"hostname", "domainname", "umask", "home", "env.TZ", "env.LC_ALL", "nofile", "release", "uptime", "personality", "second", "order"} {
		if x, y := a["seen/"+name].Content, b["seen/"+name].Content; x == y || x == "" || y == "" {
			t.Errorf("%s doesn't differ: %q and %q", name, x, y)
		}
	}
	for _, name := range []string{"network", "interfaces"} {
		if x, y := a["seen/"+name].Content, b["seen/"+name].Content; x != y {
			t.Errorf("%s differs: %q and %q", name, x, y)
		}
	}
	if got := a["seen/interfaces"].Content; got != "lo\n" {
		t.Errorf("a step sees the network interfaces %q, want only lo", got)
	}
}

// TestRandomDiffers is why there are two daemons: in one, equal steps in flight
// are merged, and this recipe would look reproducible.
func TestRandomDiffers(t *testing.T) {
	pair := built(t, service(`
  build {
    run = "head -c 16 /dev/urandom >$OUT/random"
  }`))
	if pair.A.Image.Digest == pair.B.Image.Digest {
		t.Errorf("both builds made %s", pair.A.Image.Digest)
	}
	if pair.A.Invocation == pair.B.Invocation {
		t.Errorf("both builds have the invocation %s", pair.A.Invocation)
	}
}

func TestFailingStep(t *testing.T) {
	tests := []struct {
		name, body string
		line       int
		code       int
		log        string
	}{
		{"exit code", "  build {\n    run = \"echo so far; exit 7\"\n  }", 8, 7, "so far"},
		{"network", "  build {\n    run = \"wget -T 5 -O $OUT/x http://192.0.2.1/x\"\n  }", 8, 1, "Network unreachable"},
		{"user the base has", "  user \"daemon\" {\n    uid = 12000\n  }", 7, 1, "the base has a user or group of this name"},
		{"uid the base has", "  user \"web\" {\n    uid = 33\n  }", 7, 1, "the base has a user or group with the number 33"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := build2(t, service(test.body))
			var step *StepError
			if !errors.As(err, &step) {
				t.Fatalf("got %v, want a StepError", err)
			}
			if step.Range.Filename != "try/recipe.hcl" || step.Range.Start.Line != test.line {
				t.Errorf("the error is at %v, want line %d of try/recipe.hcl", step.Range, test.line)
			}
			if step.ExitCode != test.code {
				t.Errorf("exit code %d, want %d", step.ExitCode, test.code)
			}
			if log := strings.Join(step.Log, "\n"); !strings.Contains(log, test.log) {
				t.Errorf("the log is %q, want %q in it", log, test.log)
			}
		})
	}
}

// TestChangedBaseFolder: copying a tree would silently open /root.
func TestChangedBaseFolder(t *testing.T) {
	_, err := build2(t, service(`
  build {
    run = "mkdir -p $OUT/root; echo >$OUT/root/x"
  }`))
	var out *OutputError
	if !errors.As(err, &out) || !strings.Contains(out.Reason, `"/root" from mode 0700`) {
		t.Errorf("got %v, want an OutputError about /root", err)
	}
}

func TestCancel(t *testing.T) {
	needBuilders(t)
	ctx, cancel := context.WithCancel(context.Background())
	sleeper := newSleeper()
	plan, opts := planOf(t, sleeper.recipe()), testOptions(t)
	time.AfterFunc(time.Second, cancel)
	start := time.Now()
	if _, err := Build(ctx, plan, opts); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("it took %v to cancel", d)
	}
	if left := leftovers(t, sleeper, opts.Work); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestTamperedInput changes an input after it was checked: BuildKit gets it by
// digest, and checks again.
func TestTamperedInput(t *testing.T) {
	needBuilders(t)
	opts := testOptions(t)
	file := opts.Store.Path(alpineInput.SHA256)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := errors.Join(os.Remove(file), os.WriteFile(file, b, 0o444)); err != nil {
		t.Fatal(err)
	}
	_, err = Build(t.Context(), planOf(t, service("  file \"/x\" {\n    content = \"x\"\n  }")), opts)
	if err == nil || !strings.Contains(err.Error()+strings.Join(stepLog(err), ""), alpineInput.SHA256) {
		t.Errorf("got %v, want an error that names the input", err)
	}
}

// TestTreesAreLoaded has a builder solve a plan whose trees it can't get over the
// session.
func TestTreesAreLoaded(t *testing.T) {
	needBuilders(t)
	opts, p := testOptions(t), planOf(t, service("  file \"/x\" {\n    content = \"x\"\n  }"))
	r, err := newRun()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(opts.Work, "inputs")
	inputs, err := inputStoreOf(p, opts.Store, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "blobs", "sha256", alpineInput.SHA256)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c"} {
		t.Run(name, func(t *testing.T) {
			result, err := buildWith(t.Context(), name, r, p, inputs, opts)
			if err != nil || result.Image.Digest == "" {
				t.Errorf("got %+v, %v", result, err)
			}
		})
	}
	if err := removeCgroups(r.cgroup); err != nil {
		t.Error(err)
	}
}

func stepLog(err error) []string {
	var s *StepError
	if errors.As(err, &s) {
		return s.Log
	}
	return nil
}
