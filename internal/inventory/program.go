package inventory

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is how many bytes a name in build information may have.
const maxName = 1024

// readProgram returns what the go command left in an ELF file called name, or nil
// when there is nothing of it. What it left and isn't like that is a *[FormatError]
// or *[LimitError]; other errors are r's.
func readProgram(name string, r io.ReaderAt, size int64) (*Program, error) {
	metered := &meter{src: r, left: maxProgramRead}
	info := buildInfo(io.NewSectionReader(metered, 0, size))
	switch {
	case metered.err != nil:
		return nil, metered.err
	case metered.left < 0:
		return nil, &LimitError{fmt.Sprintf("bytes to be read for the build information of %q", name), maxProgramRead}
	case metered.large:
		return nil, &LimitError{fmt.Sprintf("bytes of the build information of %q", name), maxRead}
	case info == nil:
		return nil, nil
	case len(info.Deps) > maxModules:
		return nil, &LimitError{fmt.Sprintf("modules of %q", name), maxModules}
	}
	p := &Program{Go: info.GoVersion, Package: info.Path, Main: module(&info.Main)}
	if p.Package == "" {
		p.Package = p.Main.Path
	}
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			dep = dep.Replace
		}
		p.Modules = append(p.Modules, module(dep))
	}
	slices.SortFunc(p.Modules, func(a, b Module) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Sum, b.Sum))
	})
	p.Modules = slices.Compact(p.Modules)
	if err := p.check(name); err != nil {
		return nil, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, 0, size)); err != nil {
		return nil, err
	}
	p.SHA256 = hex.EncodeToString(h.Sum(nil))
	return p, nil
}

// buildInfo returns nil for what has no build information. The parsers behind it say
// that they are not made for hostile files: what makes them panic has none.
func buildInfo(r io.ReaderAt) (info *buildinfo.BuildInfo) {
	defer func() {
		if recover() != nil {
			info = nil
		}
	}()
	info, err := buildinfo.Read(r)
	if err != nil {
		return nil
	}
	return info
}

func module(m *debug.Module) Module { return Module{m.Path, m.Version, m.Sum} }

// check refuses what is no name of anything.
func (p *Program) check(name string) error {
	texts := []string{name, p.Go, p.Package, p.Main.Path, p.Main.Version, p.Main.Sum}
	for i, m := range p.Modules {
		if m.Path == "" {
			return &FormatError{name, "its build information has a module without a name"}
		}
		if i > 0 && m.Path == p.Modules[i-1].Path && m.Version == p.Modules[i-1].Version {
			return &FormatError{name, fmt.Sprintf("its build information has two sums of %q", m.Path)}
		}
		texts = append(texts, m.Path, m.Version, m.Sum)
	}
	for _, text := range texts {
		if len(text) > maxName || !utf8.ValidString(text) || strings.ContainsFunc(text, isOdd) {
			return &FormatError{name, "its build information has a name that is too long or can't be printed"}
		}
	}
	return nil
}

func isOdd(r rune) bool { return !unicode.IsPrint(r) }

// A meter reads from src until it has read too much, in all or at once, or src fails.
type meter struct {
	src   io.ReaderAt
	left  int64
	large bool
	err   error
}

func (m *meter) ReadAt(p []byte, off int64) (int, error) {
	m.left -= int64(len(p))
	m.large = m.large || len(p) > maxRead
	if m.left < 0 || m.large || m.err != nil {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := m.src.ReadAt(p, off)
	if err != nil && err != io.EOF {
		m.err = err
	}
	return n, err
}
