package builder

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/hashicorp/hcl/v2"
	"github.com/moby/buildkit/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/util/grpcerrors"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"

	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
)

// solve has the daemon solve p and returns what it made.
func (d *daemon) solve(ctx context.Context, p *Plan, inputs content.Store, draw *progress.Display) (*Result, error) {
	label := d.name
	if emulated(p.arch) {
		label += " " + p.arch // two platforms have steps in common
	}
	r := &Result{
		Builder:    d.name,
		Layout:     filepath.Join(d.dir, "image"),
		Plan:       p.Digest(),
		Invocation: invocation(),
		Variation:  variations[d.name].record(p.arch),
		Started:    time.Now().UTC(),
	}
	logs := newLogs()
	_, err := d.client.Solve(ctx, p.definition, client.SolveOpt{
		CompatibilityVersion: p.output.BuildKitCompatibility,
		OCIStores:            map[string]content.Store{inputStore: inputs},
		Exports:              []client.ExportEntry{p.export(r.Layout)},
	}, logs.tee(draw.Solve(label)))
	if err != nil {
		return nil, d.explain(ctx, err, logs)
	}
	r.Finished = time.Now().UTC()
	r.Log = logs.text()
	return r, nil
}

// invocation returns a new random identifier.
func invocation() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, crypto/rand
	return hex.EncodeToString(b[:])
}

// explain turns what BuildKit answered into an error that says whose fault it
// is: the caller's, the machine's or the recipe's.
func (d *daemon) explain(ctx context.Context, err error, logs *logs) error {
	var late *TimeoutError
	if errors.As(context.Cause(ctx), &late) {
		steps, lines := logs.unfinished()
		return &TimeoutError{Builder: d.name, After: late.After, Unfinished: steps, Log: lines}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if full := diskFull(d.dir); full != nil {
		return full
	}
	sources := errdefs.Sources(err)
	if len(sources) == 0 {
		// A daemon that dies takes its steps with it first, which may take a while.
		dying := time.Second
		if grpcerrors.Code(err) == codes.Unavailable {
			dying = 30 * time.Second
		}
		select {
		case <-d.ended:
			err = fmt.Errorf("the daemon ended: %w", errors.Join(d.err, err))
		case <-time.After(dying):
		}
		return &DaemonError{Builder: d.name, Err: err, Log: d.log.last()}
	}
	s := &StepError{Builder: d.name, ExitCode: -1}
	var exit *gatewaypb.ExitError
	if errors.As(err, &exit) {
		s.ExitCode = int(exit.ExitCode)
	}
	var vertex *errdefs.VertexError
	if errors.As(err, &vertex) {
		s.Step, s.Log = logs.of(digest.Digest(vertex.Digest))
	}
	if s.ExitCode < 0 {
		s.Log = append(s.Log, rootCause(err))
	}
	s.Range, s.Snippet = location(sources[len(sources)-1])
	return s
}

// rootCause is what the innermost error says.
func rootCause(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}

func location(src *errdefs.Source) (hcl.Range, string) {
	rng := hcl.Range{Filename: src.Info.GetFilename()}
	if len(src.Ranges) == 0 {
		return rng, ""
	}
	start, end := src.Ranges[0].GetStart(), src.Ranges[0].GetEnd()
	rng.Start = hcl.Pos{Line: int(start.GetLine()), Column: int(start.GetCharacter())}
	rng.End = hcl.Pos{Line: int(end.GetLine()), Column: int(end.GetCharacter())}
	lines := strings.Split(string(src.Info.GetData()), "\n")
	first, last := rng.Start.Line, min(rng.End.Line, rng.Start.Line+5, len(lines))
	if first < 1 || first > last {
		return rng, ""
	}
	return rng, strings.Join(lines[first-1:last], "\n")
}

// fullBelow is how much space has to be left for a failure not to be put down to
// a full disk, in bytes.
const fullBelow = 4 << 20

// A DiskFullError reports that a build failed with no space left below Dir.
type DiskFullError struct {
	Dir  string
	Left int64 // bytes
}

func (e *DiskFullError) Error() string {
	return fmt.Sprintf("no space left on the device of %s (%d bytes)", e.Dir, e.Left)
}

// Unwrap returns [syscall.ENOSPC].
func (e *DiskFullError) Unwrap() error { return syscall.ENOSPC }

func diskFull(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return nil // the build's own error is the better one
	}
	if left := int64(st.Bavail) * st.Bsize; left < fullBelow {
		return &DiskFullError{Dir: dir, Left: left}
	}
	return nil
}
