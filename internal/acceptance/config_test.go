package acceptance

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

func accept(d digest.Digest) string {
	return "accept \"" + string(d) + "\" {\n  reason = \"looked at\"\n}\n"
}

// configure writes the administrator's file of a and returns its path.
func configure(t *testing.T, a *Acceptor, mode fs.FileMode, content string) string {
	t.Helper()
	path := filepath.Join(a.config.root, a.config.file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return path
}

func TestNew(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	a := New(nil, nil, "log")
	if a.config != (config{root: "/", file: "/etc/tailsbuild/accepted.hcl", owner: 0}) {
		t.Errorf("%+v", a.config)
	}
}

func TestConfiguration(t *testing.T) {
	for _, kind := range []verdict.Kind{verdict.Foreign, verdict.Unsigned} {
		a := acceptor(t, nil, nil)
		configure(t, a, 0o644, accept(digest.FromString("other"))+accept(image))
		if err := a.Accept(context.Background(), judged(kind), noon); err != nil {
			t.Error(err)
		}
		if got := entries(t, a); len(got) != 1 || got[0].By != "configuration" || got[0].Reason != "looked at" || got[0].Verdict != kind {
			t.Errorf("%+v", got)
		}
	}
	a := acceptor(t, nil, nil)
	configure(t, a, 0o644, accept(digest.FromString("other")))
	if err := a.Accept(context.Background(), judged(verdict.Unsigned), noon); !errors.Is(err, ErrNoTerminal) {
		t.Error(err)
	}
}

// TestUnsafe: a file that others could have written accepts nothing, and nobody
// is asked while it is there.
func TestUnsafe(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, a *Acceptor, path string) error
		want  error
	}{
		"group":        {func(_ *testing.T, _ *Acceptor, p string) error { return os.Chmod(p, 0o664) }, ErrWritable},
		"others":       {func(_ *testing.T, _ *Acceptor, p string) error { return os.Chmod(p, 0o646) }, ErrWritable},
		"folder":       {func(_ *testing.T, _ *Acceptor, p string) error { return os.Chmod(filepath.Dir(p), 0o777) }, ErrWritable},
		"sticky":       {func(_ *testing.T, _ *Acceptor, p string) error { return unix.Chmod(filepath.Dir(p), 0o1777) }, ErrWritable},
		"upper folder": {func(_ *testing.T, _ *Acceptor, p string) error { return os.Chmod(filepath.Dir(filepath.Dir(p)), 0o775) }, ErrWritable},
		"owner": {func(_ *testing.T, a *Acceptor, _ string) error {
			a.config.owner++
			return nil
		}, ErrOwner},
		"link": {func(_ *testing.T, _ *Acceptor, p string) error {
			return errors.Join(os.Rename(p, p+".real"), os.Symlink(p+".real", p))
		}, ErrKind},
		"folder's link": {func(_ *testing.T, _ *Acceptor, p string) error {
			d := filepath.Dir(p)
			return errors.Join(os.Rename(d, d+".real"), os.Symlink(d+".real", d))
		}, ErrKind},
		"pipe": {func(_ *testing.T, _ *Acceptor, p string) error {
			return errors.Join(os.Remove(p), unix.Mkfifo(p, 0o644))
		}, ErrKind},
		"directory": {func(_ *testing.T, _ *Acceptor, p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o755)) }, ErrKind},
		"large":     {func(_ *testing.T, _ *Acceptor, p string) error { return os.Truncate(p, maxConfig+1) }, ErrSize},
		"wrong":     {func(_ *testing.T, _ *Acceptor, p string) error { return os.WriteFile(p, []byte("accept {"), 0o644) }, nil},
		"unknown": {func(_ *testing.T, _ *Acceptor, p string) error {
			return os.WriteFile(p, []byte(accept(image)+"allow \"x\" {}\n"), 0o644)
		}, nil},
		"twice": {func(_ *testing.T, _ *Acceptor, p string) error {
			return os.WriteFile(p, []byte(accept(image)+accept(image)), 0o644)
		}, nil},
		"short": {func(_ *testing.T, _ *Acceptor, p string) error {
			return os.WriteFile(p, []byte(accept("sha256:ab")), 0o644)
		}, nil},
		"no reason": {func(_ *testing.T, _ *Acceptor, p string) error {
			return os.WriteFile(p, []byte(strings.Replace(accept(image), "looked at", " ", 1)), 0o644)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			term := newTerminal(t)
			a := acceptor(t, term.program, term.program)
			path := configure(t, a, 0o644, accept(image))
			if err := test.spoil(t, a, path); err != nil {
				t.Fatal(err)
			}
			err := a.Accept(context.Background(), judged(verdict.Unsigned), noon)
			var e *ConfigError
			if !errors.As(err, &e) || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if entries(t, a) != nil {
				t.Error("it is in the log")
			}
		})
	}
}

// Root's file, for real, as another user and as root.
func TestOwnedByAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	a := acceptor(t, nil, nil)
	path := configure(t, a, 0o644, accept(image))
	if err := os.Chown(path, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if err := a.Accept(context.Background(), judged(verdict.Unsigned), noon); !errors.Is(err, ErrOwner) {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(accept(image)))
	f.Fuzz(func(t *testing.T, src []byte) {
		accepted, diags := decode("f.hcl", src)
		if diags.HasErrors() {
			return
		}
		for d, reason := range accepted {
			if d.Validate() != nil || strings.TrimSpace(reason) == "" {
				t.Errorf("%q accepted for %q", d, reason)
			}
		}
	})
}
