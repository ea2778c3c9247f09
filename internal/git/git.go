// Package git reads the files of a folder as they were at a revision, with the
// git command. It changes nothing, runs no hooks and filters, and uses no network.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	maxStderr = 16 << 10        // how much of git's errors is kept
	patience  = 2 * time.Minute // that one git command may take
)

// A RevisionError reports that Revision names no commit of the repository.
type RevisionError struct{ Revision string }

func (e *RevisionError) Error() string {
	return fmt.Sprintf("git knows no commit %q", e.Revision)
}

// A CommandError reports a git command that did not work.
type CommandError struct {
	Args []string
	// Output is what git wrote to stderr, at most 16 KiB of it.
	Output string
	Err    error
}

func (e *CommandError) Error() string {
	s := fmt.Sprintf("git %s: %v", e.Args[0], e.Err)
	if e.Output != "" {
		s += ": " + strings.TrimSpace(e.Output)
	}
	return s
}

func (e *CommandError) Unwrap() error { return e.Err }

// A LimitError reports that What is larger than Limit bytes.
type LimitError struct {
	What  string
	Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("git: %s: more than %d bytes", e.What, e.Limit)
}

// environment returns the variables that git gets: those by which it finds itself
// and the user's settings, and none that say which repository, index or program it
// is to use, as those of a hook do.
func environment() []string {
	env := []string{
		"LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0",
		// What a partial clone lacks is missing; it is not fetched.
		"GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none",
	}
	for _, name := range []string{"PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "SUDO_UID"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// run runs git in dir, with stdin if it isn't nil, and returns what it prints, at
// most limit bytes.
func run(ctx context.Context, dir string, stdin []byte, limit int64, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", append([]string{"--no-pager", "--no-replace-objects", "--literal-pathspecs"}, args...)...)
	stdout, stderr := &buffer{limit: limit}, &buffer{limit: maxStderr, cut: true}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, environment(), stdout, stderr
	if stdin != nil {
		cmd.Stdin = bytes.NewReader(stdin)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	// The death signal is sent when this thread ends, not only with the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, &CommandError{Args: args, Err: ctx.Err()}
	case stdout.full:
		return nil, &LimitError{What: "output of " + args[0], Limit: limit}
	case err != nil:
		return nil, &CommandError{Args: args, Output: stderr.b.String(), Err: err}
	}
	return stdout.b.Bytes(), nil
}

// exitCode returns the code with which the command that err is about ended, -1 if
// it didn't.
func exitCode(err error) int {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return -1
	}
	return exit.ExitCode()
}

// A buffer takes limit bytes. What follows is an error or, if cut, left out. The
// bytes are no embedded field: its other methods would know no limit.
type buffer struct {
	b     bytes.Buffer
	limit int64
	cut   bool
	full  bool
}

var errFull = errors.New("too much output")

func (b *buffer) Write(p []byte) (int, error) {
	rest := b.limit - int64(b.b.Len())
	if int64(len(p)) <= rest {
		return b.b.Write(p)
	}
	if !b.cut {
		b.full = true
		return 0, errFull
	}
	b.b.Write(p[:rest])
	return len(p), nil
}
