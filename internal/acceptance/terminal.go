package acceptance

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

const (
	// shortDigest is how many digits of a digest a person types.
	shortDigest = 12
	// maxAnswer, maxLine and maxLines bound what is read from a terminal and
	// written to it.
	maxAnswer = 256
	maxLine   = 1000
	maxLines  = 40
)

// ask asks the person at the terminal: once about a foreign image, and twice about
// an unsigned one. nil means yes.
func (a *Acceptor) ask(ctx context.Context, v verdict.Verdict) error {
	for _, f := range []*os.File{a.in, a.out} {
		if f == nil || !term.IsTerminal(int(f.Fd())) {
			return ErrNoTerminal
		}
	}
	if err := a.say(describe(v)); err != nil {
		return err
	}
	answer, err := a.question(ctx, "To run it all the same, type yes: ")
	if err != nil {
		return err
	}
	if answer != "yes" {
		return ErrDeclined
	}
	if v.Kind == verdict.Foreign {
		return nil
	}
	answer, err = a.question(ctx, fmt.Sprintf("Once more: type the first %d digits of its digest, behind sha256: ", shortDigest))
	if err != nil {
		return err
	}
	if answer != v.Digest.Encoded()[:shortDigest] {
		return ErrDeclined
	}
	return nil
}

// describe says what is to be accepted.
func describe(v verdict.Verdict) string {
	var b strings.Builder
	line := func(format string, args ...any) { b.WriteString(clean(fmt.Sprintf(format, args...)) + "\n") }
	if v.Kind == verdict.Foreign {
		line("WARNING: this image is foreign. Those who have to vouch for it don't; others have signed it.")
	} else {
		line("WARNING: nobody has signed this image. Anyone can have made or changed it.")
	}
	line("  image   %q", v.Reference)
	line("  digest  %s", v.Digest)
	for i, key := range v.Signers {
		if i == maxLines {
			line("  and %d more", len(v.Signers)-i)
			break
		}
		line("  signed  with key %q", key)
	}
	for i, reason := range append(v.Reasons[:len(v.Reasons):len(v.Reasons)], v.Warnings...) {
		if i == maxLines {
			line("  and %d more", len(v.Reasons)+len(v.Warnings)-i)
			break
		}
		line("  - %s", reason.Text)
	}
	if v.Kind == verdict.Foreign {
		line("To compare a key, ask its owner for the public key, and have this print the same:")
		line("  openssl pkey -pubin -in THEIR.pub -outform DER | openssl dgst -sha256 -binary | base64")
	}
	return b.String()
}

// clean makes s one line that a terminal shows and doesn't obey.
func clean(s string) string {
	s = strings.ReplaceAll(progress.Clean(s), "\n", " ")
	if runes := []rune(s); len(runes) > maxLine {
		s = string(runes[:maxLine]) + "…"
	}
	return s
}

func (a *Acceptor) say(s string) error {
	_, err := io.WriteString(a.out, s)
	return err
}

// question reads a line from the terminal. What was typed before the question is
// thrown away, so that nobody answers what they have not read.
func (a *Acceptor) question(ctx context.Context, prompt string) (string, error) {
	if err := unix.IoctlSetInt(int(a.in.Fd()), unix.TCFLSH, unix.TCIFLUSH); err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	if err := a.say(prompt); err != nil {
		return "", err
	}
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		line, err := readLine(a.in)
		read <- answer{line, err}
	}()
	select {
	case got := <-read:
		return got.line, got.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// readLine reads a line, byte by byte so that it takes nothing of the next one.
func readLine(r io.Reader) (string, error) {
	var line []byte
	for len(line) < maxAnswer {
		var b [1]byte
		n, err := r.Read(b[:])
		switch {
		case n == 1 && b[0] == '\n':
			return strings.TrimSuffix(string(line), "\r"), nil
		case n == 1:
			line = append(line, b[0])
		case err != nil:
			return "", ErrDeclined // the terminal was closed, or its end was typed
		}
	}
	return "", ErrDeclined
}
