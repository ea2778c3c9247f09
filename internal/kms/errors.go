package kms

import (
	"fmt"
	"strings"
)

// A ReferenceError reports that Reference names no key.
type ReferenceError struct{ Reference, Problem string }

func (e *ReferenceError) Error() string {
	return fmt.Sprintf("key %.100q: %s", e.Reference, e.Problem)
}

// A SchemeError reports that none of Files says which program speaks for Scheme.
type SchemeError struct {
	Scheme string
	Files  []string
}

func (e *SchemeError) Error() string {
	return fmt.Sprintf("no program is configured for keys %s://", e.Scheme)
}

// A ProgramError reports that a program did not do what it was asked: it said so,
// ended in an unexpected way, took too long, or wrote what is no answer.
type ProgramError struct {
	Program string
	Key     string // the reference
	Err     error
	// Output is what the program wrote to stderr, at most 16 KiB of it.
	Output string
}

func (e *ProgramError) Error() string {
	s := fmt.Sprintf("%s: %s: %v", e.Key, e.Program, e.Err)
	if out := strings.TrimSpace(e.Output); out != "" {
		s += "\n" + out
	}
	return s
}

func (e *ProgramError) Unwrap() error { return e.Err }

// An AnswerError is what the program itself says is wrong.
type AnswerError struct{ Message string }

func (e *AnswerError) Error() string { return e.Message }

// A LimitError reports that What has more bytes than Limit.
type LimitError struct {
	What  string
	Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: more than %d bytes", e.What, e.Limit)
}
