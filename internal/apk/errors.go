package apk

import (
	"fmt"
	"strings"
)

// A FormatError reports a file that breaks apk's format.
type FormatError struct {
	// File is the name that the caller gave, with a part of it where that helps:
	// "APKINDEX.tar.gz, line 7".
	File    string
	Problem string
	Err     error // the reader's, if it has one
}

func (e *FormatError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.File, e.Problem, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.File, e.Problem)
}

func (e *FormatError) Unwrap() error { return e.Err }

// A LimitError reports that What has more than Limit bytes or entries.
type LimitError struct {
	What  string
	Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s is larger than %d, the most that is allowed", e.What, e.Limit)
}

// A SignatureError reports a file that none of the keys has signed.
type SignatureError struct {
	File string
	// Signers are the names of keys that the file says it is signed with, in its
	// order; none when it has no signature.
	Signers []string
	// Keys are the names of the keys that would do, sorted.
	Keys []string
	// Key is one of both whose signature is of other bytes, or "".
	Key string
}

func (e *SignatureError) Error() string {
	switch {
	case e.Key != "":
		return fmt.Sprintf("%s: the signature with %s is not one of these bytes", e.File, e.Key)
	case len(e.Signers) == 0:
		return e.File + ": not signed"
	}
	keys := "there is none"
	if len(e.Keys) > 0 {
		keys = strings.Join(e.Keys, ", ")
	}
	return fmt.Sprintf("%s: signed with %s, not with a key of the repository: %s", e.File, strings.Join(e.Signers, ", "), keys)
}

// A MismatchError reports a package file that is not the one in the index.
type MismatchError struct {
	// Package is "name-version".
	Package string
	// What was compared: "size", "checksum", "datahash", "name", "version", "arch".
	What      string
	Want, Got string
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s: %s: expected %s, got %s", e.Package, e.What, e.Want, e.Got)
}

// A PathError reports an entry of a package that would be written to, or point
// to, where no package has anything to do.
type PathError struct {
	// Package is "name-version".
	Package string
	// Path is the entry's name, and Target where it points, if it is a link.
	Path, Target string
	Problem      string
}

func (e *PathError) Error() string {
	if e.Target != "" {
		return fmt.Sprintf("%s: %q → %q: %s", e.Package, clip(e.Path), clip(e.Target), e.Problem)
	}
	return fmt.Sprintf("%s: %q: %s", e.Package, clip(e.Path), e.Problem)
}

// A KeyError reports what can't be used as a public key.
type KeyError struct {
	// Name is the key's file name, or the rootfs for a set of keys.
	Name    string
	Problem string
	Err     error // the parser's, if it has one
}

func (e *KeyError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("key %s: %s: %v", e.Name, e.Problem, e.Err)
	}
	return fmt.Sprintf("key %s: %s", e.Name, e.Problem)
}

func (e *KeyError) Unwrap() error { return e.Err }

// A VersionError reports what apk doesn't take as a version.
type VersionError struct{ Version string }

func (e *VersionError) Error() string { return fmt.Sprintf("%q is no version", clip(e.Version)) }

// A ConstraintError reports what apk doesn't take as a dependency.
type ConstraintError struct {
	Constraint string
	Problem    string
}

func (e *ConstraintError) Error() string {
	return fmt.Sprintf("constraint %q: %s", clip(e.Constraint), e.Problem)
}

// clip shortens what goes into a message.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
