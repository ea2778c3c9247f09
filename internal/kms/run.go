package kms

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// patience is how long one operation may take: a token may wait for a touch, a
// service for its network.
const patience = 60 * time.Second

// call runs the program for one operation and returns its answer.
func (k *Key) call(ctx context.Context, method string, message []byte) (*response, error) {
	program, err := k.scheme.program()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, k.patience)
	defer cancel()
	deadline, _ := ctx.Deadline()
	args, err := encodeArguments(k.resource, method, deadline)
	if err != nil {
		return nil, err
	}
	stdout, stderr, err := k.run(ctx, exec.CommandContext(ctx, program, args...), message)
	if err != nil {
		return nil, &ProgramError{Program: program, Key: k.reference, Err: err, Output: stderr}
	}
	resp, err := decodeResponse(stdout)
	if err != nil {
		return nil, &ProgramError{Program: program, Key: k.reference, Err: err, Output: stderr}
	}
	return resp, nil
}

// run returns what the program wrote, if it ended well. What it answers is an error
// when it says so, whatever its exit code.
func (k *Key) run(ctx context.Context, cmd *exec.Cmd, message []byte) (_ []byte, errs string, err error) {
	stdout, stderr := &buffer{limit: maxOutput}, &buffer{limit: maxStderr, cut: true}
	cmd.Dir, cmd.Env = "/", k.scheme.environment(k.pin != nil)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(message), stdout, stderr
	// A session of its own has no terminal to ask on, and can be killed whole.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	stdout.stop = func() { _ = cmd.Cancel() } // that it was too much is the error
	cmd.WaitDelay = 2 * time.Second
	if k.pin != nil {
		read, err := pipe(k.pin)
		if err != nil {
			return nil, "", err
		}
		defer read.Close()
		cmd.ExtraFiles = []*os.File{read} // descriptor 3
	}
	// The death signal is sent when this thread ends, not only with the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Run()
	switch {
	case stdout.full:
		return nil, stderr.b.String(), &LimitError{What: "answer", Limit: maxOutput}
	case ctx.Err() != nil:
		return nil, stderr.b.String(), ctx.Err()
	}
	if r, bad := decodeResponse(stdout.b.Bytes()); bad == nil && r.ErrorMessage != "" {
		return nil, stderr.b.String(), &AnswerError{r.ErrorMessage}
	}
	return stdout.b.Bytes(), stderr.b.String(), err
}

// pipe returns a pipe from which secret, and nothing after it, can be read.
func pipe(secret []byte) (*os.File, error) {
	if len(secret) > MaxPIN {
		return nil, &LimitError{What: "PIN", Limit: MaxPIN}
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	// It is smaller than a pipe's buffer, so that this doesn't wait.
	_, err = write.Write(secret)
	if err = errors.Join(err, write.Close()); err != nil {
		return nil, errors.Join(err, read.Close())
	}
	return read, nil
}

// environment returns the variables that the program gets: its configuration, and
// those of the user's that the configuration names. Passphrases are not among them.
func (s *Scheme) environment(pin bool) []string {
	env := []string{"LC_ALL=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, name := range slices.Concat([]string{"HOME"}, s.Variables) {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	for _, name := range sortedKeys(s.Environment) {
		env = append(env, name+"="+s.Environment[name])
	}
	if pin {
		env = append(env, PINVariable+"=3")
	}
	return env
}

// failed is for an answer that isn't one.
func (k *Key) failed(err error) error {
	return &ProgramError{Program: k.scheme.Program, Key: k.reference, Err: err}
}

// A buffer takes limit bytes. What follows is left out if cut; else it stops
// whoever writes. The bytes are no embedded field: its other methods would know no
// limit.
type buffer struct {
	b     bytes.Buffer
	limit int
	cut   bool
	full  bool
	stop  func()
}

func (b *buffer) Write(p []byte) (int, error) {
	room := b.limit - b.b.Len()
	if len(p) <= room {
		return b.b.Write(p)
	}
	b.b.Write(p[:room])
	b.full = true
	if b.cut {
		return len(p), nil
	}
	b.stop()
	return room, fmt.Errorf("more than %d bytes", b.limit)
}
