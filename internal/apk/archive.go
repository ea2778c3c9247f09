package apk

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// A limitReader returns a *LimitError once more than left bytes were read.
type limitReader struct {
	r     io.Reader
	left  int64
	limit int64
	what  string
}

func (l *limitReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, &LimitError{l.what, l.limit}
	}
	return n, err
}

// readLimited reads all of r, which has at most limit bytes. The result is never nil.
func readLimited(r io.Reader, limit int64, what string) ([]byte, error) {
	return io.ReadAll(&limitReader{r, limit, limit, what})
}

// readText is readLimited for a text that has size bytes.
func readText(r io.Reader, size, limit int64, what string) (string, error) {
	if size > limit {
		return "", &LimitError{what, limit}
	}
	var b strings.Builder
	b.Grow(int(size))
	_, err := io.Copy(&b, &limitReader{r, limit, limit, what})
	return b.String(), err
}

// splitMember splits b after its first gzip member and returns the member's
// bytes, its content, and what follows. After an error that is a *LimitError the
// content is its beginning.
func splitMember(what string, b []byte, limit int64) (raw, content, rest []byte, err error) {
	r := bytes.NewReader(b)
	gz, err := gzip.NewReader(r)
	if err != nil {
		return nil, nil, nil, &FormatError{what, "not a gzip file", unexpected(err)}
	}
	gz.Multistream(false)
	content, err = readLimited(gz, limit, what)
	if err != nil {
		return nil, content, nil, formatError(what, "not a gzip file", err)
	}
	n := len(b) - r.Len()
	return b[:n], content, b[n:], nil
}

// readTar calls visit for every entry of the tar archive r, which has at most
// limit of them. It wants r to end with the archive: abuild leaves the zeros at an
// archive's end out where another follows, and nothing else may come after them.
func readTar(what string, r io.Reader, limit int, visit func(h *tar.Header, content io.Reader) error) error {
	archive := tar.NewReader(r)
	for n := 0; ; n++ {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return formatError(what, "not a tar archive", err)
		}
		if n == limit {
			return &LimitError{"number of entries of " + what, int64(limit)}
		}
		if isSparse(h) {
			return &FormatError{what, "has a sparse file", nil}
		}
		if err := visit(h, archive); err != nil {
			return err
		}
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if len(bytes.Trim(buf[:n], "\x00")) > 0 {
			return &FormatError{what, "bytes follow the tar archive", nil}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return formatError(what, "not a tar archive", err)
		}
	}
}

// isSparse reports files with holes, whose content costs an archive nothing and
// which apk doesn't read as tar does.
func isSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

// formatError makes a *FormatError of a reader's error, unless it is one of this
// package's own.
func formatError(what, problem string, err error) error {
	var limit *LimitError
	if errors.As(err, &limit) {
		return err
	}
	return &FormatError{what, problem, unexpected(err)}
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
