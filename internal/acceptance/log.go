package acceptance

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

// A LogError reports that an acceptance could not be written down, so that there
// is none.
type LogError struct {
	Path string
	Err  error
}

func (e *LogError) Error() string { return fmt.Sprintf("log %s: %v", e.Path, e.Err) }
func (e *LogError) Unwrap() error { return e.Err }

// approval says who accepted an image.
type approval struct {
	By  string // "person" or "configuration"
	Why string // the administrator's reason
}

// An Entry is a line of the log. Fields are only ever added.
type Entry struct {
	Version   int           `json:"version"`
	Time      time.Time     `json:"time"`
	Verdict   verdict.Kind  `json:"verdict"`
	Reference string        `json:"reference"`
	Digest    digest.Digest `json:"digest"`
	Scope     string        `json:"scope,omitempty"`
	Reasons   []string      `json:"reasons"` // codes
	Signers   []string      `json:"signers,omitempty"`
	// By is "person" or "configuration", Reason the configuration's, and User the
	// number of who ran the program.
	By     string `json:"by"`
	Reason string `json:"reason,omitempty"`
	User   int    `json:"user"`
}

// write appends an acceptance to the log and waits until the disk has it.
func (a *Acceptor) write(v verdict.Verdict, by approval, now time.Time) error {
	entry := Entry{
		Version: 1, Time: now.UTC(), Verdict: v.Kind, Reference: v.Reference, Digest: v.Digest,
		Scope: v.Scope, Reasons: []string{}, Signers: v.Signers,
		By: by.By, Reason: by.Why, User: a.uid,
	}
	for _, reason := range v.Reasons {
		entry.Reasons = append(entry.Reasons, string(reason.Code))
	}
	line, err := json.Marshal(entry)
	if err == nil {
		err = appendLine(a.log, append(line, '\n'))
	}
	if err != nil {
		return &LogError{a.log, err}
	}
	return nil
}

var errNotRegular = errors.New("it is no regular file")

// appendLine adds a line to the file at path, as one write that others don't
// interrupt.
func appendLine(path string, line []byte) error {
	if path == "" {
		return errors.New("no file is named")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return err
	}
	err = appendTo(f, line)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func appendTo(f *os.File, line []byte) error {
	if err := lock(f); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errNotRegular
	}
	// A line that a crash cut off must not swallow this one.
	if n := info.Size(); n > 0 {
		var last [1]byte
		if _, err := f.ReadAt(last[:], n-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			line = append([]byte("\n"), line...)
		}
	}
	if _, err := f.Write(line); err != nil {
		return err
	}
	return f.Sync()
}

// lock waits for others that write to f, but not for ever.
func lock(f *os.File) error {
	for range 50 {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("another program holds it")
}

// syncFolder makes a new file's name as lasting as its content.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
