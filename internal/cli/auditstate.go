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

// An auditKey is what was audited, and what was asked of it: an audit with another is
// another one.
type auditKey struct {
	catalogued
	Image          digest.Digest `json:"image,omitempty"`
	Source         string        `json:"source,omitempty"`
	BuilderID      string        `json:"builderId,omitempty"`
	Published      string        `json:"published,omitempty"`
	OtherToolchain bool          `json:"otherToolchain,omitempty"`
}

// key is the key of an audit of the image of a release.
func (f *auditFlags) key(c catalogued, image digest.Digest) auditKey {
	return auditKey{c, image, f.source, f.builder, f.publish, f.force}
}

// An auditRecord is one line of the file that has what came of audits.
type auditRecord struct {
	auditKey
	Outcome evidence.Outcome `json:"outcome"` // or refused, failed
	Reason  string           `json:"reason,omitempty"`
	extent
	At     time.Time `json:"at"`
	Report string    `json:"report,omitempty"`
	Error  string    `json:"error,omitempty"`
}

// maxState is how many bytes of the file are read.
const maxState = 256 << 20

// An auditState is that file: a line is added for each audit as soon as it ends, so
// that whatever ends a run, the next one goes on.
type auditState struct {
	file *os.File

	mu sync.Mutex
	// last has the newest audits with an outcome.
	last map[auditKey]auditRecord
}

func openAuditState(path string) (*auditState, error) {
	s := &auditState{last: map[auditKey]auditRecord{}}
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
			s.last[r.auditKey] = r
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	s.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	return s, err
}

func (s *auditState) close() error { return s.file.Close() }

// since returns the outcome that an audit has from that time or later, nil for none.
func (s *auditState) since(k auditKey, since time.Time) *auditRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.last[k]; ok && !r.At.Before(since) {
		return &r
	}
	return nil
}

// add adds what became of a release that was audited as flags say.
func (s *auditState) add(t *tried, flags *auditFlags) error {
	r := auditRecord{auditKey: flags.key(t.catalogued, ""), Outcome: evidence.Outcome(t.word()), At: time.Now().UTC()}
	if o := t.out; o != nil {
		r.Image, r.Reason, r.extent, r.At, r.Report = o.Image, o.Reason, o.extent, o.At, o.Report
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
		s.last[r.auditKey] = r
	}
	if _, err := s.file.Write(append(b, '\n')); err != nil {
		return err
	}
	return s.file.Sync()
}
