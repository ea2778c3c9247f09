package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
)

// An auditRecord is one line of the file that has what came of audits.
type auditRecord struct {
	Target  string           `json:"target"`
	Expect  digest.Digest    `json:"expect,omitempty"`
	Image   digest.Digest    `json:"image,omitempty"`
	Outcome evidence.Outcome `json:"outcome"` // or refused, failed
	At      time.Time        `json:"at"`
	Report  string           `json:"report,omitempty"`
	Error   string           `json:"error,omitempty"`
}

// maxState is how many bytes of the file are read.
const maxState = 256 << 20

// An auditState is that file: a line is added for each audit as soon as it ends, so
// that whatever ends a run, the next one goes on.
type auditState struct {
	file *os.File

	mu sync.Mutex
	// last has the newest audit of each target with an outcome.
	last map[string]auditRecord
}

func openAuditState(path string) (*auditState, error) {
	s := &auditState{last: map[string]auditRecord{}}
	b, err := regular.Read(path, maxState)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// A line that was torn when the machine stopped is of no audit.
	if i := bytes.LastIndexByte(b, '\n') + 1; i < len(b) {
		if err := os.Truncate(path, int64(i)); err != nil {
			return nil, err
		}
		b = b[:i]
	}
	n := 0
	for line := range bytes.Lines(b) {
		n++
		var r auditRecord
		if err := oci.UnmarshalJSON(fmt.Sprintf("%s:%d", path, n), line, &r); err != nil {
			return nil, err
		}
		if r.Image != "" {
			s.last[r.Target] = r
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	s.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	return s, err
}

func (s *auditState) close() error { return s.file.Close() }

// has reports whether the image of a release has an outcome from since or later, with
// the same expectation.
func (s *auditState) has(c catalogued, image digest.Digest, since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.last[c.Target]
	return ok && r.Image == image && r.Expect == c.Expect && !r.At.Before(since)
}

// add adds what became of a release.
func (s *auditState) add(t *tried) error {
	r := auditRecord{Target: t.Target, Expect: t.Expect, Outcome: evidence.Outcome(t.word()), At: time.Now().UTC()}
	if t.out != nil {
		r.Image, r.At, r.Report = t.out.Image, t.out.At, t.out.Report
	}
	if t.err != nil {
		r.Error = t.err.Error()
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Image != "" {
		s.last[r.Target] = r
	}
	if _, err := s.file.Write(append(b, '\n')); err != nil {
		return err
	}
	return s.file.Sync()
}
