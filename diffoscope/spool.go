package diffoscope

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/filetype"
)

const (
	// spoolSmall is how large a content may be that is kept in memory.
	spoolSmall = 256 << 10
	// spoolMemory is how much memory all contents of one arena take.
	spoolMemory = 8 << 20
)

// An arena keeps contents: small ones in memory, the others one behind the other in
// a file that has no name, so that nothing is left of it whatever happens.
type arena struct {
	mu     sync.Mutex
	file   *os.File
	end    int64 // of what is used of file
	memory int64
	buf    []byte
}

// A spool is one content in an arena.
type spool struct {
	filetype.Content
	arena  *arena
	offset int64 // in the file, -1 when it is in memory
}

// spool reads r to its end. More than limit bytes are a *filetype.LimitError.
func (a *arena) spool(r io.Reader, limit int64) (*spool, error) {
	if a.buf == nil {
		a.buf = make([]byte, spoolSmall)
	}
	n, err := io.ReadFull(r, a.buf)
	switch {
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
		// io.ErrUnexpectedEOF may be r's own: then r gives it again.
		if _, err := r.Read(make([]byte, 1)); err != io.EOF {
			return nil, unexpectedOr(err)
		}
		if int64(n) > limit {
			return nil, &filetype.LimitError{What: "bytes", Limit: limit}
		}
		if s := a.inMemory(a.buf[:n]); s != nil {
			return s, nil
		}
		return a.inFile(bytes.NewReader(a.buf[:n]), limit)
	case err != nil:
		return nil, err
	}
	return a.inFile(io.MultiReader(bytes.NewReader(bytes.Clone(a.buf)), r), limit)
}

func unexpectedOr(err error) error {
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

func (a *arena) inMemory(b []byte) *spool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.memory+int64(len(b)) > spoolMemory {
		return nil
	}
	a.memory += int64(len(b))
	return &spool{bytes.NewReader(bytes.Clone(b)), a, -1}
}

func (a *arena) inFile(r io.Reader, limit int64) (*spool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil {
		f, err := unnamed()
		if err != nil {
			return nil, err
		}
		a.file = f
	}
	w := io.NewOffsetWriter(a.file, a.end)
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, io.LimitReader(r, limit+1), a.buf)
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, &filetype.LimitError{What: "bytes", Limit: limit}
	}
	s := &spool{io.NewSectionReader(a.file, a.end, n), a, a.end}
	a.end += n
	return s, nil
}

// release gives back what s takes: of the file, only when s is its last.
func (s *spool) release() {
	if s == nil {
		return
	}
	s.arena.mu.Lock()
	defer s.arena.mu.Unlock()
	switch {
	case s.offset < 0:
		s.arena.memory -= s.Size()
	case s.offset+s.Size() == s.arena.end:
		s.arena.end = s.offset
	}
}

// unnamed opens a new file that has no name.
func unnamed() (*os.File, error) {
	f, err := os.CreateTemp("", "tailsbuild-compare-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// close forgets all contents.
func (a *arena) close() error {
	if a.file == nil {
		return nil
	}
	return a.file.Close()
}
