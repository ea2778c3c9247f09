package trust_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

// A tripwire is a remote source that must not be asked.
type tripwire struct{ t testing.TB }

func (s tripwire) Remote() bool   { return true }
func (s tripwire) String() string { return "https://example.org/trust" }
func (s tripwire) Read(context.Context, string, int64) ([]byte, error) {
	s.t.Error("offline, and asked a remote source")
	return nil, errors.New("tripwire")
}

func TestOffline(t *testing.T) {
	r, m := setup(t)
	find(t, m.mustOpen(trust.Folder(r.Dir)), mqtt)
	for _, source := range []trust.Source{nil, tripwire{t}, trust.Folder(r.Dir)} {
		v, err := trust.Open(context.Background(), trust.Options{Root: m.pinned, Cache: m.cache, Source: source, Offline: true, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		find(t, v, mqtt)
		if _, ok := source.(tripwire); ok {
			_, err := v.Find(context.Background(), trust.Ref{Name: "tor", Version: "1"})
			refused[*trust.MissingError](t, err)
		}
	}
}

const namespaceVariable = "TAILSBUILD_TEST_TRUST_CACHE"

// TestOfflineInEmptyNamespace: no network is needed to open the cache, in a network
// namespace without so much as a loopback interface that is up.
func TestOfflineInEmptyNamespace(t *testing.T) {
	if cache := os.Getenv(namespaceVariable); cache != "" {
		pinned, err := os.ReadFile(filepath.Join(cache, "roots", "1.root.json"))
		if err != nil {
			t.Fatal(err)
		}
		source, err := trust.HTTP("https://192.0.2.1/trust", trust.HTTPOptions{})
		if err != nil {
			t.Fatal(err)
		}
		v, err := trust.Open(context.Background(), trust.Options{Root: pinned, Cache: cache, Source: source, Offline: true, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		accept(t, v, mqtt)
		return
	}
	r, m := setup(t)
	find(t, m.mustOpen(trust.Folder(r.Dir)), mqtt)
	cmd := exec.Command(os.Args[0], "-test.run=^TestOfflineInEmptyNamespace$", "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), namespaceVariable+"="+m.cache)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) && os.Getenv("CI") != "true" && os.Getenv("TAILSBUILD_REQUIRE_ALL") != "1" {
		t.Skip("this user may not make network namespaces")
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestOfflineInEmptyNamespace")) {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestDamagedCache: a file that was kept only to save a download comes again. What
// remembers is never replaced in silence.
func TestDamagedCache(t *testing.T) {
	files := []string{"timestamp.json", "snapshot.json", "targets.json", "roles/mqtt.json", "roots/2.root.json"}
	damages := map[string]func(path string) error{
		"gone":       os.Remove,
		"empty":      func(p string) error { return os.Truncate(p, 0) },
		"half":       func(p string) error { return os.Truncate(p, 100) },
		"other":      func(p string) error { return os.WriteFile(p, []byte(`{"signed":{},"signatures":[]}`), 0o600) },
		"huge":       func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte("x"), 6_000_000), 0o600) },
		"not a file": func(p string) error { return errors.Join(os.Remove(p), syscall.Mkfifo(p, 0o600)) },
	}
	r, m := setup(t)
	r.Root.Signed.Version = 2
	r.PublishRoot(r.RootKeys[:2]...)
	find(t, m.mustOpen(trust.Folder(r.Dir)), mqtt)
	for _, file := range files {
		for name, damage := range damages {
			if err := damage(filepath.Join(m.cache, file)); err != nil {
				t.Fatal(err)
			}
			v, err := m.open(nil)
			if err == nil {
				_, err = v.Find(context.Background(), mqtt)
			}
			if err == nil {
				t.Errorf("%s %s: good without a source", file, name)
			}
			v = m.mustOpen(trust.Folder(r.Dir))
			find(t, v, mqtt)
			repaired := slices.Contains(v.Repaired(), "2.root.json")
			if want := file == "roots/2.root.json" && name != "gone"; repaired != want {
				t.Errorf("%s %s: repaired %v", file, name, v.Repaired())
			}
			find(t, m.mustOpen(nil), mqtt)
		}
	}
}

func TestDamagedState(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"gone":           os.Remove,
		"empty":          func(p string) error { return os.Truncate(p, 0) },
		"half":           func(p string) error { return os.Truncate(p, 100) },
		"other version":  func(p string) error { return os.WriteFile(p, []byte(`{"version":2}`), 0o600) },
		"unknown member": func(p string) error { return os.WriteFile(p, []byte(`{"version":1,"root":1,"x":1}`), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			r, m := setup(t)
			v := m.mustOpen(trust.Folder(r.Dir))
			accept(t, v, mqtt)
			if err := damage(filepath.Join(m.cache, "state.json")); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_, err := m.open(trust.Folder(r.Dir))
				if e := refused[*trust.CacheError](t, err); e.Dir != m.cache {
					t.Errorf("%v", e)
				}
			}
			refused[*trust.CacheError](t, v.Accept(context.Background(), find(t, v, mqtt)))
			// What a person does who knows what is lost.
			if err := os.RemoveAll(m.cache); err != nil {
				t.Fatal(err)
			}
			refused[*trust.CacheError](t, v.Accept(context.Background(), find(t, v, mqtt)))
			if seen, ok := m.mustOpen(trust.Folder(r.Dir)).Seen("mqtt"); ok {
				t.Errorf("seen %+v", seen)
			}
		})
	}
}

// TestKilledWriter: what a writer left that was killed is neither read nor kept.
func TestKilledWriter(t *testing.T) {
	r, m := setup(t)
	if err := os.MkdirAll(m.cache, 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, m.cache, ".tmp-state.json", []byte(`{"vers`))
	m.mustOpen(trust.Folder(r.Dir))
	put(t, filepath.Join(m.cache, "roots"), ".tmp-2.root.json", []byte("x"))
	put(t, m.cache, ".tmp-state.json", []byte("x"))
	find(t, m.mustOpen(trust.Folder(r.Dir)), mqtt)
	err := filepath.WalkDir(m.cache, func(path string, _ os.DirEntry, err error) error {
		if strings.Contains(path, ".tmp-") {
			t.Errorf("left: %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestOtherTrustRoot: a cache that belongs to another trust root is not believed
// and not overwritten.
func TestOtherTrustRoot(t *testing.T) {
	r, m := setup(t)
	r.Root.Signed.Version = 2
	r.PublishRoot(r.RootKeys[:2]...)
	find(t, m.mustOpen(trust.Folder(r.Dir)), mqtt)
	other, _ := setup(t)
	m.pinned = other.File("1.root.json")
	_, err := m.open(trust.Folder(other.Dir))
	refused[*trust.CacheError](t, err)
	refused[*trust.RollbackError](t, err)
}

func TestLock(t *testing.T) {
	r, m := setup(t)
	m.mustOpen(trust.Folder(r.Dir))
	dir, err := os.Open(m.cache)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	_, err = trust.Open(context.Background(), trust.Options{Root: m.pinned, Cache: m.cache, Now: now, Timeout: 100 * time.Millisecond})
	refused[*trust.BusyError](t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = trust.Open(ctx, trust.Options{Root: m.pinned, Cache: m.cache, Now: now}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	time.AfterFunc(50*time.Millisecond, func() { syscall.Flock(int(dir.Fd()), syscall.LOCK_UN) })
	m.mustOpen(nil)
}

func TestReadOnlyCache(t *testing.T) {
	r, m := setup(t)
	find(t, m.mustOpen(trust.Folder(r.Dir)), mqtt)
	if os.Getuid() == 0 {
		asNobody(t, m.cache)
	}
	for _, dir := range []string{"", "roots", "roles"} {
		if err := os.Chmod(filepath.Join(m.cache, dir), 0o500); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(filepath.Join(m.cache, dir), 0o700)
	}
	v := m.mustOpen(nil)
	refused[*trust.CacheError](t, v.Accept(context.Background(), find(t, v, mqtt)))
}

// asNobody gives dir to a user without rights, and has this thread's access to files
// be that user's until the test ends: root may write everywhere.
func asNobody(t *testing.T, dir string) {
	t.Helper()
	const nobody = 65534
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, nobody, nobody))
	})
	for above := filepath.Dir(dir); err == nil && above != filepath.Clean(os.TempDir()) && above != "/"; above = filepath.Dir(above) {
		err = os.Chmod(above, 0o711)
	}
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	if err := unix.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Setfsuid(0)
		runtime.UnlockOSThread()
	})
}
