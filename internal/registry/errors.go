package registry

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// A ReferenceError reports that Reference doesn't name an image in a registry.
type ReferenceError struct {
	Reference string
	Err       error
}

func (e *ReferenceError) Error() string { return fmt.Sprintf("reference %q: %v", e.Reference, e.Err) }
func (e *ReferenceError) Unwrap() error { return e.Err }

// A StatusError reports that a registry answered URL with the HTTP status Code.
type StatusError struct {
	URL  string
	Code int
	// after is how long the registry asks to wait.
	after time.Duration
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: %d %s", e.URL, e.Code, http.StatusText(e.Code))
}

// An InsecureError reports a way to URL that is not taken: without encryption, or
// through something that is no proxy.
type InsecureError struct{ URL, Reason string }

func (e *InsecureError) Error() string { return e.URL + ": " + e.Reason }

// A TransferError reports that the way to URL, or the transfer, broke.
type TransferError struct {
	URL string
	Err error
}

func (e *TransferError) Error() string { return fmt.Sprintf("%s: %v", e.URL, e.Err) }
func (e *TransferError) Unwrap() error { return e.Err }

// A PlatformError reports that the index Index doesn't have exactly one image for
// Platform.
type PlatformError struct {
	Index    digest.Digest
	Platform string
	// Has are the platforms of the index, in its order.
	Has []string
}

func (e *PlatformError) Error() string {
	return fmt.Sprintf("index %s: not exactly one image for %s; it has %s", e.Index, e.Platform, strings.Join(e.Has, ", "))
}

// A Problem says why something that was found beside an image is not used.
type Problem struct {
	// Manifest is what was found, or the image when it is about a list.
	Manifest digest.Digest
	Err      error
}

// A subjectError reports that a manifest refers to another image.
type subjectError struct{ want, got *ocispec.Descriptor }

func (e *subjectError) Error() string {
	if e.got == nil {
		return "it refers to no image"
	}
	if e.got.Digest == e.want.Digest {
		return "it refers to the image with another size or media type"
	}
	return fmt.Sprintf("it refers to %s, not to the image", e.got.Digest)
}
