package release

import (
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
)

// A SameBuildError reports that what was given as two builds is one: What they
// share, for example "invocation", has Value in both.
type SameBuildError struct{ What, Value string }

func (e *SameBuildError) Error() string {
	return fmt.Sprintf("both builds have the same %s, %s", e.What, e.Value)
}

// A PlanError reports a build of another plan than the one that is released.
type PlanError struct {
	Builder   string
	Want, Got digest.Digest
}

func (e *PlanError) Error() string {
	return fmt.Sprintf("build %s is of the plan %q, want %s", e.Builder, e.Got, e.Want)
}

// A ChangedError reports that a build's layout no longer holds the image that was
// built.
type ChangedError struct {
	Builder   string
	Want, Got digest.Digest
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("the layout of build %s has the image %s, want %s", e.Builder, e.Got, e.Want)
}

// A DifferentError reports that the two builds gave different images.
type DifferentError struct {
	Comparison *diffoscope.Comparison
	A, B       digest.Digest
	// Report is the folder with the comparison in all forms.
	Report string
	// Previous is the folder of an earlier release, which was left as it is, or
	// "" when there is none.
	Previous string
}

func (e *DifferentError) Error() string {
	return fmt.Sprintf("the builds differ: %s and %s", e.A, e.B)
}

// A PlatformError reports what is wrong with one of the platforms of a release.
// Platform is Alpine's name of the architecture, or OCI's of the platform.
type PlatformError struct {
	Platform string
	Err      error
}

func (e *PlatformError) Error() string { return fmt.Sprintf("for %s: %v", e.Platform, e.Err) }
func (e *PlatformError) Unwrap() error { return e.Err }

// A SizeError reports an image that is larger than its recipe's limits.size.
type SizeError struct{ Size, Limit int64 }

func (e *SizeError) Error() string {
	return fmt.Sprintf("the image has %d bytes, more than limits.size of %d", e.Size, e.Limit)
}

// A NotPassedError reports that Test, of those that were run in the image, didn't
// pass, or isn't the recipe's, or is missing.
type NotPassedError struct{ Test string }

func (e *NotPassedError) Error() string {
	return fmt.Sprintf("test %q of the recipe is not known to have passed in this image", e.Test)
}

// An InventoryError reports an image of which it can't be said what is in it.
type InventoryError struct{ Err error }

func (e *InventoryError) Error() string { return fmt.Sprintf("what is in the image: %v", e.Err) }
func (e *InventoryError) Unwrap() error { return e.Err }

// A NameError reports a recipe whose name and version make no image name.
type NameError struct{ Name string }

func (e *NameError) Error() string { return fmt.Sprintf("%q is not an image name", e.Name) }

// A ReferenceError reports that Reference, under which a release was to be
// published, is not HOST/REPOSITORY:TAG that ends in the release's Name.
type ReferenceError struct{ Reference, Name string }

func (e *ReferenceError) Error() string {
	return fmt.Sprintf("%q doesn't end in /%s, which is what the release is", e.Reference, e.Name)
}

// An UnsignedError reports that the release Dir, a folder or a reference, has no
// signed evidence at all.
type UnsignedError struct {
	Dir   string
	Image digest.Digest
}

func (e *UnsignedError) Error() string {
	return fmt.Sprintf("release %s: image %s is not signed", e.Dir, e.Image)
}

// A RefusedError reports that the release Dir, a folder or a reference, isn't
// shown to be reproduced by what the key signed.
type RefusedError struct {
	Dir   string
	Image digest.Digest // "" when there isn't exactly one
	// Reason is what is missing or contradicts itself.
	Reason error
	// Problems are what was found in the evidence that doesn't count.
	Problems []Problem
}

func (e *RefusedError) Error() string {
	msg := fmt.Sprintf("release %s: %v", e.Dir, e.Reason)
	for _, p := range e.Problems {
		msg += fmt.Sprintf("\n  %s: %v", p.Manifest, p.Err)
	}
	return msg
}

func (e *RefusedError) Unwrap() error { return e.Reason }

// A Problem is a manifest in a release's index that is no evidence, and why.
type Problem struct {
	Manifest digest.Digest
	Err      error
}

// MarshalText returns the problem as one line of text, for JSON.
func (p Problem) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%s: %v", p.Manifest, p.Err), nil
}

// The reasons for which evidence is not enough.
var (
	ErrNoSignature      = errors.New("no signature of the image by this key")
	ErrNoIndexSignature = errors.New("no signature of the index of the images by this key")
	ErrNoComparison     = errors.New("no comparison with two builds that match it, signed by this key")
)
