package oci

import (
	"context"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// DiffID reads the layer that desc names to its end and returns the digest of its
// uncompressed bytes (image-spec, config.md, "Layer DiffID"), whatever is in them. The
// blob was checked then.
func (l *Layout) DiffID(ctx context.Context, desc ocispec.Descriptor, limits LayerLimits) (digest.Digest, error) {
	limits.NoDiffID = false
	r, err := l.OpenLayer(desc, limits)
	if err != nil {
		return "", err
	}
	defer r.Close()
	buf := make([]byte, 128<<10)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		_, err := r.meter.Read(buf)
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
	}
	if err := r.stream.checkEnd(); err != nil { // which reads to the end of the blob
		return "", err
	}
	return r.DiffID(), nil
}
