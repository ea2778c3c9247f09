// The bench command compares tailsbuild with the plain way to build an image twice
// and look whether the two are the same: buildctl build --no-cache of a Dockerfile,
// two times, and sha256sum; and with cosign, where images are signed and verified.
// What is measured, and how, is in docs/benchmarks.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// roundLimit is how long one round of a case may take, and what goes before the
// first.
const roundLimit = 20 * time.Minute

func main() {
	// A daemon gets its parent-death signal when the thread that started it ends.
	// This one lives as long as the process, so all are started from here.
	runtime.LockOSThread()
	work := run
	if registry, ok := registries[filepath.Base(os.Args[0])]; ok && len(os.Args) == 2 {
		work = func() error { return serve(registry(os.Args[1])) }
	}
	if err := work(); err != nil {
		fmt.Fprintln(os.Stderr, "bench: error:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	rounds := flag.Int("n", 5, "`rounds` of each case")
	only := flag.String("run", "", "only these `cases`, with commas: "+caseNames())
	slow := flag.Bool("slow", false, "have diffoscope compare what takes it minutes, too")
	quick := flag.Bool("quick", false, "one round, to see that the benchmark works")
	program := flag.String("tailsbuild", "../bin/tailsbuild", "`file` of the program")
	repository := flag.String("repository", "..", "`folder` of the repository")
	flag.Parse()
	if *quick {
		*rounds = 1
	}
	cases, err := selectCases(*only)
	if err != nil || flag.NArg() > 0 || *rounds < 1 {
		flag.Usage()
		return errors.Join(err, errors.New("usage"))
	}
	if os.Geteuid() != 0 {
		return errors.New("builds that are comparable need root")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(*rounds+2)*roundLimit)
	defer cancel()
	b, err := newBench(ctx, *program, *repository)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.remove()) }()
	b.slow = *slow
	if err := b.prepare(ctx, cases); err != nil {
		return err
	}
	describeMachine(os.Stdout, b, *rounds)
	for _, d := range cases {
		err := b.bench(ctx, d, *rounds)
		if ctx.Err() != nil {
			return context.Cause(ctx) // what it did to the contenders is no news
		}
		if err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return nil
}

// A bench is one run of this program.
type bench struct {
	repository string
	cache      string // has the peers, once they are built
	ours       ours
	peers      peers
	fetched    map[string]bool // recipes whose inputs the store has
	pairs      *pairs          // nil before a case needs them
	slow       bool            // peers that take minutes run, too
	world      *world          // nil before a case needs it
	dir        string          // holds everything that ends with this run
}

// newBench makes a folder for this run beside the store, so that both are on one
// file system.
func newBench(ctx context.Context, program, repository string) (*bench, error) {
	program, err := filepath.Abs(program)
	if err != nil {
		return nil, err
	}
	repository, err = filepath.Abs(repository)
	if err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	cache = filepath.Join(cache, "tailsbuild-test")
	if err := os.MkdirAll(filepath.Join(cache, "bench"), 0o755); err != nil {
		return nil, err
	}
	runs := filepath.Join(cache, "bench", "run")
	if err := removeStale(runs); err != nil {
		return nil, err
	}
	pid := strconv.Itoa(os.Getpid())
	dir := filepath.Join(runs, pid)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return &bench{
		repository: repository, cache: cache, dir: dir, fetched: map[string]bool{},
		ours:  ours{program: program, store: filepath.Join(cache, "bench", "store"), dir: dir},
		peers: peers{dir: dir, cgroup: cgroupPrefix + pid},
	}, nil
}

// cgroupPrefix begins the name of a run's control group; the number of its process
// follows.
const cgroupPrefix = "tailsbuild-bench-"

// removeStale removes what runs left that were killed: their folders below dir,
// called after their process, and their control groups.
func removeStale(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var errs []error
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join("/proc", e.Name())); errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())), removeCgroups(cgroupPrefix+e.Name()))
		}
	}
	return errors.Join(errs...)
}

func (b *bench) remove() error {
	var err error
	if b.world != nil {
		err = b.world.registry.stop()
	}
	return errors.Join(err, os.RemoveAll(b.dir), removeCgroups(b.peers.cgroup))
}

// bench runs one case, its contenders in turn in every round, and prints what they
// took.
func (b *bench) bench(ctx context.Context, d definition, rounds int) (err error) {
	c, err := d.open(b, ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	for i := range rounds {
		if err := c.round(ctx); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
		fmt.Fprintf(os.Stderr, "bench: %s: round %d of %d\n", d.name, i+1, rounds)
	}
	return c.write(os.Stdout)
}
