package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestCompileIsTheRecipes: the peers run the command of the recipe that they are
// compared with.
func TestCompileIsTheRecipes(t *testing.T) {
	run, err := script("../recipes", "mqtt")
	if err != nil {
		t.Fatal(err)
	}
	_, command, ok := strings.Cut(run, "cd \"$SRC\"\n")
	if !ok {
		t.Fatalf("the recipe's script begins otherwise:\n%s", run)
	}
	b, err := os.ReadFile("cases/mqtt/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(strings.TrimSpace(command), `"$OUT/usr/bin/mqtt"`, "/out/usr/bin/mqtt", 1)
	if !strings.Contains(string(b), want) {
		t.Errorf("the peers' Dockerfile does not run %s", want)
	}
}

// TestScript: the bare compile runs what the recipe does.
func TestScript(t *testing.T) {
	run, err := script("../recipes", "registry")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"cd \"$SRC\"\n", "sed -i -E", "version.version=v3.", `-o "$OUT/usr/bin/registry" ./cmd/registry`} {
		if !strings.Contains(run, want) {
			t.Errorf("no %q in\n%s", want, run)
		}
	}
	if _, err := script("../recipes", "sftp"); err == nil {
		t.Error("a recipe without a script has one")
	}
}

// TestPackagesAreTheRecipes: the peers install what the recipe installs.
func TestPackagesAreTheRecipes(t *testing.T) {
	b, err := os.ReadFile("../recipes/sftp/recipe.hcl")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), `packages = ["openssh-server", "openssh-sftp-server"]`) {
		t.Error("recipes/sftp has other packages")
	}
	d, err := os.ReadFile("cases/sftp/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{"Dockerfile": string(d), "apkByHand": apkByHand} {
		if !strings.Contains(script, " openssh-server openssh-sftp-server") {
			t.Errorf("%s has other packages", name)
		}
	}
}

func TestSelectCases(t *testing.T) {
	all, err := selectCases("")
	if err != nil || len(all) != len(definitions) {
		t.Errorf("all cases are %d, %v", len(all), err)
	}
	for _, d := range all {
		one, err := selectCases(d.name)
		if err != nil || len(one) != 1 || one[0].name != d.name {
			t.Errorf("case %s is %v, %v", d.name, one, err)
		}
	}
	if some, err := selectCases("verify,start"); err != nil || len(some) != 2 || some[1].name != "start" {
		t.Errorf("two cases are %v, %v", some, err)
	}
	if _, err := selectCases("none"); err == nil {
		t.Error("there is a case none")
	}
}

// TestPeersAreTheEmbedded: the peers are BuildKit as tailsbuild embeds it.
func TestPeersAreTheEmbedded(t *testing.T) {
	for _, file := range []string{"go.mod", "../go.mod"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if want := peerModule + " " + peerVersion; !strings.Contains(string(b), want) {
			t.Errorf("%s does not require %s", file, want)
		}
	}
}

// TestMeasureCountsGrandchildren: a builder's containers are its grandchildren.
func TestMeasureCountsGrandchildren(t *testing.T) {
	const burn = `i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done`
	cmd := exec.Command("sh", "-c", `sh -c "$1"; true`, "sh", burn)
	c, err := measure(nil, 1, func() error { return start(cmd).wait() })
	if err != nil {
		t.Fatal(err)
	}
	if c.cpu < 50*time.Millisecond || c.wall < 50*time.Millisecond {
		t.Errorf("cost is %+v, want at least 50 ms of each", c)
	}
}

// TestMeasureCountsTheDaemon: of a daemon that was there before, only what it used
// meanwhile is counted.
func TestMeasureCountsTheDaemon(t *testing.T) {
	cmd := exec.Command("sh", "-c", `while :; do :; done`)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	time.Sleep(500 * time.Millisecond)
	c, err := measure(&daemon{cmd: cmd}, 1, func() error {
		time.Sleep(300 * time.Millisecond)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.cpu < 2*tick || c.cpu > 350*time.Millisecond {
		t.Errorf("cpu is %s, want that of about 300 ms", c.cpu)
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{[]float64{2}, "2.00 [2.00..2.00]"},
		{[]float64{3, 1}, "2.00 [1.00..3.00]"},
		{[]float64{9, 1, 5}, "5.00 [1.00..9.00]"},
	} {
		if got := spreadOf(c.values).String(); got != c.want {
			t.Errorf("spread of %v is %s, want %s", c.values, got, c.want)
		}
	}
}

func TestRatiosArePerRound(t *testing.T) {
	us := &contender{costs: []cost{{wall: 1 * time.Second}, {wall: 6 * time.Second}}}
	them := &contender{costs: []cost{{wall: 2 * time.Second}, {wall: 2 * time.Second}}}
	if got := us.over(them, wall).String(); got != "1.75 [0.50..3.00]" {
		t.Errorf("over is %s", got)
	}
	if got := us.beyond(them, wall).String(); got != "-0.50 [-3.00..2.00]" {
		t.Errorf("beyond is %s", got)
	}
}

func TestSameSeesADifference(t *testing.T) {
	dir := t.TempDir()
	a, b, c := dir+"/a", dir+"/b", dir+"/c"
	for name, content := range map[string]string{a: "1", b: "1", c: "2"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := same(context.Background(), a, b); err != nil {
		t.Error(err)
	}
	if err := same(context.Background(), a, c); err == nil {
		t.Error("two files that differ are the same")
	}
}

// TestRemoveStale: what a killed run left goes, what a live one has stays.
func TestRemoveStale(t *testing.T) {
	dir := t.TempDir()
	live, dead := filepath.Join(dir, strconv.Itoa(os.Getpid())), filepath.Join(dir, strconv.Itoa(1<<22+1)) // more than pid_max
	for _, run := range []string{live, dead} {
		if err := os.Mkdir(run, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeStale(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(live); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dead); err == nil {
		t.Errorf("%s is still there", dead)
	}
	if err := removeStale(filepath.Join(dir, "none")); err != nil {
		t.Error(err)
	}
}
