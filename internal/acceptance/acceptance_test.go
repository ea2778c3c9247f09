package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

var (
	image = digest.FromString("an image")
	short = image.Encoded()[:12]
	noon  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

func judged(kind verdict.Kind) verdict.Verdict {
	v := verdict.Verdict{
		Kind: kind, Reference: "registry.example/app:1", Digest: image, Name: "registry.example/app", Scope: "**",
		Reasons: []verdict.Reason{{Code: verdict.NotListed, Text: `The trust root "tails" isn't known to list it.`}},
	}
	if kind == verdict.Foreign {
		v.Signers = []string{"KEY="}
		v.Warnings = []verdict.Reason{{Code: verdict.ForeignSigner, Text: `It is signed with the key "KEY=".`}}
	}
	return v
}

// acceptor returns one whose administrator's file and log are in a folder of the
// test's.
func acceptor(t *testing.T, in, out *os.File) *Acceptor {
	t.Helper()
	a := New(in, out, filepath.Join(t.TempDir(), "log", "accepted.jsonl"))
	a.config = config{root: t.TempDir(), file: ConfigFile, owner: uint32(os.Getuid())}
	a.uid = 1000
	return a
}

// A terminal is a pseudo-terminal: what the program has, and the person's side.
type terminal struct {
	program, person *os.File
	seen            chan byte
	text            bytes.Buffer
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{program: program, person: person, seen: make(chan byte, 1<<20)}
	go func() {
		defer close(term.seen)
		for {
			var b [1024]byte
			n, err := person.Read(b[:])
			for _, c := range b[:n] {
				term.seen <- c
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { program.Close(); person.Close() })
	return term
}

// until reads what the program writes until it ends in want.
func (term *terminal) until(t *testing.T, want string) {
	t.Helper()
	for !strings.HasSuffix(term.text.String(), want) {
		select {
		case c, ok := <-term.seen:
			if !ok {
				t.Fatalf("the terminal closed after\n%s", &term.text)
			}
			term.text.WriteByte(c)
		case <-time.After(10 * time.Second):
			t.Fatalf("%q doesn't come after\n%s", want, &term.text)
		}
	}
}

func (term *terminal) write(t *testing.T, s string) {
	t.Helper()
	if _, err := io.WriteString(term.person, s); err != nil {
		t.Fatal(err)
	}
}

// questions are how the two questions end.
var questions = []string{"type yes: ", "behind sha256: "}

// answer runs Accept, and writes an answer to each question.
func answer(t *testing.T, a *Acceptor, term *terminal, v verdict.Verdict, answers ...string) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- a.Accept(context.Background(), v, noon) }()
	for i, s := range answers {
		term.until(t, questions[i])
		term.write(t, s)
	}
	select {
	case err := <-done:
		return err
	case <-time.After(10 * time.Second):
		t.Fatalf("it still waits after\n%s", &term.text)
		return nil
	}
}

func entries(t *testing.T, a *Acceptor) []Entry {
	t.Helper()
	b, err := os.ReadFile(a.log)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []Entry
	for line := range strings.Lines(string(b)) {
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, e)
	}
	return all
}

