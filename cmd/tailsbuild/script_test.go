package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/apk/apktest"
	"gitlab.com/tailsbuild/tailsbuild/internal/kms/kmstest"
)

func TestMain(m *testing.M) {
	// The scripts' builders are this test binary, started again.
	if code, ok := builder.Child(); ok {
		os.Exit(code)
	}
	// And the machines of docs/three-auditors.md.
	if name := os.Getenv(machineVariable); name != "" {
		os.Exit(machine(name, os.Args[1:]))
	}
	// And a program that holds keys.
	if os.Getenv(kmstest.ModeVariable) != "" {
		os.Exit(kmstest.Fake(os.Args))
	}
	testscript.Main(m, map[string]func(){"tailsbuild": main})
}

// TestScripts runs the command line as people do: testdata/script/*.txtar, one
// behaviour each. What they need besides Go is in requirements.
//
// In scripts, $SELF is a program that holds keys, $RECIPES and $POLICIES are this
// repository's, $MIRROR is a mirror of Alpine's,
// $STORE a store of the script's own and $SHARED one that all scripts share.
func TestScripts(t *testing.T) {
	recipes, err := filepath.Abs("../../recipes")
	if err != nil {
		t.Fatal(err)
	}
	mirror := mirror(t)
	env, shared := goEnv(t), t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition:           condition,
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, env...)
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("SELF", self)
			e.Setenv("RECIPES", recipes)
			e.Setenv("POLICIES", filepath.Join(filepath.Dir(recipes), "policies"))
			e.Setenv("MIRROR", mirror)
			e.Setenv("STORE", filepath.Join(e.WorkDir, "store"))
			e.Setenv("SHARED", shared)
			// Nobody, whom some scripts run as, has to get there.
			return errors.Join(os.Chmod(e.WorkDir, 0o755), os.Chmod(filepath.Dir(e.WorkDir), 0o755))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":     code,
			"apks":     apks(),
			"nobody":   nobody,
			"tmpfs":    tmpfs,
			"empty":    empty,
			"signal":   signal,
			"gone":     gone,
			"alpine":   alpine,
			"spoil":    spoil,
			"serve":    serve,
			"token":    token,
			"valid":    valid,
			"service":  service,
			"registry": inProcess,
		},
	})
}

// mirror returns the folder with Alpine's files beside the repository, and where
// there is none, as in a public CI, Alpine's CDN.
func mirror(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../../shared/mirror/alpine")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	return "https://dl-cdn.alpinelinux.org/alpine"
}

// goEnv returns what the go command needs to find modules when HOME is another.
func goEnv(t *testing.T) []string {
	t.Helper()
	var env []string
	for _, name := range []string{"GOMODCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOFLAGS"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(out)))
	}
	return env
}

// token makes a PKCS#11 token in software, and configures the program for it:
// token DIR. $TOKEN_KEY refers to its key, and DIR/pin has its PIN.
func token(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: token DIR")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	made, err := kmstest.NewToken("../..", dir)
	ts.Check(err)
	config := filepath.Join(ts.Getenv("HOME"), ".config/tailsbuild/keys.hcl")
	ts.Check(os.MkdirAll(filepath.Dir(config), 0o755))
	ts.Check(os.Rename(made.Config, config))
	ts.Setenv("TOKEN_KEY", kmstest.TokenKey)
	ts.Setenv("TOKEN_P384", kmstest.TokenP384)
}

// inProcess starts a registry, which $REGISTRY names: registry.
func inProcess(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: registry")
	}
	s := httptest.NewServer(registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0))))
	ts.Defer(s.Close)
	ts.Setenv("REGISTRY", strings.TrimPrefix(s.URL, "http://"))
}

// valid checks that every line of stdout has the form that docs/schemas/NAME.json
// says: valid NAME.
func valid(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: valid NAME")
	}
	schema, err := jsonschema.NewCompiler().Compile("../../docs/schemas/" + args[0] + ".json")
	ts.Check(err)
	lines := strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n")
	for _, line := range lines {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		ts.Check(err)
		ts.Check(schema.Validate(v))
	}
}

// requirements are the conditions of scripts, with what is missing, "" if nothing.
var requirements = map[string]func() string{
	// Alpine's own mirrors have newer packages than the recipes lock.
	"mirror": func() string {
		if _, err := os.Stat("../../../shared/mirror/alpine/v3.19/main"); err != nil {
			return "mirror of Alpine's packages beside the project"
		}
		return ""
	},
	"softhsm": func() string {
		for _, name := range []string{"softhsm2-util", "gcc"} {
			if _, err := exec.LookPath(name); err != nil {
				return name
			}
		}
		return ""
	},
	"builders": missingBuilders,
	"emulation": func() string {
		if missing := missingBuilders(); missing != "" {
			return missing
		}
		if err := builder.CheckArch("aarch64"); err != nil {
			return err.Error()
		}
		const mirror = "../../../shared/mirror/alpine"
		if _, err := os.Stat(mirror); err == nil {
			if _, err := os.Stat(mirror + "/v3.20/releases/aarch64"); err != nil {
				return "Alpine for aarch64 in the mirror"
			}
		}
		return ""
	},
}

func missingBuilders() string {
	if os.Geteuid() != 0 {
		return "root"
	}
	for _, name := range []string{"runc", "crun"} {
		if _, err := exec.LookPath(name); err != nil {
			return name
		}
	}
	return ""
}

