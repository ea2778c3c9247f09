package debian

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
)

const (
	// maxDepth is how deep what diffoscope says may nest.
	maxDepth = 30
	// maxLines is how many lines of a diff are kept.
	maxLines = 200
)

// errTooMuch reports that diffoscope says more than Limits.Output.
var errTooMuch = errors.New("it says too much")

// compare runs diffoscope on the two sides of p, the n-th file.
func (x *explainer) compare(ctx context.Context, n int, p *pair) (*diffoscope.Difference, error) {
	switch {
	case p.large:
		return nil, fmt.Errorf("larger than %d bytes", x.limits.Size)
	case p.paths[0] == "" || p.paths[1] == "":
		return nil, errors.New("another layer hides it")
	}
	out, err := x.run(ctx, fmt.Sprint(n), p)
	if err != nil {
		return nil, err
	}
	var said said
	if err := json.Unmarshal(out, &said); err != nil {
		return nil, err
	}
	d := said.difference(0)
	d.Name, d.Format = "diffoscope", "Debian's diffoscope"
	return d, nil
}

// run returns what diffoscope writes as JSON.
func (x *explainer) run(ctx context.Context, folder string, p *pair) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, x.limits.Time)
	defer cancel()
	rel := func(path string) string { return strings.TrimPrefix(path, folder+string(filepath.Separator)) }
	cmd := exec.CommandContext(ctx, x.program, "--no-progress", "--json", "-", "--exclude-directory-metadata", "yes",
		"--max-container-depth", "5", "--max-diff-block-lines", fmt.Sprint(maxLines), rel(p.paths[0]), rel(p.paths[1]))
	cmd.Dir = filepath.Join(x.temp, folder)
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC", "HOME=" + cmd.Dir, "TMPDIR=" + cmd.Dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	out := &limitedBuffer{left: x.limits.Output, full: cancel}
	var complaint limitedBuffer
	complaint.left = 2000
	cmd.Stdout, cmd.Stderr = out, &complaint
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	limited := x.limit(cmd.Process.Pid)
	if limited != nil {
		cancel()
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	switch {
	case limited != nil:
		return nil, limited
	case out.over:
		return nil, errTooMuch
	case ctx.Err() != nil:
		return nil, fmt.Errorf("not done in %s", x.limits.Time)
	case errors.As(err, &exit) && exit.ExitCode() == 1: // it found differences
		return out.b.Bytes(), nil
	case err != nil:
		return nil, fmt.Errorf("%w: %s", err, lastLine(complaint.b.String()))
	}
	return nil, errors.New("it sees no difference")
}

// limit bounds the process pid and those that it starts.
func (x *explainer) limit(pid int) error {
	cpu := uint64(x.limits.Time/time.Second) + 1
	return errors.Join(
		unix.Prlimit(pid, unix.RLIMIT_AS, &unix.Rlimit{Cur: x.limits.Memory, Max: x.limits.Memory}, nil),
		unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1 << 30, Max: 1 << 30}, nil),
		unix.Prlimit(pid, unix.RLIMIT_CPU, &unix.Rlimit{Cur: cpu, Max: cpu}, nil),
		unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil),
	)
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// A limitedBuffer keeps what it can, and calls full when there is more.
type limitedBuffer struct {
	b    bytes.Buffer
	left int64
	over bool
	full func()
}

func (l *limitedBuffer) Write(p []byte) (int, error) {
	if int64(len(p)) > l.left {
		l.over = true
		l.b.Write(p[:l.left])
		l.left = 0
		if l.full != nil {
			l.full()
		}
		return len(p), nil
	}
	l.left -= int64(len(p))
	return l.b.Write(p)
}

// said is a difference as diffoscope writes it.
type said struct {
	Source1     string   `json:"source1"`
	Source2     string   `json:"source2"`
	Comments    []string `json:"comments"`
	UnifiedDiff *string  `json:"unified_diff"`
	Details     []said   `json:"details"`
}

// difference returns s as one of ours. Each that isn't the innermost has its diff as
// its first child.
func (s *said) difference(depth int) *diffoscope.Difference {
	d := &diffoscope.Difference{Kind: diffoscope.KindDebian, Name: s.Source1, Offset: -1}
	if s.Source2 != s.Source1 {
		d.Name += " and " + s.Source2
	}
	if len(s.Comments) > 0 {
		d.Name += ": " + strings.Join(s.Comments, "; ")
	}
	if s.UnifiedDiff != nil {
		d.Diff, d.DiffCut = firstLines(*s.UnifiedDiff)
	}
	if len(s.Details) == 0 || depth == maxDepth {
		return d
	}
	if len(d.Diff) > 0 {
		own := *d
		own.Name = "diff"
		d.Children, d.Diff, d.DiffCut = append(d.Children, &own), nil, false
	}
	for i := range s.Details {
		d.Children = append(d.Children, s.Details[i].difference(depth+1))
	}
	return d
}

// firstLines returns the first lines of a diff, and whether there are more.
func firstLines(diff string) ([]byte, bool) {
	at := 0
	for range maxLines {
		n := strings.IndexByte(diff[at:], '\n')
		if n < 0 {
			return []byte(diff), false
		}
		at += n + 1
	}
	return []byte(diff[:at]), at < len(diff)
}
