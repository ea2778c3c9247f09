package builder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
	"gitlab.com/tailsbuild/tailsbuild/internal/sandbox"
)

// TestOptions say what a recipe's tests run beside and where. Work is a folder; the
// tests keep everything in memory that ends with them, and leave nothing there.
type TestOptions struct {
	// Client is the image for the clients of tests that have packages.
	Client   *Result
	Work     string
	Progress *progress.Display // may be nil
}

// A Part is one of the programs of a test.
type Part string

// The parts of a test, in the order in which they start. A command is alone.
const (
	PartSetup   Part = "setup"
	PartService Part = "service"
	PartClient  Part = "client"
	PartCommand Part = "command"
)

// A Tested is what came of one test.
type Tested struct {
	Name string
	// Image is the digest of the manifest of the image that was tested.
	Image  digest.Digest
	Passed bool
	// Failed is the part at fault of a test that didn't pass.
	Failed Part
	// ExitCode is how Failed ended, -1 if it had not when the time was over.
	ExitCode int
	Seconds  float64
	// Limited is whether memory and processes were limited as declared, which takes
	// root.
	Limited bool
	// Client has the last lines that the setup and the client, or the command,
	// wrote, and Service those of the service.
	Client, Service []string
	// Timeout is how many seconds the test had.
	Timeout int
	// Range is that of the test's header in the recipe.
	Range hcl.Range
}

// A TestError reports that tests failed.
type TestError struct {
	Recipe string
	Failed []Tested
	// Source is the recipe, which the tests' ranges point into.
	Source []byte
}

func (e *TestError) Error() string {
	var lines []string
	for _, t := range e.Failed {
		lines = append(lines, fmt.Sprintf("%s: test %q of %s failed: %s", t.Range, t.Name, e.Recipe, t.Why()))
	}
	return strings.Join(lines, "\n")
}

// Header returns the recipe's text at t's range, such as test "answers".
func (e *TestError) Header(t Tested) string {
	if !t.Range.CanSliceBytes(e.Source) {
		return ""
	}
	return string(t.Range.SliceBytes(e.Source))
}

// Why says how the test failed, "" when it passed.
func (t *Tested) Why() string {
	switch {
	case t.Passed:
		return ""
	case t.ExitCode >= 0:
		return fmt.Sprintf("the %s ended with exit code %d", t.Failed, t.ExitCode)
	case t.Failed == PartService:
		return fmt.Sprintf("the service's ports were not all open after %d s", t.Timeout)
	}
	return fmt.Sprintf("the %s had not ended after %d s", t.Failed, t.Timeout)
}

// A TestProcessError reports that a test couldn't be run, which is not the recipe's
// fault. Log has the last lines that the test's process wrote.
type TestProcessError struct {
	Test string
	Err  error
	Log  []string
}

func (e *TestProcessError) Error() string {
	return fmt.Sprintf("test %q could not be run: %v", e.Test, e.Err)
}

func (e *TestProcessError) Unwrap() error { return e.Err }

// RunTests runs the tests of p's recipe one after another on the image that r
// describes, each in new containers under exactly the privileges that the recipe
// declares, see package sandbox. It returns what came of those that were run.
//
// The error is a [TestError] when tests failed, after all were run; a
// [sandbox.UnavailableError] for a privilege that this machine can't give; a
// [NotYetError] for a client with packages and no image; a [MachineError] or
// [TestProcessError]; or the context's.
func RunTests(ctx context.Context, p *Plan, r *Result, opts TestOptions) ([]Tested, error) {
	runtime, err := findRuntime("runc")
	if err != nil {
		return nil, err
	}
	var all []Tested
	failure := &TestError{Recipe: p.recipe.Name, Source: p.recipe.Bytes}
	for _, test := range p.recipe.Tests {
		config, err := p.trialOf(test, r, opts.Client)
		if err != nil {
			return all, err
		}
		config.Runtime = runtime
		step := opts.Progress.Step(fmt.Sprintf("test %s of %s", test.Name, p.recipe.Name))
		tested, err := runTrial(ctx, config, opts.Work)
		if err != nil {
			step.Done(err)
			return all, err
		}
		tested.Image = r.Image.Digest
		all = append(all, *tested)
		if !tested.Passed {
			failure.Failed = append(failure.Failed, *tested)
			err = errors.New(tested.Why())
		}
		step.Done(err)
	}
	if len(failure.Failed) > 0 {
		return all, failure
	}
	return all, nil
}

