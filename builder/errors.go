package builder

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// A NotYetError reports something that a recipe may say but this version of
// tailsbuild can't build.
type NotYetError struct {
	What  string
	Range hcl.Range
}

func (e *NotYetError) Error() string {
	return fmt.Sprintf("%s: %s can't be built yet", e.Range, e.What)
}

// An OutputRecordError reports a lock that was made for another toolchain record
// than this tailsbuild's, so that its images can't be the recorded ones.
type OutputRecordError struct{ Locked, Current lock.Output }

func (e *OutputRecordError) Error() string {
	return fmt.Sprintf("the lock is for %s, this tailsbuild makes %s", e.Locked, e.Current)
}

// A StepError reports that a step of the build failed.
type StepError struct {
	// Builder is "a", "b" or "c".
	Builder string
	// Step is the vertex's name.
	Step string
	// ExitCode is that of the step's process, or -1.
	ExitCode int
	// Range is where in the recipe the step comes from; its file is the
	// recipe's, as [hcl.Range] prints it.
	Range hcl.Range
	// Snippet is the recipe's text at Range.
	Snippet string
	// Log has the last lines that the step wrote, oldest first.
	Log []string
}

func (e *StepError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "build %s: %s: step %q failed", strings.ToUpper(e.Builder), e.Range, e.Step)
	if e.ExitCode >= 0 {
		fmt.Fprintf(&b, " with exit code %d", e.ExitCode)
	}
	return b.String()
}

// A MachineError reports that this machine can't run the builders. Need says
// what is missing, for example "crun".
type MachineError struct {
	Need string
	Err  error
}

func (e *MachineError) Error() string {
	if e.Err == nil {
		return "this machine can't build: " + e.Need
	}
	return fmt.Sprintf("this machine can't build: %s: %v", e.Need, e.Err)
}

func (e *MachineError) Unwrap() error { return e.Err }

// A DaemonError reports that a builder's daemon ended or answered with an error
// that is not the recipe's fault. Log has the last lines that it wrote.
type DaemonError struct {
	Builder string
	Err     error
	Log     []string
}

func (e *DaemonError) Error() string {
	return fmt.Sprintf("builder %s: %v", strings.ToUpper(e.Builder), e.Err)
}

func (e *DaemonError) Unwrap() error { return e.Err }

// A TimeoutError reports that builders had not ended when their time was over.
type TimeoutError struct {
	// Builder is the name of one that had not.
	Builder string
	// After is the time that they had.
	After time.Duration
	// Unfinished are the steps that it was at, sorted.
	Unfinished []string
	// Log has the last lines that these wrote, oldest first.
	Log []string
}

func (e *TimeoutError) Error() string {
	at := ""
	if len(e.Unfinished) > 0 {
		at = ", and was at: " + strings.Join(e.Unfinished, ", ")
	}
	return fmt.Sprintf("build %s had not ended after %s%s", strings.ToUpper(e.Builder), e.After, at)
}

// An OutputError reports that a builder's image isn't what the plan asked for,
// for example that a file's time is later than the epoch.
type OutputError struct {
	Builder string
	Reason  string
}

func (e *OutputError) Error() string {
	return fmt.Sprintf("the image of build %s: %s", strings.ToUpper(e.Builder), e.Reason)
}
