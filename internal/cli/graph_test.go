package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// bigProject writes a project of n recipes, a base for each ten, into a new git
// repository, and returns the recipes' folder. Then it changes a variable that one
// recipe in ten refers to, one base, one file and one lock.
func bigProject(tb testing.TB, n int) string {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "recipes")
	write := func(name, content string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	const project = "variable \"color\" {\n  default = %q\n}\n"
	write("tailsbuild.hcl", fmt.Sprintf(project, "blue"))
	for i := range n {
		name := fmt.Sprintf("recipe-%04d", i)
		text := generatedService
		if i%10 == 0 {
			text = generatedBase
		}
		value := "${var.color}"
		if i%10 != 1 {
			value = "plain"
		}
		text = strings.NewReplacer("NAME", name, "BASE", fmt.Sprintf("recipe-%04d", i/10*10), "VALUE", value).Replace(text)
		write(name+"/recipe.hcl", text)
		write(name+"/files/conf", "a file of "+name+"\n")
		write(name+"/recipe.lock.hcl", string(generatedLock(name).Encode()))
	}
	for _, args := range [][]string{
		{"init", "-q"},
		{"add", "."},
		{"-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "-m", "one"},
	} {
		cmd := exec.CommandContext(tb.Context(), "git", args...)
		cmd.Dir = filepath.Dir(dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			tb.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	write("tailsbuild.hcl", fmt.Sprintf(project, "green"))
	write("recipe-0010/recipe.hcl", strings.NewReplacer("NAME", "recipe-0010", `"1.2.3"`, `"1.2.4"`).Replace(generatedBase))
	write("recipe-0023/files/conf", "another\n")
	changed := generatedLock("recipe-0034")
	changed.Inputs[0].SHA256 = strings.Repeat("2", 64)
	write("recipe-0034/recipe.lock.hcl", string(changed.Encode()))
	return dir
}

const generatedBase = `base "NAME" {
  version = "1.2.3"
  summary = "A base"
  license = "MIT"
  rootfs {
    url = "https://example.org/${arch}/rootfs-${self.version}.tar.gz"
  }
}
`

const generatedService = `service "NAME" {
  version = "1.2.3"
  summary = "A service"
  license = "MIT"
  base    = "BASE"

  source "go_module" "app" {
    module  = "example.org/app"
    version = "v${self.version}"
  }
  toolchain "go" {
    version = "1.26.8"
  }
  build {
    run = <<-EOT
      cd "$SRC_app"
      go build -trimpath -o "$OUT/usr/bin/app" .
    EOT
  }
  file "/etc/conf" {
    source = "files/conf"
  }
  file "/etc/color" {
    content = "VALUE\n"
  }
  user "app" {
    uid = 1000
  }
  runtime {
    user       = "app"
    entrypoint = ["/usr/bin/app"]
    port "app" {
      number = 8080
      onion  = 80
    }
  }
  limits {
    size   = "16MiB"
    memory = "64MiB"
  }
}
`

// generatedLock has as much in it as that of a service with a few modules.
func generatedLock(name string) *lock.File {
	f := &lock.File{Recipe: name, Output: lock.CurrentOutput()}
	sum := "h1:" + strings.Repeat("A", 43) + "="
	var modules []lock.Module
	for i := range 40 {
		modules = append(modules, lock.Module{Path: fmt.Sprintf("example.org/module%02d", i), Version: "v1.0.0", Sum: sum, GoModSum: sum})
	}
	f.Inputs = []lock.Input{{
		Kind: lock.KindGoModule, Name: "app", Module: "example.org/app", Version: "v1.2.3",
		Sum: sum, Modules: modules, Size: 1000, SHA256: strings.Repeat("1", 64),
	}}
	return f
}

// TestChangedOfMany: exactly what is reached, of 200.
func TestChangedOfMany(t *testing.T) {
	code, stdout, stderr := run("graph", "--recipes", bigProject(t, 200), "--changed", "HEAD")
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	want := map[string]string{}
	for i := 1; i < 200; i += 10 {
		want[fmt.Sprintf("recipe-%04d", i)] = `  var.color: "blue" → "green"` + "\n"
	}
	want["recipe-0010"] = "  recipe.hcl: version, rootfs\n"
	for i := 11; i < 20; i++ {
		want[fmt.Sprintf("recipe-%04d", i)] += "  base recipe-0010: recipe.hcl: version, rootfs\n"
	}
	want["recipe-0023"] += "  file files/conf\n"
	want["recipe-0034"] += "  recipe.lock.hcl: go_module \"app\"\n"
	first, rest, _ := strings.Cut(stdout, "\n")
	if first != fmt.Sprintf("%d of 200 recipes are reached by the changes since HEAD", len(want)) {
		t.Errorf("it says %q", first)
	}
	for block := range strings.SplitSeq(strings.ReplaceAll(rest, "\nrecipe-", "\n\x00recipe-"), "\x00") {
		name, reasons, _ := strings.Cut(block, "\n")
		if want[name] != reasons {
			t.Errorf("%s: reasons %q, want %q", name, reasons, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("not said: %v", want)
	}
}

// BenchmarkProject is about 1,000 recipes: each command has 2 s and 300 MB.
func BenchmarkProject(b *testing.B) {
	dir := bigProject(b, 1000)
	for _, args := range [][]string{
		{"validate", "--recipes", dir},
		{"graph", "--recipes", dir},
		{"graph", "--recipes", dir, "--changed", "HEAD"},
	} {
		name := args[0]
		if len(args) > 3 {
			name += args[3]
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var peak uint64
			for b.Loop() {
				stop := watchHeap(b.Context(), &peak)
				if code, _, stderr := run(args...); code != exitOK {
					b.Fatalf("exit code %d: %s", code, stderr)
				}
				stop()
			}
			b.ReportMetric(float64(peak)/1e6, "peak-MB")
		})
	}
}

// watchHeap looks now and then at how much memory the process has from the system,
// and keeps the most in peak until what it returns is called.
func watchHeap(ctx context.Context, peak *uint64) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			*peak = max(*peak, m.Sys-m.HeapReleased)
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return func() { cancel(); <-done }
}
