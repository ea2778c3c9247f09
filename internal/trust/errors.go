package trust

import (
	"errors"
	"fmt"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// A FormatError reports that What is not written as it must be.
type FormatError struct{ What, Problem string }

func (e *FormatError) Error() string { return e.What + ": " + e.Problem }

// A VersionError reports a format that this version of tailsbuild doesn't know.
type VersionError struct {
	What      string
	Got, Want int
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s has format version %d, want %d", e.What, e.Got, e.Want)
}

// A LimitError reports that What has more than Limit bytes, entries or seconds.
type LimitError struct {
	What  string
	Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: more than the limit of %d", e.What, e.Limit)
}

// formatError turns what package oci says of JSON into this package's errors.
func formatError(what string, err error) error {
	var limit *oci.LimitError
	if errors.As(err, &limit) {
		return &LimitError{What: limit.What, Limit: limit.Limit}
	}
	var format *oci.FormatError
	if errors.As(err, &format) {
		return &FormatError{What: what, Problem: format.Detail}
	}
	return &FormatError{What: what, Problem: err.Error()}
}
