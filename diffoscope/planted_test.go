package diffoscope

import (
	"archive/tar"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

// A planted case makes a tree twice, with a real tool, in two situations that differ
// in one thing, and once more with what mends it.
type planted struct {
	name string
	want cause.Name
	mend string // a part of the mend that has to be named
	// needs are the programs that the script runs, beside those of coreutils.
	needs string
	// a and b are the situations: what a shell runs before the script.
	a, b string
	// script writes below $OUT, in an empty folder that it may write into.
	script string
	// fixed is the script as mended, so that both give the same.
	fixed string
	// headers puts times, modes and owners of files into the image.
	headers bool
	// builds are what the comparison is told of the two.
	builds cause.Builds
}

// Situations that many have in common.
const (
	sameClock  = `export LD_PRELOAD="$CLOCK"`
	laterClock = `export LD_PRELOAD="$CLOCK" CLOCK_OFFSET=98`
	nextWeek   = `export LD_PRELOAD="$CLOCK" CLOCK_OFFSET=691200`

	pathOne = `mkdir -p one/src; cd one/src`
	pathTwo = `mkdir -p another/src; cd another/src`

	inC      = `export LC_ALL=C`
	inGerman = `export LC_ALL=de_DE.UTF-8`

	utc     = `export TZ=UTC`
	farEast = `export TZ=XYZ-13:30`

	oneCPU   = `JOBS=1`
	manyCPUs = `JOBS=4`

	userOne = `[ -n "${INSIDE-}" ] || INSIDE=1 exec unshare --map-user=1000 --map-group=1000 sh -eu "$0"`
	userTwo = `[ -n "${INSIDE-}" ] || INSIDE=1 exec unshare --map-user=4321 --map-group=4321 sh -eu "$0"`

	hostOne = `[ -n "${INSIDE-}" ] || INSIDE=1 exec unshare --map-root-user --uts sh -eu "$0"; hostname alder`
	hostTwo = `[ -n "${INSIDE-}" ] || INSIDE=1 exec unshare --map-root-user --uts sh -eu "$0"; hostname birch-with-a-longer-name`

	// A tmpfs lists what was made last first, as ext4 does by hash.
	madeForward  = `FOLDER=$(mktemp -d /dev/shm/planted-XXXXXXXX); cd "$FOLDER"; for f in banana.txt apple.txt cherry.txt date.txt; do echo $f >$f; touch -d @0 $f; done`
	madeBackward = `FOLDER=$(mktemp -d /dev/shm/planted-XXXXXXXX); cd "$FOLDER"; for f in date.txt cherry.txt apple.txt banana.txt; do echo $f >$f; touch -d @0 $f; done`

	sameSeed  = `export PYTHONHASHSEED=1 PERL_HASH_SEED=1`
	otherSeed = `export PYTHONHASHSEED=7 PERL_HASH_SEED=7`
)

var hosts = cause.Builds{Varied: map[string]cause.Variation{"hostname": {A: "alder", B: "birch-with-a-longer-name"}}}

// TestPlanted: causes that real tools plant are called by their names, and nothing
// differs once they are mended. Of those that this machine can plant, one in twelve
// may be called something else, since tools change.
func TestPlanted(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs many tools")
	}
	all := slices.Concat(plantedTimes, plantedPlaces, plantedOrders, plantedValues)
	tools := plantedTools(t)
	var mu sync.Mutex
	named, missed := 0, []string{}
	t.Run("case", func(t *testing.T) {
		for _, p := range all {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				got := p.causes(t, tools)
				mu.Lock()
				defer mu.Unlock()
				for _, c := range got {
					t.Logf("%s %s, %d at %q: %q %q, %s, mend %q", c.Name, c.Confidence, c.N, c.Places[0], c.A, c.B, c.Detail, c.Mend)
				}
				if slices.ContainsFunc(got, p.named) {
					named++
					return
				}
				missed = append(missed, p.name)
				t.Logf("MISSED: want %s with %q", p.want, p.mend)
			})
		}
	})
	total := named + len(missed)
	t.Logf("%d of %d named, %d could not be planted; others: %q", named, total, len(all)-total, missed)
	if 12*len(missed) > total {
		t.Errorf("%d of %d are called something else: %q", len(missed), total, missed)
	}
	if os.Getenv("TAILSBUILD_REQUIRE_ALL") != "" && named < 55 {
		t.Errorf("%d were named, want 55 or more", named)
	}
}

func (p planted) named(c Cause) bool { return c.Name == p.want && strings.Contains(c.Mend, p.mend) }