// condition answers whether a requirement is met. Where everything is required,
// as in CI, one that isn't fails the script rather than skipping it.
func condition(cond string) (bool, error) {
	need, ok := requirements[cond]
	if !ok {
		return false, fmt.Errorf("no such condition")
	}
	missing := need()
	if missing != "" && (os.Getenv("CI") == "true" || os.Getenv("TAILSBUILD_REQUIRE_ALL") == "1") {
		return false, fmt.Errorf("nothing may be skipped here, and this machine has no %s", missing)
	}
	return missing == "", nil
}

// code runs a program and wants an exit code: code 3 tailsbuild validate.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code CODE PROGRAM ARGS...")
	}
	run(ts, args[0], args[1:], nil)
}

// apks makes an apk repository: apks DIR KEY INDEXKEY NAME-VERSION...
// Packages are signed with the key called KEY, and the index with INDEXKEY; - is
// no signature. KEY.rsa.pub is written, and keys stay the same within a script.
func apks() func(*testscript.TestScript, bool, []string) {
	type id struct{ dir, name string }
	made := map[id]*apktest.Key{}
	var making sync.Mutex
	key := func(ts *testscript.TestScript, name string) *apktest.Key {
		if name == "-" {
			return nil
		}
		making.Lock()
		defer making.Unlock()
		dir, of := ts.MkAbs("."), id{ts.MkAbs("."), name}
		if made[of] == nil {
			// What comes after a slash tells keys of one name apart.
			file, _, _ := strings.Cut(name, "/")
			k, err := newKey(file + ".rsa.pub")
			ts.Check(err)
			ts.Check(os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, "/", "-")+".rsa.pub"), k.PEM, 0o644))
			made[of] = k
		}
		return made[of]
	}
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < 4 {
			ts.Fatalf("usage: apks DIR KEY INDEXKEY NAME-VERSION...")
		}
		r := apktest.Repository{Key: key(ts, args[1]), IndexKey: key(ts, args[2])}
		for _, arg := range args[3:] {
			name, version, _ := strings.Cut(arg, "-")
			r.Packages = append(r.Packages, apktest.Package{Name: name, Version: version, Files: []apktest.File{
				{Name: "usr/"}, {Name: "usr/share/"}, {Name: "usr/share/" + name, Content: "hello\n", Time: 1700000000},
			}})
		}
		ts.Check(r.Write(ts.MkAbs(args[0])))
	}
}

// nobody is code, but as a user without any rights.
func nobody(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: nobody CODE PROGRAM ARGS...")
	}
	run(ts, args[0], args[1:], &syscall.Credential{Uid: 65534, Gid: 65534})
}

func run(ts *testscript.TestScript, want string, args []string, as *syscall.Credential) {
	wanted, err := strconv.Atoi(want)
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, lookPath(ts, args[0]), args[1:]...)
	cmd.Args[0] = args[0]
	cmd.Dir, cmd.Env = ts.MkAbs("."), environ(ts)
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	if got := cmd.ProcessState.ExitCode(); got != wanted {
		ts.Fatalf("exit code %d, want %d", got, wanted)
	}
}

// lookPath finds a program in the script's PATH, or in its folder if name is a path.
func lookPath(ts *testscript.TestScript, name string) string {
	if strings.Contains(name, "/") {
		return ts.MkAbs(name)
	}
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	ts.Fatalf("%s: not found in PATH", name)
	return ""
}

// environ returns the script's variables that programs here look at.
func environ(ts *testscript.TestScript) []string {
	names := []string{
		"PATH", "HOME", "TMPDIR", "TAILSBUILD_PASSWORD", "GOMODCACHE", "GOPROXY",
		"GOSUMDB", "GONOSUMDB", "GOFLAGS", "GOCACHE", "GOCOVERDIR",
	}
	var env []string
	for _, name := range names {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// tmpfs mounts a small disk for the rest of the script: tmpfs DIR SIZE.
func tmpfs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tmpfs DIR SIZE")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+args[1]+",mode=0777"))
	ts.Defer(func() { ts.Check(unix.Unmount(dir, unix.MNT_DETACH)) })
}

// empty wants that there is nothing in folders, or no folder at all.
func empty(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: empty DIR...")
	}
	for _, dir := range args {
		entries, err := os.ReadDir(ts.MkAbs(dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			ts.Fatalf("%v", err)
		}
		for _, e := range entries {
			ts.Logf("left in %s: %s", dir, e.Name())
		}
		if len(entries) > 0 {
			ts.Fatalf("%s is not empty", dir)
		}
	}
}

// signal sends a signal to the script's background programs as soon as a file is
// there: signal INT FILE.
func signal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: signal NAME FILE")
	}
	sig := unix.SignalNum("SIG" + args[0])
	if sig == 0 {
		ts.Fatalf("no signal %s", args[0])
	}
	pattern := ts.MkAbs(args[1])
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			break
		}
		if time.Since(start) > time.Minute {
			ts.Fatalf("no %s within a minute", args[1])
		}
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(sig))
	}
}

// gone wants that, very soon, no process of the script is left, and no mount.
func gone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: gone")
	}
	work := []byte(ts.Getenv("WORK"))
	var left []string
	for start := time.Now(); time.Since(start) < 5*time.Second; time.Sleep(50 * time.Millisecond) {
		left = nil
		lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
		ts.Check(err)
		for _, path := range append(lines, "/proc/self/mountinfo") {
			if b, err := os.ReadFile(path); err == nil && bytes.Contains(b, work) {
				left = append(left, fmt.Sprintf("%s: %q", path, b))
			}
		}
		if left == nil {
			return
		}
	}
	ts.Fatalf("left: %s", strings.Join(left, "\n"))
}