func TestPerson(t *testing.T) {
	for name, test := range map[string]struct {
		kind    verdict.Kind
		answers []string
		want    error
	}{
		"unsigned":         {verdict.Unsigned, []string{"yes\n", short + "\n"}, nil},
		"once":             {verdict.Unsigned, []string{"yes\n", "yes\n"}, ErrDeclined},
		"no":               {verdict.Unsigned, []string{"no\n"}, ErrDeclined},
		"nothing":          {verdict.Unsigned, []string{"\n"}, ErrDeclined},
		"y":                {verdict.Unsigned, []string{"y\n"}, ErrDeclined},
		"other digest":     {verdict.Unsigned, []string{"yes\n", "000000000000\n"}, ErrDeclined},
		"part":             {verdict.Unsigned, []string{"yes\n", short[:11] + "\n"}, ErrDeclined},
		"capitals":         {verdict.Unsigned, []string{"yes\n", strings.ToUpper(short) + "\n"}, ErrDeclined},
		"end":              {verdict.Unsigned, []string{"\x04"}, ErrDeclined},
		"end later":        {verdict.Unsigned, []string{"yes\n", "\x04"}, ErrDeclined},
		"long":             {verdict.Unsigned, []string{strings.Repeat("yes ", 100) + "\n"}, ErrDeclined},
		"foreign":          {verdict.Foreign, []string{"yes\n"}, nil},
		"foreign declined": {verdict.Foreign, []string{"never\n"}, ErrDeclined},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			term := newTerminal(t)
			a := acceptor(t, term.program, term.program)
			err := answer(t, a, term, judged(test.kind), test.answers...)
			if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			var e *NotAcceptedError
			if err != nil && (!errors.As(err, &e) || e.Verdict.Kind != test.kind) {
				t.Errorf("%#v", err)
			}
			want := []Entry{{
				Version: 1, Time: noon, Verdict: test.kind, Reference: "registry.example/app:1", Digest: image, Scope: "**",
				Reasons: []string{"not-listed"}, Signers: judged(test.kind).Signers, By: "person", User: 1000,
			}}
			if test.want != nil {
				want = nil
			}
			if diff := cmp.Diff(want, entries(t, a)); diff != "" {
				t.Error(diff)
			}
			text := term.text.String()
			for _, part := range []string{"WARNING: ", `"registry.example/app:1"`, string(image), "isn't known to list it."} {
				if !strings.Contains(text, part) {
					t.Errorf("it doesn't say %q:\n%s", part, text)
				}
			}
			if test.kind == verdict.Foreign && (!strings.Contains(text, "KEY=") || !strings.Contains(text, "openssl pkey")) {
				t.Errorf("it doesn't say who signed, and how to compare:\n%s", text)
			}
		})
	}
}

// What is typed, or pasted, before a question is no answer to it.
func TestTypedAhead(t *testing.T) {
	term := newTerminal(t)
	a := acceptor(t, term.program, term.program)
	term.write(t, "yes\n"+short+"\n")
	if err := answer(t, a, term, judged(verdict.Unsigned), "no\n"); !errors.Is(err, ErrDeclined) {
		t.Error(err)
	}
	both := newTerminal(t)
	a = acceptor(t, both.program, both.program)
	if err := answer(t, a, both, judged(verdict.Unsigned), "yes\n"+short+"\n", "x\n"); !errors.Is(err, ErrDeclined) {
		t.Error(err)
	}
}

// A foreign image is asked about every time.
func TestEveryTime(t *testing.T) {
	a := acceptor(t, nil, nil)
	for i := range 3 {
		term := newTerminal(t)
		a.in, a.out = term.program, term.program
		if err := answer(t, a, term, judged(verdict.Foreign), "yes\n"); err != nil {
			t.Fatal(err)
		}
		if n := len(entries(t, a)); n != i+1 {
			t.Errorf("%d entries after %d", n, i+1)
		}
	}
}

func TestNoTerminal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := io.WriteString(w, "yes\n"+short+"\n"); err != nil {
		t.Fatal(err)
	}
	term := newTerminal(t)
	for name, files := range map[string][2]*os.File{
		"none": {nil, nil}, "pipe": {r, w}, "in": {term.program, w}, "out": {r, term.program}, "closed": {nil, term.program},
	} {
		a := acceptor(t, files[0], files[1])
		for _, kind := range []verdict.Kind{verdict.Foreign, verdict.Unsigned} {
			if err := a.Accept(context.Background(), judged(kind), noon); !errors.Is(err, ErrNoTerminal) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if entries(t, a) != nil {
			t.Errorf("%s: it is in the log", name)
		}
	}
}

