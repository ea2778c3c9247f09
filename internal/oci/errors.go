package oci

import (
	"fmt"

	"github.com/opencontainers/go-digest"
)

// A DigestError reports that the bytes of Blob, for example "layer 2" or a
// digest, are not those that its descriptor names.
type DigestError struct {
	Blob          string
	Expected, Got digest.Digest
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("%s: expected %s, got %s", e.Blob, e.Expected, e.Got)
}

// A SizeError reports that Blob has Got bytes where its descriptor says Expected.
type SizeError struct {
	Blob          string
	Expected, Got int64
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%s: expected %d bytes, got %d", e.Blob, e.Expected, e.Got)
}

// A MissingError reports a layout that hasn't got What, though it has to: its
// index.json, or the blob that a descriptor names. Err is fs.ErrNotExist.
type MissingError struct {
	What string
	Err  error
}

func (e *MissingError) Error() string { return e.What + " is missing: " + e.Err.Error() }
func (e *MissingError) Unwrap() error { return e.Err }

// A LimitError reports that What, for example "index.json", has more than Limit
// bytes, entries or levels. Size is how many there are, or the first number past
// Limit when nobody counted further.
type LimitError struct {
	What        string
	Size, Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: %d is over the limit of %d", e.What, e.Size, e.Limit)
}

// A FormatError reports that What breaks its specification.
type FormatError struct {
	What   string
	Detail string
}

func (e *FormatError) Error() string { return e.What + ": " + e.Detail }

// A TrailingError reports bytes that follow the one gzip member of a layer. A
// reader that stops at the member's end never sees them; one that goes on may
// unpack other files.
type TrailingError struct {
	Blob digest.Digest
	// Member says that the bytes begin another gzip member.
	Member bool
}

func (e *TrailingError) Error() string {
	if e.Member {
		return fmt.Sprintf("layer %s: a second gzip member follows the first", e.Blob)
	}
	return fmt.Sprintf("layer %s: bytes follow the gzip member", e.Blob)
}
