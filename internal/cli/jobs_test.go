package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

func TestJobs(t *testing.T) {
	for _, c := range []struct {
		value string
		want  int // 0 for an error
	}{
		{"1", 1}, {"256", 256}, {"257", 0}, {"0", 0}, {"-1", 0}, {"two", 0}, {"", 0},
	} {
		var j jobs
		err := newJobs(&j).Set(c.value)
		if c.want == 0 && err == nil || c.want != 0 && (err != nil || j.n != c.want) {
			t.Errorf("%q: %d, %v, want %d", c.value, j.n, err, c.want)
		}
	}
	var j jobs
	if err := newJobs(&j).Set("auto"); err != nil || j.n < 1 {
		t.Errorf("auto: %d, %v", j.n, err)
	}
}

func TestBudget(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		cpus   int
		memory int64
		want   int
	}{
		{8, 64 * gib, 4},
		{8, 5 * gib, 2},
		{8, 0, 1},
		{1, 64 * gib, 1},
		{3, 64 * gib, 1},
		{2000, 4000 * gib, mostJobs},
	} {
		if got := budget(c.cpus, c.memory); got != c.want {
			t.Errorf("%d CPUs and %d bytes: %d jobs, want %d", c.cpus, c.memory, got, c.want)
		}
	}
}

func TestAvailableMemory(t *testing.T) {
	const meminfo = "MemTotal:       24683520 kB\nMemFree:         1000000 kB\nMemAvailable:    8000000 kB\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"nothing known": {nil, 0},
		"machine":       {map[string]string{"proc/meminfo": meminfo}, 8000000 << 10},
		"no number":     {map[string]string{"proc/meminfo": "MemAvailable: lots kB\n"}, 0},
		"container": {map[string]string{
			"proc/meminfo":                 meminfo,
			"proc/self/cgroup":             "0::/\n",
			"sys/fs/cgroup/memory.max":     "3000000\n",
			"sys/fs/cgroup/memory.current": "1000000\n",
		}, 2000000},
		"group in a group": {map[string]string{
			"proc/meminfo":                     meminfo,
			"proc/self/cgroup":                 "1:name=systemd:/x\n0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max":     "max\n",
			"sys/fs/cgroup/a/b/memory.current": "1\n",
			"sys/fs/cgroup/a/memory.max":       "10\n",
			"sys/fs/cgroup/a/memory.current":   "15\n",
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for file, content := range c.files {
				path := filepath.Join(root, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got := availableMemory(root); got != c.want {
				t.Errorf("%d bytes, want %d", got, c.want)
			}
		})
	}
}

// TestReady: a recipe waits for those before it that it is built on, and no others.
func TestReady(t *testing.T) {
	base, other := &recipe.Recipe{Name: "base"}, &recipe.Recipe{Name: "other"}
	named := func(name string, below ...*recipe.Recipe) *turn {
		return &turn{target: target{{closure: append([]*recipe.Recipe{{Name: name}}, below...)}}}
	}
	turns := []*turn{named("early", base), named("base"), named("one", base), named("other"), named("two", other, base)}
	var started []string
	start := func() {
		for t := ready(turns); t != nil; t = ready(turns) {
			t.started = true
			started = append(started, t.name())
		}
	}
	end := func(i int) { turns[i].done = true }
	start()
	if diff := cmp.Diff([]string{"early", "base", "other"}, started); diff != "" {
		t.Errorf("at first (-want +got):\n%s", diff)
	}
	end(3)
	start()
	end(1)
	start()
	if diff := cmp.Diff([]string{"early", "base", "other", "one", "two"}, started); diff != "" {
		t.Errorf("in the end (-want +got):\n%s", diff)
	}
}

func TestLines(t *testing.T) {
	var out bytes.Buffer
	var mu sync.Mutex
	a, b := &lines{w: &out, mu: &mu, prefix: "a "}, &lines{w: &out, mu: &mu, prefix: "b "}
	for _, w := range []struct {
		to   *lines
		text string
	}{{a, "one\ntw"}, {b, "three\n\n"}, {a, "o\n"}, {b, "lost"}} {
		if n, err := w.to.Write([]byte(w.text)); n != len(w.text) || err != nil {
			t.Fatalf("%q: %d, %v", w.text, n, err)
		}
	}
	if want := "a one\nb three\na two\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	if _, err := (&lines{w: brokenWriter{}, mu: &mu}).Write([]byte("x\n")); err == nil {
		t.Error("a writer that fails is no error")
	}
}

// TestGoProgramNames: what init makes of paths and names is allowed in a recipe.
func TestGoProgramNames(t *testing.T) {
	for path, want := range map[string]string{
		"github.com/mochi-mqtt/server/v2":        "server",
		"gopkg.in/yaml.v3":                       "yaml",
		"example.org/Foo-Bar_baz":                "foo_bar_baz",
		"example.org/7zip":                       "module",
		"example.org/" + strings.Repeat("x", 64): "module",
	} {
		if got := sourceName(path); got != want {
			t.Errorf("source of %s is %q, want %q", path, got, want)
		}
	}
	for name, want := range map[string]string{
		"mqtt": "mqtt", "a.b-c": "a-b-c", "root": "app", "7zip": "app", strings.Repeat("x", 32): "app",
	} {
		if got := userName(name); got != want {
			t.Errorf("user of %s is %q, want %q", name, got, want)
		}
	}
}

// TestDraft: a draft of anything that may be written is a valid recipe that says
// what was given, and what may not is a usage error.
func TestDraft(t *testing.T) {
	for name, c := range map[string]struct {
		draft draft
		want  string // in the error
	}{
		"odd text":      {draft{name: "x", version: "1", summary: `a \ "b" ${c} %{d} $e %f $${g}`}, ""},
		"pseudo":        {draft{name: "x.y", module: "example.org/a@v0.0.0-20240102030405-0123456789ab", program: "./..."}, ""},
		"incompatible":  {draft{name: "x", module: "example.org/a@v2.0.0+incompatible", program: "."}, ""},
		"other version": {draft{name: "x", version: "7", module: "example.org/a@v1.2.3", program: "."}, ""},
		"newline":       {draft{name: "x", version: "1", summary: "a\nb"}, "Invisible character"},
		"program":       {draft{name: "x", module: "example.org/a@v1.0.0", program: "; rm -rf /"}, "Not a package of the module"},
		"template":      {draft{name: "x", version: "1", base: `x"${var.nothing}`}, "Unknown variable"},
		"breaking out":  {draft{name: "x", version: "1", base: "${"}, "makes no recipe"},
	} {
		t.Run(name, func(t *testing.T) {
			d := c.draft
			d.kind, d.goVersion = "service", "1.26.8"
			if d.base == "" {
				d.base = "base"
			}
			r, err := d.recipe("recipe.hcl", nil)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || outcomeOf(err).code != exitUsage {
					t.Errorf("error %v, want a usage error with %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if r.Summary != d.summary || r.Version != d.version && d.version != "" || r.Base != d.base {
				t.Errorf("the recipe says %+v", r)
			}
			if d.module != "" && r.Sources[0].Module+"@"+r.Sources[0].Version != d.module {
				t.Errorf("source %+v, want %s", r.Sources[0], d.module)
			}
			if again, _ := recipe.Format("recipe.hcl", r.Bytes); !bytes.Equal(again, r.Bytes) {
				t.Errorf("not in fmt's form:\n%s", r.Bytes)
			}
		})
	}
}
