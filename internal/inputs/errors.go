package inputs

import (
	"fmt"
	"strings"
)

// A MismatchError reports bytes that are not those of the lock or the recipe. They
// were not used.
type MismatchError struct {
	// Input is the input's name, as lock.Input.String returns it.
	Input string
	// File is what was read: a path or URL.
	File string
	// What was compared: "size", "sha256", "h1", "modules".
	What string
	// Want and Got are what was expected and what was found.
	Want, Got string
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s: %s from %s: expected %s, got %s", e.Input, e.What, e.File, e.Want, e.Got)
}

// A MissingError reports an input that no location has.
type MissingError struct {
	// Input is the input's name, as lock.Input.String returns it.
	Input string
	// Tried has one attempt for each location, in the order they were asked.
	Tried []Attempt
}

// An Attempt is a location and why it didn't serve the input.
type Attempt struct {
	Location string
	Err      error
}

func (e *MissingError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: no location has it", e.Input)
	if len(e.Tried) == 0 {
		b.WriteString(", and none is known")
	}
	for _, a := range e.Tried {
		fmt.Fprintf(&b, "; %s: %v", a.Location, a.Err)
	}
	return b.String()
}

// Unwrap returns the errors of all attempts.
func (e *MissingError) Unwrap() []error {
	errs := make([]error, len(e.Tried))
	for i, a := range e.Tried {
		errs[i] = a.Err
	}
	return errs
}

// A RefusedError reports a file that a [Check] refused. Err names it.
type RefusedError struct{ Err error }

func (e *RefusedError) Error() string { return e.Err.Error() }

func (e *RefusedError) Unwrap() error { return e.Err }

// A LimitError reports that What has more than Limit bytes or entries.
type LimitError struct {
	What  string
	Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s is larger than %d, the most that is allowed", e.What, e.Limit)
}

// A StatusError reports an HTTP response other than the file.
type StatusError struct {
	URL  string
	Code int
}

func (e *StatusError) Error() string { return fmt.Sprintf("HTTP status %d", e.Code) }

// A RedirectError reports a redirection that was not followed.
type RedirectError struct{ From, To, Reason string }

func (e *RedirectError) Error() string {
	return fmt.Sprintf("redirection from %s to %s: %s", e.From, e.To, e.Reason)
}

// An OfflineError reports a location that was not asked because no network may
// be used.
type OfflineError struct{ Location string }

func (e *OfflineError) Error() string { return "not asked: offline" }

// A FormatError reports a file that is not what its kind of input must be.
type FormatError struct {
	File, Problem string
	Err           error // the reader's, if it has one
}

func (e *FormatError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.File, e.Problem, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.File, e.Problem)
}

func (e *FormatError) Unwrap() error { return e.Err }

// A ToolError reports that a program which fetching needs can't be run.
type ToolError struct {
	Tool string
	Err  error
}

func (e *ToolError) Error() string { return fmt.Sprintf("%s can't be run: %v", e.Tool, e.Err) }

func (e *ToolError) Unwrap() error { return e.Err }

// A CommandError reports a program that ran and did not succeed.
type CommandError struct {
	Args []string
	// Output is the end of what the program wrote to standard error.
	Output string
	Err    error
}

func (e *CommandError) Error() string {
	args := strings.Join(e.Args, " ")
	if len(args) > 120 {
		args = args[:120] + "…"
	}
	return fmt.Sprintf("%s: %v: %s", args, e.Err, strings.TrimSpace(e.Output))
}

func (e *CommandError) Unwrap() error { return e.Err }

// A StoreError reports that the store can't be read or written: no permission, or
// the disk is full.
type StoreError struct {
	Path string
	Err  error
}

func (e *StoreError) Error() string { return fmt.Sprintf("store: %v", e.Err) }

func (e *StoreError) Unwrap() error { return e.Err }

// A FolderError reports a mirror that is a folder which isn't there.
type FolderError struct{ Folder string }

func (e *FolderError) Error() string { return "no such folder" }
