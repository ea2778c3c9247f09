package release

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
)

// reportSuffix is added to a release's folder for the report of two builds that
// differ.
const reportSuffix = ".report"

// The files of a report. Nothing reads them back.
const (
	reportText = "report.txt"
	reportJSON = "comparison.json"
)

// report writes the folder dir + ".report", and into e what it found out. Whatever is
// at dir stays as it is.
func (e *DifferentError) report(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, ocispec.ImageLayoutFile)); err == nil {
		e.Previous = dir
	}
	if err := e.write(dir + reportSuffix); err != nil {
		return fmt.Errorf("report %s: %w", dir+reportSuffix, err)
	}
	e.Report = dir + reportSuffix
	return nil
}

// write makes the folder aside and puts it in the place of an earlier report.
func (e *DifferentError) write(dir string) (err error) {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+".tmp-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(temp, reportText), e.writeText); err != nil {
		return err
	}
	err = writeFile(filepath.Join(temp, reportJSON), func(w io.Writer) error {
		return diffoscope.WriteJSON(w, e.Comparison)
	})
	if err != nil {
		return err
	}
	if err := syncDir(temp); err != nil {
		return err
	}
	if err := removeReport(dir); err != nil {
		return err
	}
	if err := os.Rename(temp, dir); err != nil {
		return err
	}
	return syncDir(parent)
}

func (e *DifferentError) writeText(w io.Writer) error {
	if e.Previous != "" {
		_, err := fmt.Fprintf(w, "%q still holds the release of an earlier build, not of these two.\n\n", e.Previous)
		if err != nil {
			return err
		}
	}
	return diffoscope.WriteFullText(w, e.Comparison)
}

// removeReport removes the report in dir, and only that: another file in it stays,
// and the folder with it, which is an error.
func removeReport(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &fs.PathError{Op: "remove", Path: dir, Err: syscall.ENOTDIR}
	}
	for _, name := range []string{reportText, reportJSON} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return os.Remove(dir)
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	buf := bufio.NewWriter(f)
	err = write(buf)
	if err == nil {
		err = buf.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
