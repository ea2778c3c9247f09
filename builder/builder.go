// Package builder turns a recipe and its lock into a plan and solves the plan
// twice, with two BuildKit daemons that share nothing but the inputs and differ
// in everything that must not matter.
package builder

import (
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// A Result is the image that one builder made of a plan.
type Result struct {
	// Builder is "a", "b" or "c".
	Builder string
	// Layout is a folder with an OCI image layout whose index names one image, or
	// with the files of a plan that makes no image.
	Layout string
	// Image describes that image's manifest.
	Image ocispec.Descriptor
	// Plan is the digest of the plan that was solved.
	Plan digest.Digest
	// Invocation is a random identifier of this one solve, in hex.
	Invocation string
	Started    time.Time
	Finished   time.Time
	// Variation is what this builder set, by name, sorted when marshalled:
	// "hostname", "umask", "snapshotter", ...
	Variation map[string]string
	// Unpacked is the size of the image's layers, uncompressed, in bytes.
	Unpacked int64
	// Log is what the steps wrote, a few MiB of text at most: each step's after a
	// line "== NAME", sorted by name.
	Log []byte
}