// A trialConfig is all that the process which runs one test is told.
type trialConfig struct {
	Recipe     string
	Test       recipe.Test
	Privileges []recipe.Privilege
	Limits     recipe.Limits
	// Ports are the TCP ports that the service listens on when it is ready.
	Ports   []uint16
	Service trialImage
	Client  trialImage
	// Runtime is runc's path.
	Runtime string
	// Cgroup is the parent of the containers' control groups, "" without root.
	Cgroup string
}

// A trialImage is an image's first layers, all if there is no number.
type trialImage struct {
	Layout string
	Image  ocispec.Descriptor
	Layers int
}

// A trialReply is what that process says. One of the three is set.
type trialReply struct {
	Tested      *Tested
	Unavailable *sandbox.UnavailableError
	Error       string
}

// trialOf says how test is run. A client without packages of its own is the base,
// the image's first layers.
func (p *Plan) trialOf(test recipe.Test, r, client *Result) (trialConfig, error) {
	layout, err := filepath.Abs(r.Layout)
	if err != nil {
		return trialConfig{}, err
	}
	c := trialConfig{
		Recipe: p.recipe.Name, Test: test, Privileges: p.recipe.Privileges, Limits: p.recipe.Limits,
		Service: trialImage{Layout: layout, Image: r.Image},
		Client:  trialImage{Layout: layout, Image: r.Image, Layers: len(p.baseLayers) + p.baseAdds},
	}
	if rt := p.recipe.Runtime; rt != nil {
		for _, port := range rt.Ports {
			if port.Protocol == "tcp" {
				c.Ports = append(c.Ports, port.Number)
			}
		}
	}
	if len(test.Packages) == 0 {
		return c, nil
	}
	if client == nil {
		return c, &NotYetError{What: "packages of a test", Range: test.PackagesRange}
	}
	c.Client = trialImage{Image: client.Image}
	c.Client.Layout, err = filepath.Abs(client.Layout)
	return c, err
}

// maxReply bounds what a test's process says: the last lines of two programs.
const maxReply = 16 << 20

// runTrial runs one test in a process of its own, below work.
func runTrial(ctx context.Context, c trialConfig, work string) (_ *Tested, err error) {
	if !rootless() {
		c.Cgroup = newCgroup()
		defer func() { err = errors.Join(err, removeCgroups(c.Cgroup)) }()
	}
	dir, err := os.MkdirTemp(work, "test-")
	if err != nil {
		return nil, err
	}
	// It is a mount point in that process only.
	defer func() { err = errors.Join(err, os.Remove(dir)) }()
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	args := []string{trialName, dir}
	if rootless() {
		args = append(args, asMapped)
	}
	p, err := startIsolated(args, "TMPDIR=/run")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.end(), p.conn.Close()) }()
	replied := make(chan error, 1)
	var reply trialReply
	go func() {
		err := json.NewEncoder(p.conn).Encode(c)
		if err == nil {
			err = json.NewDecoder(io.LimitReader(p.conn, maxReply)).Decode(&reply)
		}
		replied <- err
	}()
	select {
	case err = <-replied:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(time.Duration(c.Test.Timeout)*time.Second + trialGrace):
		err = errors.New("no answer after the time was over")
	}
	switch {
	case err != nil:
		return nil, &TestProcessError{Test: c.Test.Name, Err: err, Log: p.log.last()}
	case reply.Unavailable != nil:
		return nil, reply.Unavailable
	case reply.Tested == nil:
		return nil, &TestProcessError{Test: c.Test.Name, Err: errors.New(reply.Error), Log: p.log.last()}
	}
	return reply.Tested, nil
}

// trialGrace is how long a test's process may take beside the test, to unpack the
// images.
const trialGrace = 2 * time.Minute
