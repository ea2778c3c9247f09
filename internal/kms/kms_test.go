package kms

import (
	"bytes"
	"context"
	"crypto/elliptic"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/kms/kmstest"
	"gitlab.com/tailsbuild/tailsbuild/internal/ownership"
)

// TestMain is the fake program, too.
func TestMain(m *testing.M) {
	if os.Getenv(kmstest.ModeVariable) != "" {
		os.Exit(kmstest.Fake(os.Args))
	}
	os.Exit(m.Run())
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// self returns the path of the test's own program, which is the fake.
func self(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	check(t, err)
	return path
}

// fake returns a key that the fake in mode holds.
func fake(t testing.TB, mode string, env ...string) *Key {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	check(t, kmstest.NewKey(path, elliptic.P256()))
	s := &Scheme{Name: "fake", Program: self(t), Environment: map[string]string{
		kmstest.ModeVariable: mode, kmstest.KeyVariable: path,
	}}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		s.Environment[name] = value
	}
	c := &Config{schemes: map[string]*Scheme{"fake": s}}
	k, err := c.Key("fake://one")
	check(t, err)
	return k
}

var ctx = context.Background()

func TestProgram(t *testing.T) {
	for _, mode := range []string{kmstest.Good, kmstest.Noisy} {
		k := fake(t, mode)
		pub, err := k.PublicKey(ctx)
		check(t, err)
		if !bytes.HasPrefix(pub, []byte("-----BEGIN PUBLIC KEY-----\n")) {
			t.Errorf("%s: public key %q", mode, pub)
		}
		sig, err := k.SignMessage(ctx, make([]byte, 1<<20))
		check(t, err)
		if len(sig) < 64 {
			t.Errorf("%s: signature %x", mode, sig)
		}
	}
	if k := fake(t, kmstest.Good); k.String() != "fake://one" || k.NeedsPIN() {
		t.Errorf("%s, needs a PIN: %v", k, k.NeedsPIN())
	}
}

