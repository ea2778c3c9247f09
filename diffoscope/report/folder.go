package report

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
)

// A File is one of a report. Name has slashes between folders.
type File struct {
	Name  string
	Write func(io.Writer) error
}

// The files that every report has, by their form.
const (
	Text        = "report.txt"
	JSON        = "comparison.json"
	HTML        = "report.html"
	Markdown    = "report.md"
	JUnit       = "junit.xml"
	CodeQuality = "code-quality.json"
	DebianJSON  = "diffoscope.json"

	// sums lists the files, in the form of sha256sum, and so which may be removed.
	sums = "SHA256SUMS"
)

// formFiles are the files that a list has to have to be that of a report: others have
// such lists, too.
var formFiles = []string{Text, JSON, HTML, Markdown, JUnit, CodeQuality, DebianJSON}

// Files are c in all forms.
func Files(c *diffoscope.Comparison, o Options) []File {
	return []File{
		{HTML, func(w io.Writer) error { return WriteHTML(w, c, o) }},
		{Text, func(w io.Writer) error { return diffoscope.WriteFullText(w, c) }},
		{JSON, func(w io.Writer) error { return diffoscope.WriteJSON(w, c) }},
		{Markdown, func(w io.Writer) error { return WriteMarkdown(w, c, o) }},
		{JUnit, func(w io.Writer) error { return WriteJUnit(w, c, o) }},
		{CodeQuality, func(w io.Writer) error { return WriteCodeQuality(w, c) }},
		{DebianJSON, func(w io.Writer) error { return WriteDebianJSON(w, c) }},
	}
}

// WriteFolder writes files, and a list of their sha256, to a folder that it makes
// aside and puts at dir, in the place of an earlier report and of nothing else. With a
// file of somebody else's in that, all of it stays: then the error is ENOTEMPTY.
func WriteFolder(dir string, files []File) (err error) {
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
	if err := WriteInto(temp, files); err != nil {
		return err
	}
	if err := RemoveFolder(dir); err != nil {
		return err
	}
	if err := os.Rename(temp, dir); err != nil {
		return err
	}
	return syncDir(parent)
}

// WriteInto writes files, and a list of their sha256, into the folder dir, which it
// makes if it has to.
func WriteInto(dir string, files []File) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	list := ""
	for _, f := range files {
		if !filepath.IsLocal(f.Name) || strings.ContainsAny(f.Name, "\\\n") {
			return &fs.PathError{Op: "create", Path: f.Name, Err: fs.ErrInvalid}
		}
		to := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		sum, err := writeFile(to, f.Write)
		if err != nil {
			return err
		}
		list += fmt.Sprintf("%s  %s\n", sum, f.Name)
	}
	_, err := writeFile(filepath.Join(dir, sums), func(w io.Writer) error {
		_, err := io.WriteString(w, list)
		return err
	})
	return errors.Join(err, syncDir(dir))
}

// RemoveFolder removes the report at dir, if there is one, and only that: when the
// folder has what isn't in its list, all of it stays, which is an error, ENOTEMPTY.
func RemoveFolder(dir string) error {
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
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	names, err := listed(root)
	if err != nil {
		return err
	}
	err = fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err == nil && name != "." && !slices.Contains(names, filepath.FromSlash(name)) {
			err = &fs.PathError{Op: "remove", Path: dir, Err: syscall.ENOTEMPTY}
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return err
		}
	}
	return os.Remove(dir)
}

// listed returns the files and folders that the report in root says it has, each
// folder after what is in it, and none when it is no report.
func listed(root *os.Root) ([]string, error) {
	const limit = 1 << 20
	var names []string
	f, err := root.Open(sums)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	folders := map[string]bool{}
	lines := bufio.NewScanner(io.LimitReader(f, limit))
	for lines.Scan() {
		_, name, ok := strings.Cut(lines.Text(), "  ")
		if !ok || !filepath.IsLocal(name) {
			continue
		}
		names = append(names, filepath.FromSlash(name))
		for up := path.Dir(name); up != "."; up = path.Dir(up) {
			folders[filepath.FromSlash(up)] = true
		}
	}
	for _, form := range formFiles {
		if !slices.Contains(names, form) {
			return nil, lines.Err()
		}
	}
	var deepest []string
	for name := range folders {
		deepest = append(deepest, name)
	}
	slices.Sort(deepest)
	slices.Reverse(deepest)
	// The list is the last to go: what stays is removed the next time.
	return append(append(names, deepest...), sums), lines.Err()
}

func writeFile(path string, write func(io.Writer) error) (sum string, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	buf := bufio.NewWriter(io.MultiWriter(f, hash))
	err = write(buf)
	if err == nil {
		err = buf.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	return hex.EncodeToString(hash.Sum(nil)), errors.Join(err, f.Close())
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
