package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// ours is tailsbuild as a user has it, with a key and a store that has the inputs.
type ours struct {
	program, store, dir string
}

func (o ours) key() string { return filepath.Join(o.dir, "bench.key") }

func (o ours) newKey(ctx context.Context) error {
	return start(o.command(ctx, "key", "new", "--out", filepath.Join(o.dir, "bench"))).wait()
}

// build builds, compares, writes evidence and signs. The peers have no tests.
func (o ours) build(ctx context.Context, recipes string, names ...string) error {
	return start(o.buildCommand(ctx, recipes, append(names, "--offline", "--skip-tests", "--progress", "quiet")...)).wait()
}

// fetch builds as well: the store then has the inputs. It shows progress, since
// that can take a while.
func (o ours) fetch(ctx context.Context, recipes string, names ...string) error {
	cmd := o.buildCommand(ctx, recipes, append(names, "--skip-tests")...)
	cmd.Stderr = os.Stderr
	return start(cmd).wait()
}

func (o ours) buildCommand(ctx context.Context, recipes string, args ...string) *exec.Cmd {
	return o.command(ctx, append([]string{
		"build", "--recipes", recipes, "--store", o.store,
		"--key", o.key(), "--output", filepath.Join(o.dir, "dist"),
	}, args...)...)
}

func (o ours) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, o.program, args...)
	cmd.Env = append(os.Environ(), "TAILSBUILD_PASSWORD=")
	// Interrupted, tailsbuild removes what it made.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	return cmd
}

// An input is one that a plan names.
type input struct {
	Kind, Name, From, SHA256 string
	Size                     int64
}

// inputs returns the inputs of a recipe's plan.
func (o ours) inputs(ctx context.Context, recipes, name string) ([]input, error) {
	cmd := o.command(ctx, "plan", name, "--recipes", recipes, "--format", "json")
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := start(cmd).wait(); err != nil {
		return nil, err
	}
	var all []input
	for d := json.NewDecoder(&out); ; {
		var line struct{ Plan struct{ Inputs []input } }
		if err := d.Decode(&line); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("plan of %s: %w", name, err)
		}
		all = append(all, line.Plan.Inputs...)
	}
}

// path returns where the store has an input.
func (o ours) path(in input) string { return filepath.Join(o.store, "sha256", in.SHA256) }

// A running is a command that was started, or why it was not.
type running struct {
	cmd    *exec.Cmd
	output *bytes.Buffer // what it wrote, if nobody else reads it
	err    error
}

// start starts cmd, to be killed if this process is.
func start(cmd *exec.Cmd) *running {
	r := &running{cmd: cmd, output: &bytes.Buffer{}}
	if cmd.Stdout == nil {
		cmd.Stdout = r.output
	}
	if cmd.Stderr == nil {
		cmd.Stderr = r.output
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	}
	r.err = cmd.Start()
	return r
}

func (r *running) wait() error {
	if r.err != nil {
		return r.err
	}
	err := r.cmd.Wait()
	if usage, ok := r.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		largest = max(largest, usage.Maxrss<<10)
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(r.cmd.Path), err, bytes.TrimSpace(r.output.Bytes()))
	}
	return nil
}
