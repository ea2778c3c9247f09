package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
)

// A jobs is how many recipes are built at once, as a flag's value.
type jobs struct{ n int }

// jobMemory is what one job may need: what its second builder keeps in memory, and
// what compilers take.
const jobMemory = 2 << 30

// mostJobs is more than any machine here has use for.
const mostJobs = 256

func newJobs(j *jobs) *jobs {
	j.n = 1
	return j
}

func (j *jobs) String() string { return strconv.Itoa(j.n) }
func (j *jobs) Type() string   { return "N" }

func (j *jobs) Set(s string) error {
	if s == "auto" {
		j.n = budget(runtime.GOMAXPROCS(0), availableMemory("/"))
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > mostJobs {
		return fmt.Errorf("must be a number from 1 to %d, or auto", mostJobs)
	}
	j.n = n
	return nil
}

// budget returns how many jobs fit: each has two builders, which use a CPU each.
func budget(cpus int, memory int64) int {
	return int(max(1, min(int64(cpus/2), memory/jobMemory, mostJobs)))
}

// availableMemory returns how many bytes may be taken before the machine swaps or
// the control group, as that of a container, is full: 0 if it can't be known. root
// is where the system's folders are.
func availableMemory(root string) int64 {
	available := int64(0)
	for line := range strings.SplitSeq(readSystem(root, "proc/meminfo"), "\n") {
		if rest, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, " kB")), 10, 53)
			if err == nil {
				available = kib << 10
			}
		}
	}
	// The line of version 2 (cgroups(7)); the groups above have limits, too.
	for line := range strings.SplitSeq(readSystem(root, "proc/self/cgroup"), "\n") {
		group, ok := strings.CutPrefix(line, "0::/")
		for ok {
			dir := filepath.Join("sys/fs/cgroup", group)
			limit, noLimit := strconv.ParseInt(strings.TrimSpace(readSystem(root, filepath.Join(dir, "memory.max"))), 10, 64)
			used, unknown := strconv.ParseInt(strings.TrimSpace(readSystem(root, filepath.Join(dir, "memory.current"))), 10, 64)
			if noLimit == nil && unknown == nil {
				available = min(available, max(0, limit-used))
			}
			if ok = group != "" && group != "."; ok {
				group = filepath.Dir(group)
			}
		}
	}
	return available
}

// readSystem returns what the kernel says in a file, "" if it doesn't.
func readSystem(root, name string) string {
	b, err := regular.Read(filepath.Join(root, name), 1<<20)
	if err != nil {
		return ""
	}
	return string(b)
}

// A turn is the build of one recipe among several.
type turn struct {
	target
	started, done bool
	out           result // nil when there is nothing to show
	err           error
}

// each builds all of todo, up to --jobs at once, and prints what came of them in
// that order. A recipe waits for those before it that it is built on: what is
// wrong with a base is said once, and first. After a failure none is started, and
// those that were end.
func (b *build) each(ctx context.Context, todo []target) error {
	turns := make([]*turn, len(todo))
	for i, one := range todo {
		turns[i] = &turn{target: one}
	}
	ended := make(chan *turn)
	running, printed := 0, 0
	var failed error
	for {
		for running < b.flags.jobs.n && failed == nil {
			t := ready(turns)
			if t == nil {
				break
			}
			t.started = true
			running++
			go func() {
				t.out, t.err = b.one(ctx, t.target)
				ended <- t
			}()
		}
		if running == 0 {
			break
		}
		t := <-ended
		t.done = true
		running--
		failed = errors.Join(failed, t.err)
		for ; printed < len(turns) && turns[printed].done; printed++ {
			failed = errors.Join(failed, b.print(turns[printed]))
		}
	}
	return b.rest(turns[printed:], failed)
}

// rest prints what was built after one that was not.
func (b *build) rest(turns []*turn, failed error) error {
	var not []string
	for _, t := range turns {
		if t.done {
			failed = errors.Join(failed, b.print(t))
		} else {
			not = append(not, t.name())
		}
	}
	if len(not) > 0 {
		b.app.warn("not built: %s", strings.Join(not, ", "))
	}
	return failed
}

func (b *build) print(t *turn) error {
	if t.out == nil {
		return nil
	}
	return b.app.out.print(t.out)
}

// ready returns the first turn that may start, nil if none may.
func ready(turns []*turn) *turn {
	for i, t := range turns {
		waits := func(other *turn) bool { return !other.done && t.isOn(other.name()) }
		if !t.started && !slices.ContainsFunc(turns[:i], waits) {
			return t
		}
	}
	return nil
}

// isOn reports whether t is built on the recipe called base.
func (t target) isOn(base string) bool {
	return slices.ContainsFunc(t, func(l *loaded) bool {
		return slices.ContainsFunc(l.closure[1:], func(r *recipe.Recipe) bool { return r.Name == base })
	})
}

// display returns what the build of the recipe called name draws on. When there
// are several at once, it is lines that begin with the name.
func (b *build) display(name string) (*progress.Display, error) {
	if b.flags.jobs.n == 1 {
		return b.app.display(b.flags.draw)
	}
	mode := b.flags.draw
	if mode.mode == "auto" {
		mode.mode = "plain"
	}
	return progress.New(&lines{w: b.app.stderr, mu: &b.drawing, prefix: name + " "}, mode.mode)
}

// checkJobs refuses displays that show one build only.
func (f *buildFlags) checkJobs() error {
	if mode := f.draw.mode; f.jobs.n > 1 && (mode == "tty" || mode == "rawjson") {
		return usagef("--progress %s shows one build at a time; with --jobs, choose plain or quiet", mode)
	}
	return nil
}

// lines writes whole lines with a prefix each, so that several may write to w.
type lines struct {
	w      io.Writer
	mu     *sync.Mutex
	prefix string
	begun  []byte // a line without its end
}

func (l *lines) Write(p []byte) (int, error) {
	l.begun = append(l.begun, p...)
	end := bytes.LastIndexByte(l.begun, '\n') + 1
	if end == 0 {
		return len(p), nil
	}
	var out bytes.Buffer
	for line := range bytes.Lines(l.begun[:end]) {
		if len(bytes.TrimSpace(line)) > 0 {
			out.WriteString(l.prefix)
			out.Write(line)
		}
	}
	l.begun = append([]byte(nil), l.begun[end:]...)
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.w.Write(out.Bytes())
	return len(p), err
}