// What is refused can't be accepted, whoever says so.
func TestRefused(t *testing.T) {
	for _, kind := range []verdict.Kind{verdict.Refused, "", "other"} {
		term := newTerminal(t)
		a := acceptor(t, term.program, term.program)
		configure(t, a, 0o644, accept(image))
		if err := a.Accept(context.Background(), judged(kind), noon); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	a := acceptor(t, nil, nil)
	if err := a.Accept(context.Background(), judged(verdict.Trusted), noon); err != nil || entries(t, a) != nil {
		t.Error(err)
	}
	v := judged(verdict.Unsigned)
	v.Digest = "sha256:short"
	if err := a.Accept(context.Background(), v, noon); !errors.Is(err, ErrNoDigest) {
		t.Error(err)
	}
}

func TestCancelled(t *testing.T) {
	term := newTerminal(t)
	a := acceptor(t, term.program, term.program)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Accept(ctx, judged(verdict.Unsigned), noon) }()
	term.until(t, questions[0])
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if entries(t, a) != nil {
		t.Error("it is in the log")
	}
	term.write(t, "\n") // for the read that still waits
}

// Nothing that is shown can speak to the terminal.
func TestHostile(t *testing.T) {
	const evil = "x\x1b[2J\u202e\u200b\r\nThis image is trusted.\x07"
	v := judged(verdict.Foreign)
	v.Reference = evil
	v.Signers = []string{evil}
	v.Reasons = []verdict.Reason{{Text: evil + strings.Repeat("y", 5000)}}
	for range 200 {
		v.Warnings = append(v.Warnings, verdict.Reason{Text: evil})
	}
	text := describe(v)
	if strings.ContainsAny(text, "\x1b\x07\u202e\r") || strings.Contains(text, "\nThis") {
		t.Errorf("%q", text)
	}
	if len(text) > 10_000 || strings.Count(text, "\n") > 60 {
		t.Errorf("%d bytes", len(text))
	}
}

func TestLog(t *testing.T) {
	accepting := func(t *testing.T) *Acceptor {
		a := acceptor(t, nil, nil)
		configure(t, a, 0o644, accept(image))
		return a
	}
	t.Run("cut off", func(t *testing.T) {
		a := accepting(t)
		if err := os.MkdirAll(filepath.Dir(a.log), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(a.log, []byte(`{"version":1,"ti`), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := a.Accept(context.Background(), judged(verdict.Unsigned), noon); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(a.log)
		if err != nil || bytes.Count(b, []byte("\n")) != 2 || !bytes.HasPrefix(b, []byte("{\"version\":1,\"ti\n{\"version\":1,\"time\":")) {
			t.Errorf("%s %v", b, err)
		}
	})
	t.Run("mode", func(t *testing.T) {
		a := accepting(t)
		if err := a.Accept(context.Background(), judged(verdict.Unsigned), noon); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(a.log); err != nil || info.Mode().Perm() != 0o600 {
			t.Error(info, err)
		}
	})
	for name, make := range map[string]func(path string) error{
		"folder": func(p string) error { return os.MkdirAll(p, 0o700) },
		"link":   func(p string) error { return os.Symlink("/dev/null", p) },
		"pipe":   func(p string) error { return unix.Mkfifo(p, 0o600) },
		"file":   func(p string) error { return os.Remove(filepath.Dir(p)) },
	} {
		t.Run(name, func(t *testing.T) {
			a := accepting(t)
			if err := os.MkdirAll(filepath.Dir(a.log), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := make(a.log); err != nil {
				t.Fatal(err)
			}
			if name == "file" {
				if err := os.WriteFile(filepath.Dir(a.log), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var e *LogError
			if err := a.Accept(context.Background(), judged(verdict.Unsigned), noon); !errors.As(err, &e) {
				t.Errorf("accepted without a log: %v", err)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		a := accepting(t)
		a.log = ""
		if err := a.Accept(context.Background(), judged(verdict.Unsigned), noon); err == nil {
			t.Error("accepted without a log")
		}
	})
}
