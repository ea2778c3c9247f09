package inventory

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/apk"
)

// Where apk keeps its database, and systems what they are: one of each, which is a
// link, or not there.
var (
	databases = []string{"/lib/apk/db/installed", "/usr/lib/apk/db/installed"}
	releases  = []string{"/etc/os-release", "/usr/lib/os-release"}
)

// A Scanner is shown the entries of an image's layers, the lowest layer first.
type Scanner struct {
	layer int
	// files are those that matter, by their absolute path, and dirs the folders
	// that they are in.
	files map[string]*file
	dirs  map[string]bool
	spool *os.File // of one program at a time
	err   error    // what is wrong with the image, not with reading it
}

// A file is one that matters.
type file struct {
	layer   int
	text    string   // of a database or os-release
	program *Program // its path is not set
}

// NewScanner returns a scanner for one image.
func NewScanner() *Scanner {
	return &Scanner{files: map[string]*file{}, dirs: map[string]bool{}}
}

// Close removes what the scanner keeps on disk.
func (s *Scanner) Close() error {
	if s.spool == nil {
		return nil
	}
	return s.spool.Close()
}

// NextLayer says that the entries that follow are of the layer above.
func (s *Scanner) NextLayer() { s.layer++ }

// Entry takes the next entry of a layer (image-spec, layer.md), and reads as much of
// its content as it needs. The error is content's, or the disk's: what is wrong with
// the image itself is for Inventory to say.
func (s *Scanner) Entry(h *tar.Header, content io.Reader) error {
	if s.err != nil {
		return nil
	}
	name := path.Clean("/" + h.Name)
	dir, base := path.Split(name)
	if base == ".wh..wh..opq" {
		s.remove(path.Clean(dir), false, s.layer)
		return nil
	}
	if hidden, ok := strings.CutPrefix(base, ".wh."); ok {
		s.remove(path.Join(dir, hidden), true, s.layer)
		return nil
	}
	if h.Typeflag == tar.TypeDir {
		delete(s.files, name)
		return nil
	}
	linked := s.files[path.Clean("/"+h.Linkname)]
	s.remove(name, true, s.layer+1)
	switch h.Typeflag {
	case tar.TypeReg:
		return s.regular(name, h.Size, content)
	case tar.TypeLink:
		if linked != nil {
			s.keep(name, &file{text: linked.text, program: linked.program})
		}
	}
	return nil
}

// remove forgets what is below name in layers under below, and name itself.
func (s *Scanner) remove(name string, itself bool, below int) {
	if f := s.files[name]; itself && f != nil && f.layer < below {
		delete(s.files, name)
	}
	if !s.dirs[name] {
		return
	}
	prefix := strings.TrimSuffix(name, "/") + "/"
	maps.DeleteFunc(s.files, func(p string, f *file) bool {
		return strings.HasPrefix(p, prefix) && f.layer < below
	})
}

func (s *Scanner) keep(name string, f *file) {
	f.layer = s.layer
	s.files[name] = f
	for dir := path.Dir(name); !s.dirs[dir]; dir = path.Dir(dir) {
		s.dirs[dir] = true
	}
}

func (s *Scanner) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// regular looks into a regular file.
func (s *Scanner) regular(name string, size int64, content io.Reader) error {
	switch {
	case slices.Contains(databases, name):
		return s.text(name, content, apk.MaxInstalled)
	case slices.Contains(releases, name):
		return s.text(name, content, maxRelease)
	}
	var magic [4]byte
	if size < int64(len(magic)) {
		return nil
	}
	if _, err := io.ReadFull(content, magic[:]); err != nil {
		return err
	}
	if string(magic[:]) != "\x7fELF" {
		return nil
	}
	if size > maxProgram {
		s.fail(&LimitError{fmt.Sprintf("size of %q", name), maxProgram})
		return nil
	}
	return s.program(name, io.MultiReader(strings.NewReader(string(magic[:])), content))
}

func (s *Scanner) text(name string, content io.Reader, limit int64) error {
	b, err := io.ReadAll(io.LimitReader(content, limit+1))
	if err != nil {
		return err
	}
	if int64(len(b)) > limit {
		s.fail(&LimitError{fmt.Sprintf("size of %q", name), limit})
		return nil
	}
	s.keep(name, &file{text: string(b)})
	return nil
}

// program reads the build information of an ELF file, if it has one.
func (s *Scanner) program(name string, content io.Reader) error {
	if s.spool == nil {
		f, err := os.CreateTemp("", "tailsbuild-program-")
		if err != nil {
			return err
		}
		s.spool = f
		if err := os.Remove(f.Name()); err != nil {
			return err
		}
	}
	if _, err := s.spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := s.spool.Truncate(0); err != nil {
		return err
	}
	size, err := io.Copy(s.spool, content)
	if err != nil {
		return err
	}
	p, err := readProgram(name, s.spool, size)
	var (
		limit  *LimitError
		format *FormatError
	)
	switch {
	case errors.As(err, &limit), errors.As(err, &format):
		s.fail(err)
		return nil
	case err != nil || p == nil:
		return err
	}
	s.keep(name, &file{program: p})
	return nil
}

// Inventory returns what is in the image, once all entries of all layers were given.
// What can't be understood is a *[FormatError], a *[LimitError] or an error of
// package apk.
func (s *Scanner) Inventory() (*Inventory, error) {
	if s.err != nil {
		return nil, s.err
	}
	inv := &Inventory{}
	name, text, err := s.one(databases)
	if err != nil {
		return nil, err
	}
	if inv.Packages, err = apk.ParseInstalled(name, text); err != nil {
		return nil, err
	}
	slices.SortFunc(inv.Packages, func(a, b apk.Package) int { return strings.Compare(a.Name, b.Name) })
	if _, text, err = s.one(releases); err != nil {
		return nil, err
	}
	inv.System = parseRelease(text)
	for _, p := range slices.Sorted(maps.Keys(s.files)) {
		if found := s.files[p].program; found != nil {
			program := *found
			program.Path = p
			inv.Programs = append(inv.Programs, program)
		}
	}
	if len(inv.Programs) > maxPrograms {
		return nil, &LimitError{"number of Go programs", maxPrograms}
	}
	return inv, nil
}

// one returns which of names there is, and what it says.
func (s *Scanner) one(names []string) (name, text string, err error) {
	name = names[0]
	for _, n := range names {
		f := s.files[n]
		switch {
		case f == nil || f.program != nil:
		case text != "" && f.text != text:
			return "", "", &FormatError{n, "says something else than " + name}
		default:
			name, text = n, f.text
		}
	}
	return name, text, nil
}

// parseRelease reads os-release(5) as far as it is needed: the values of two names,
// quoted or not, without escapes.
func parseRelease(text string) System {
	var s System
	for line := range strings.SplitSeq(text, "\n") {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		for _, quote := range []string{`"`, `'`} {
			if len(value) > 1 && strings.HasPrefix(value, quote) && strings.HasSuffix(value, quote) {
				value = value[1 : len(value)-1]
			}
		}
		if strings.Trim(value, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" || len(value) > 64 {
			value = ""
		}
		switch name {
		case "ID":
			s.ID = value
		case "VERSION_ID":
			s.Version = value
		}
	}
	return s
}
