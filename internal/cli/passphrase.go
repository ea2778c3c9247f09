package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"gitlab.com/tailsbuild/tailsbuild/internal/kms"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
)

const (
	passwordVariable = "TAILSBUILD_PASSWORD"
	passwordLimit    = 4 << 10
)

// passphraseFlag says where a key's passphrase comes from.
type passphraseFlag struct{ file string }

func (f *passphraseFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.file, "password-file", "", "`FILE` whose first line is the key's passphrase (default: ask, or "+passwordVariable+")")
}

// A noPassphraseError says that a passphrase is needed and nobody can be asked.
type noPassphraseError struct{ Key string }

func (e *noPassphraseError) Error() string {
	return e.Key + ": no passphrase given, and stdin is no terminal to ask on"
}

// passphrase returns the passphrase of the key at path: from the file if the flag
// is set, else from the environment, else from a person, who is asked twice if
// twice is set.
func (a *app) passphrase(ctx context.Context, f passphraseFlag, path string, twice bool) ([]byte, error) {
	if f.file != "" {
		b, err := readPassphrase(f.file)
		if err != nil {
			return nil, err
		}
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		if len(rest) > 0 {
			return nil, fmt.Errorf("%s: a passphrase is one line, and this has more", f.file)
		}
		return bytes.TrimSuffix(line, []byte("\r")), nil
	}
	if p, ok := os.LookupEnv(passwordVariable); ok {
		return []byte(p), nil
	}
	if a.stdin == nil || !term.IsTerminal(int(a.stdin.Fd())) {
		return nil, &noPassphraseError{path}
	}
	p, err := a.ask(ctx, secretName(path)+" for "+path+": ")
	if err != nil || !twice {
		return p, err
	}
	again, err := a.ask(ctx, "The same again: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(p, again) {
		return nil, errors.New("the two passphrases differ")
	}
	return p, nil
}

// readPassphrase reads what may be a pipe, such as /dev/stdin or what a shell makes of
// <(command): a passphrase need not be on a disk.
func readPassphrase(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, passwordLimit+1))
	if err == nil && len(b) > passwordLimit {
		err = &regular.LimitError{Path: path, Limit: passwordLimit}
	}
	return b, err
}

// secretName returns what the secret of the key at path is called.
func secretName(path string) string {
	if kms.IsReference(path) {
		return "PIN"
	}
	return "Passphrase"
}

// ask reads a line from the terminal without showing it. When ctx ends first the
// terminal is put back as it was, since the read itself can't be interrupted.
func (a *app) ask(ctx context.Context, prompt string) ([]byte, error) {
	fd := int(a.stdin.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	fmt.Fprint(a.stderr, prompt)
	defer fmt.Fprintln(a.stderr)
	type answer struct {
		line []byte
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		read <- answer{line, err}
	}()
	select {
	case got := <-read:
		return got.line, got.err
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), term.Restore(fd, state))
	}
}