// TestProgramFails: whatever a program does wrong, there is an error, soon, and
// nothing of it is left.
func TestProgramFails(t *testing.T) {
	for mode, want := range map[string]string{
		kmstest.Hang:      context.DeadlineExceeded.Error(),
		kmstest.Orphan:    "WaitDelay expired",
		kmstest.Endless:   "answer: more than 65536 bytes",
		kmstest.Junk:      "no answer",
		kmstest.Twice:     "something follows the answer",
		kmstest.Empty:     "the answer has no ",
		kmstest.Fail:      "exit status 1",
		kmstest.ErrorZero: "no such key",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			k := fake(t, mode)
			if k.patience = 30 * time.Second; mode == kmstest.Hang {
				k.patience = 300 * time.Millisecond
			}
			start := time.Now()
			for name, do := range map[string]func() ([]byte, error){
				"public key": func() ([]byte, error) { return k.PublicKey(ctx) },
				"signature":  func() ([]byte, error) { return k.SignMessage(ctx, []byte("message")) },
			} {
				b, err := do()
				var failed *ProgramError
				if !errors.As(err, &failed) || b != nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %q, %v, want %q", name, b, err, want)
				}
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := fake(t, kmstest.Good).PublicKey(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestMessageLimit(t *testing.T) {
	var limit *LimitError
	if _, err := fake(t, kmstest.Hang).SignMessage(ctx, make([]byte, MaxMessage+1)); !errors.As(err, &limit) {
		t.Errorf("got %v", err)
	}
}

// TestPIN: it reaches the program, by the pipe alone: the fake looks for it in its
// arguments and variables.
func TestPIN(t *testing.T) {
	k := fake(t, kmstest.Good, kmstest.PINVariable+"=54321")
	t.Setenv("TAILSBUILD_PASSWORD", "12345")
	for pin, want := range map[string]string{"12345": "", "1234": "wrong PIN", "123456": "wrong PIN", "": "wrong PIN"} {
		_, err := k.WithPIN([]byte(pin)).PublicKey(ctx)
		var said *AnswerError
		if want == "" && err != nil || want != "" && (!errors.As(err, &said) || said.Message != want) {
			t.Errorf("PIN %q: %v", pin, err)
		}
	}
	var said *AnswerError
	if _, err := k.PublicKey(ctx); !errors.As(err, &said) || said.Message != "no PIN" {
		t.Errorf("without: %v", err)
	}
	var limit *LimitError
	if _, err := k.WithPIN(make([]byte, MaxPIN+1)).PublicKey(ctx); !errors.As(err, &limit) {
		t.Errorf("long: %v", err)
	}
}

// TestEnvironment: a program gets what its configuration says, and no more.
func TestEnvironment(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	t.Setenv("VAULT_TOKEN", "s.1")
	t.Setenv("AWS_PROFILE", "me")
	t.Setenv("TAILSBUILD_PASSWORD", "secret")
	s := &Scheme{Variables: []string{"VAULT_TOKEN", "NOT_SET"}, Environment: map[string]string{"B": "2", "A": "1"}}
	got := strings.Join(s.environment(true), " ")
	want := "LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/home/me VAULT_TOKEN=s.1 A=1 B=2 TAILSBUILD_PIN_FD=3"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestReferences(t *testing.T) {
	c := &Config{schemes: map[string]*Scheme{"fake": {Name: "fake", Program: self(t)}}, files: []string{"a", "b"}}
	var bad *ReferenceError
	for _, ref := range []string{
		"fake://", "://key", "Fake://key", "-f://key", "../fake://key", "fake://a b", "fake://a\nb", "fake://a\x00",
		"fake://a\u202eb", "fake://a\xff", "fake", "", "fake://" + strings.Repeat("x", maxReference),
	} {
		if k, err := c.Key(ref); !errors.As(err, &bad) || k != nil {
			t.Errorf("%.50q: %v", ref, err)
		}
	}
	var scheme *SchemeError
	if _, err := c.Key("other://key"); !errors.As(err, &scheme) || scheme.Scheme != "other" || len(scheme.Files) != 2 {
		t.Errorf("got %v", err)
	}
	for _, ref := range []string{"fake://key", "fake:///alias/x", "fake://projects/p/locations/l?x=1"} {
		if _, err := c.Key(ref); err != nil || !IsReference(ref) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if IsReference("my.key") || IsReference("/a/b:c") {
		t.Error("a path is a reference")
	}
}

// TestUnsafe: a program that others could have changed is never run; package
// ownership has all the ways.
func TestUnsafe(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, mode fs.FileMode) string {
		path := filepath.Join(dir, name)
		check(t, os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755))
		check(t, os.Chmod(path, mode))
		return path
	}
	good := write("good", 0o750)
	if got, err := (&Scheme{Program: good}).program(); err != nil || got != good {
		t.Errorf("%s, %v", got, err)
	}
	var unsafe *ownership.UnsafeError
	for path, want := range map[string]string{
		write("world", 0o757): "others may write",
		write("data", 0o644):  "not executable",
		dir:                   "not a regular file",
		"program":             "not an absolute path",
	} {
		if _, err := (&Scheme{Program: path}).program(); !errors.As(err, &unsafe) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if _, err := (&Scheme{Program: filepath.Join(dir, "none")}).program(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	// Before each operation, not only the first.
	k := fake(t, kmstest.Good)
	k.scheme.Program = write("changed", 0o757)
	if _, err := k.PublicKey(ctx); !errors.As(err, &unsafe) {
		t.Errorf("got %v", err)
	}
}

func TestReadConfig(t *testing.T) {
	dir := t.TempDir()
	write := func(name, src string, mode fs.FileMode) string {
		path := filepath.Join(dir, name)
		check(t, os.WriteFile(path, []byte(src), 0o644))
		check(t, os.Chmod(path, mode))
		return path
	}
	scheme := func(name string) string {
		return fmt.Sprintf("scheme %q {\n  program = %q\n}\n", name, self(t))
	}
	user := write("user", scheme("a")+"scheme \"b\" {\n  program = \"/nowhere\"\n}\n", 0o600)
	machine := write("machine", scheme("b")+scheme("c"), 0o644)
	none := filepath.Join(dir, "none")

	c, err := ReadConfig(none, user, machine)
	check(t, err)
	for _, ref := range []string{"a://x", "c://x"} {
		if _, err := c.Key(ref); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if _, err := c.Key("b://x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the machine's scheme is used instead of the user's: %v", err)
	}
	c, err = ReadConfig(none)
	check(t, err)
	var absent *SchemeError
	if _, err := c.Key("a://x"); !errors.As(err, &absent) {
		t.Errorf("got %v", err)
	}
	var unsafe *ownership.UnsafeError
	if c, err := ReadConfig(user, write("open", scheme("d"), 0o666)); !errors.As(err, &unsafe) || c != nil {
		t.Errorf("got %v", err)
	}
	var limit *LimitError
	if c, err := ReadConfig(write("large", strings.Repeat("\n", maxConfig+1), 0o644)); !errors.As(err, &limit) || c != nil {
		t.Errorf("got %v", err)
	}
	var wrong *ConfigError
	if c, err := ReadConfig(user, write("wrong", "\nscheme \"x\" {}\n", 0o644)); !errors.As(err, &wrong) || c != nil ||
		!strings.Contains(err.Error(), "wrong:2: Missing program: ") {
		t.Errorf("got %v", err)
	}
	t.Setenv("XDG_CONFIG_HOME", "/home/me/.config")
	if got := strings.Join(ConfigFiles(), " "); got != "/home/me/.config/tailsbuild/keys.hcl /etc/tailsbuild/keys.hcl" {
		t.Error(got)
	}
	t.Setenv("XDG_CONFIG_HOME", "project/config") // not the user's, as it depends on where we are
	if got := strings.Join(ConfigFiles(), " "); got != "/etc/tailsbuild/keys.hcl" {
		t.Error(got)
	}
}