// causes plants p, and returns what the comparison says of it.
func (p planted) causes(t *testing.T, env []string) []Cause {
	for _, tool := range strings.Fields(p.needs) {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	p.skipWithout(t, env)
	dir := t.TempDir() // one for all four, so that nothing but the situation differs
	a, b := p.image(t, dir, env, p.a, p.script), p.image(t, dir, env, p.b, p.script)
	c, err := CompareBuilds(t.Context(), a, b, p.builds)
	check(t, err)
	if c.Identical() {
		t.Fatal("both are identical: nothing was planted")
	}
	if len(c.Differences) == 0 || len(c.Causes) == 0 {
		t.Fatalf("%d differences, %d causes", len(c.Differences), len(c.Causes))
	}
	a, b = p.image(t, dir, env, p.a, p.fixed), p.image(t, dir, env, p.b, p.fixed)
	mended, err := CompareBuilds(t.Context(), a, b, p.builds)
	check(t, err)
	if !mended.Identical() {
		say := t.Logf // another version of a tool may not know the mend
		if os.Getenv("TAILSBUILD_REQUIRE_ALL") != "" {
			say = t.Errorf
		}
		say("mended, they differ by %s, at %q: %q %q", mended.Causes[0].Name, mended.Causes[0].Places, mended.Causes[0].A, mended.Causes[0].B)
	}
	return c.Causes
}

// skipWithout skips what this machine can't plant.
func (p planted) skipWithout(t *testing.T, env []string) {
	has := func(name, file string) bool {
		i := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		_, err := os.Stat(filepath.Join(strings.TrimPrefix(env[i], name+"="), file))
		return err == nil
	}
	switch situations := p.a + p.b; {
	case strings.Contains(situations, "$CLOCK") && !has("CLOCK", ""):
		t.Skip("no clock that runs ahead, which takes gcc")
	case strings.Contains(situations, "de_DE") && !has("LOCPATH", "de_DE.UTF-8"):
		t.Skip("no German locale")
	case strings.Contains(situations, "taskset") && runtime.NumCPU() < 2:
		t.Skip("one CPU")
	}
}

// image runs script in a situation and returns the image of what it wrote.
func (p planted) image(t *testing.T, dir string, env []string, situation, script string) *Image {
	out, work := filepath.Join(dir, "out"), filepath.Join(dir, "work")
	for _, d := range []string{out, work} {
		check(t, os.RemoveAll(d))
		check(t, os.Mkdir(d, 0o755))
	}
	file := filepath.Join(dir, "script")
	check(t, os.WriteFile(file, []byte("umask 022\n"+situation+"\n"+script+"\n"), 0o644))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-eu", file)
	cmd.Dir = work
	cmd.Env = append(slices.Clone(env), "OUT="+out)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("not planted: %v: %s", err, text)
	}
	i := newTestImage()
	i.layers[1].entries = p.entries(t, out)
	return open(t, i.write(t))
}

// entries returns the tree below dir.
func (p planted) entries(t *testing.T, dir string) []testEntry {
	var list []testEntry
	check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		e := file(name, "")
		if p.headers {
			h, err := tar.FileInfoHeader(info, "")
			if err != nil {
				return err
			}
			e.Header.Mode, e.Header.Uid, e.Header.Gid, e.Header.ModTime = h.Mode, h.Uid, h.Gid, h.ModTime.Truncate(time.Second)
		}
		switch {
		case d.IsDir():
			e.Header.Typeflag, e.Header.Name = tar.TypeDir, name+"/"
		case info.Mode().IsRegular():
			body, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			e.body = string(body)
		default:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			e.Header.Typeflag, e.Header.Linkname = tar.TypeSymlink, target
		}
		list = append(list, e)
		return nil
	}))
	return list
}

// clockSource makes every clock of a program run ahead, since the machine's can't.
const clockSource = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *t) {
	static int (*real)(clockid_t, struct timespec *);
	if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
	int r = real(id, t);
	const char *offset = getenv("CLOCK_OFFSET");
	if (offset && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) t->tv_sec += atol(offset);
	return r;
}
time_t time(time_t *p) {
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	if (p) *p = t.tv_sec;
	return t.tv_sec;
}
int gettimeofday(struct timeval *v, void *zone) {
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	v->tv_sec = t.tv_sec;
	v->tv_usec = t.tv_nsec / 1000;
	return 0;
}
`

// plantedTools makes what situations need, as far as this machine can, and returns
// the scripts' environment.
func plantedTools(t *testing.T) []string {
	dir := t.TempDir()
	env := []string{
		"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "HOME=" + dir, "TZ=UTC", "LC_ALL=C",
		"LOCPATH=" + dir, "CLOCK=" + filepath.Join(dir, "clock.so"),
		"GOFLAGS=-mod=mod", "GOPROXY=off", "GOTOOLCHAIN=local", "CGO_ENABLED=0",
	}
	cache, err := os.UserCacheDir()
	check(t, err)
	if c := os.Getenv("GOCACHE"); c != "" {
		cache = filepath.Dir(c)
	}
	env = append(env, "GOCACHE="+filepath.Join(cache, "go-build"))
	check(t, os.WriteFile(filepath.Join(dir, "clock.c"), []byte(clockSource), 0o644))
	for _, args := range [][]string{
		{"gcc", "-shared", "-fPIC", "-o", filepath.Join(dir, "clock.so"), filepath.Join(dir, "clock.c"), "-ldl"},
		{"localedef", "-i", "de_DE", "-f", "UTF-8", filepath.Join(dir, "de_DE.UTF-8")},
	} {
		if text, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Logf("%s: %v: %s", args[0], err, text)
		}
	}
	return env
}
