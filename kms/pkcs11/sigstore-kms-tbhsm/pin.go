package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// The variables that say where the PIN comes from. It is never in one itself:
// other processes can read those.
const (
	pinFD   = "TAILSBUILD_PIN_FD" // the file descriptor to read it from; tailsbuild sets this
	pinFile = "TBHSM_PIN_FILE"
)

// maxPIN is the size, in bytes, of the longest PIN.
const maxPIN = 4 << 10

// readPIN returns the PIN of the token: from the descriptor, from the file, or from
// the person at the terminal, whichever there is first.
func readPIN(ctx context.Context, token string) (string, error) {
	if fd := os.Getenv(pinFD); fd != "" {
		n, err := strconv.ParseUint(fd, 10, 16)
		if err != nil || n < 3 {
			return "", fmt.Errorf("%s=%q is no descriptor from 3 on", pinFD, fd)
		}
		return readLine(os.NewFile(uintptr(n), "PIN"))
	}
	if path := os.Getenv(pinFile); path != "" {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		info, err := f.Stat()
		if err != nil {
			return "", errors.Join(err, f.Close())
		}
		if info.Mode().Perm()&0o077 != 0 {
			return "", errors.Join(fmt.Errorf("%s: others can read it (%s); chmod 600", path, info.Mode()), f.Close())
		}
		return readLine(f)
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", fmt.Errorf("no PIN: %s names no file, and there is no terminal to ask on", pinFile)
	}
	defer tty.Close()
	fmt.Fprintf(tty, "PIN of the token %q: ", token)
	pin, err := term.ReadPassword(int(tty.Fd()))
	fmt.Fprintln(tty)
	return string(pin), errors.Join(err, ctx.Err())
}

// readLine returns the one line of f, and closes it.
func readLine(f *os.File) (string, error) {
	b, err := io.ReadAll(io.LimitReader(f, maxPIN+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	line, rest, _ := bytes.Cut(b, []byte("\n"))
	if len(b) > maxPIN || len(rest) > 0 {
		return "", fmt.Errorf("%s: a PIN is one line of at most %d bytes", f.Name(), maxPIN)
	}
	return string(bytes.TrimSuffix(line, []byte("\r"))), nil
}
