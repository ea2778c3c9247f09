package oci

import (
	"crypto/sha256"
	"hash"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// A verifier reads what desc names from src and turns the io.EOF of any other
// bytes into an error.
type verifier struct {
	src  io.ReadCloser
	desc ocispec.Descriptor
	hash hash.Hash
	n    int64
	err  error
}

// Verified returns the bytes of r, which have to be those that desc names: at their
// end it gives io.EOF, or for any others a *[SizeError] or *[DigestError], and then
// what it gave before must not be used.
func Verified(r io.Reader, desc ocispec.Descriptor) io.Reader {
	return newVerifier(io.NopCloser(r), desc)
}

func newVerifier(src io.ReadCloser, desc ocispec.Descriptor) *verifier {
	return &verifier{src: src, desc: desc, hash: sha256.New()}
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	// One byte more than expected shows that the source is too long, without
	// reading all of it.
	if room := v.desc.Size - v.n + 1; int64(len(p)) > room {
		p = p[:room]
	}
	n, err := v.src.Read(p)
	v.n += int64(n)
	v.hash.Write(p[:n])
	switch {
	case v.n > v.desc.Size:
		v.err = &SizeError{"blob " + v.desc.Digest.String(), v.desc.Size, v.n}
		return 0, v.err
	case err == io.EOF:
		v.err = v.check()
	default:
		v.err = err
	}
	return n, v.err
}

// check returns io.EOF when everything was read and is right.
func (v *verifier) check() error {
	if v.n != v.desc.Size {
		return &SizeError{"blob " + v.desc.Digest.String(), v.desc.Size, v.n}
	}
	if got := digest.NewDigest(digest.SHA256, v.hash); got != v.desc.Digest {
		return &DigestError{"blob " + v.desc.Digest.String(), v.desc.Digest, got}
	}
	return io.EOF
}

func (v *verifier) Close() error { return v.src.Close() }
