package diffoscope

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

const (
	// maxDirDepth is how deep directories may be in each other.
	maxDirDepth = 1000
	// maxXattrs is how many bytes the extended attributes of one file may have.
	maxXattrs = 128 << 10
)

// A dirTree is a directory. Nothing outside of it is read, and no link followed.
type dirTree struct {
	root   *os.Root
	path   string
	limits Limits
	// files are all entries, in the order of the first reading.
	files []dirEntry
}

// A dirEntry is what the second reading needs to know of a file.
type dirEntry struct {
	name string
	// content says that it has any of its own: it is a regular file, and no further name
	// of one.
	content bool
}

func (t *dirTree) form() string { return formDirectory }

func (t *dirTree) kept(int64, int64) *io.SectionReader { return nil }

func (t *dirTree) walk(ctx context.Context, fn func(*entry) error) (*summary, error) {
	w := &dirWalk{dirTree: t, fn: fn, hasher: newContentHasher(), links: map[inode]string{}, left: t.limits.size()}
	t.files = nil
	info, err := t.root.Lstat(".")
	if err != nil {
		return nil, err
	}
	if err := w.entry(ctx, ".", info); err != nil {
		return nil, err
	}
	if err := w.directory(ctx, ".", 0); err != nil {
		return nil, err
	}
	return &summary{entries: len(t.files), bytes: t.limits.size() - w.left}, nil
}

func (t *dirTree) again(ctx context.Context, wants func(int) bool, last int, fn func(int, contentReader) error) error {
	for i, file := range t.files[:min(last+1, len(t.files))] {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !wants(i) {
			continue
		}
		if err := t.readAgain(file, func(r contentReader) error { return fn(i, r) }); err != nil {
			return fmt.Errorf("%q: %w", file.name, err)
		}
	}
	return nil
}

func (t *dirTree) readAgain(file dirEntry, fn func(contentReader) error) error {
	if !file.content {
		return fn(fileContent{strings.NewReader("")})
	}
	f, _, err := t.openFile(file.name)
	if err != nil {
		return err
	}
	defer f.Close()
	return fn(fileContent{f})
}

// openFile opens a regular file, and no link to one. O_NONBLOCK keeps a FIFO that was
// put into its place from blocking us.
func (t *dirTree) openFile(name string) (*os.File, fs.FileInfo, error) {
	f, err := t.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		err = &ChangedError{name}
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

type inode struct{ dev, ino uint64 }

// A dirWalk is one reading of a directory.
type dirWalk struct {
	*dirTree
	fn     func(*entry) error
	hasher *contentHasher
	// links has the first name of each file that has several.
	links map[inode]string
	left  int64 // bytes that may be read
	buf   []byte
}

func (w *dirWalk) directory(ctx context.Context, dir string, depth int) error {
	if depth > maxDirDepth {
		return &oci.LimitError{What: "directories in each other in " + w.path, Size: int64(depth), Limit: maxDirDepth}
	}
	names, err := w.list(dir)
	if err != nil {
		return err
	}
	for _, base := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := path.Join(dir, base)
		info, err := w.root.Lstat(name)
		if err != nil {
			return err
		}
		if err := w.entry(ctx, name, info); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
		if info.IsDir() {
			if err := w.directory(ctx, name, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *dirWalk) list(dir string) ([]string, error) {
	f, err := w.root.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []string
	for {
		names, err := f.Readdirnames(4096)
		all = append(all, names...)
		if limit := w.limits.entries(); len(w.files)+len(all) > limit {
			return nil, &oci.LimitError{What: "entries of " + w.path, Size: int64(len(w.files) + len(all)), Limit: int64(limit)}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(all)
	return all, nil
}

// entry gives one entry to fn.
func (w *dirWalk) entry(ctx context.Context, name string, info fs.FileInfo) error {
	header, err := w.header(name, info)
	if err != nil {
		return err
	}
	e := &entry{index: len(w.files), header: header, noHeader: true, text: true, content: sha256.Sum256(nil)}
	file := dirEntry{name, header.Typeflag == tar.TypeReg}
	w.files = append(w.files, file)
	if file.content {
		if err := w.content(ctx, name, info, e); err != nil {
			return err
		}
	}
	e.raw = sha256.Sum256(headerText(header))
	return w.fn(e)
}

func (w *dirWalk) content(ctx context.Context, name string, info fs.FileInfo, e *entry) error {
	f, opened, err := w.openFile(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if !os.SameFile(info, opened) {
		return &ChangedError{"file"}
	}
	if w.left -= opened.Size(); w.left < 0 {
		return &oci.LimitError{What: "size of " + w.path, Size: w.limits.size() - w.left, Limit: w.limits.size()}
	}
	if err := w.xattrs(f, e.header); err != nil {
		return err
	}
	// What grows while it is read must not be read for ever.
	if err := w.hasher.read(ctx, io.LimitReader(f, opened.Size()+1), e); err != nil {
		return err
	}
	after, err := f.Stat()
	if err != nil {
		return err
	}
	if e.size != opened.Size() || after.Size() != e.size || !after.ModTime().Equal(opened.ModTime()) || !opened.ModTime().Equal(info.ModTime()) {
		return &ChangedError{"file"}
	}
	return nil
}

// header is what a tar would say of the file, as far as it says more than the moment
// at which it is read.
func (w *dirWalk) header(name string, info fs.FileInfo) (*tar.Header, error) {
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		var err error
		if link, err = w.root.Readlink(name); err != nil {
			return nil, err
		}
	}
	h := &tar.Header{Name: name, Linkname: link, ModTime: info.ModTime(), Typeflag: typeOf(info.Mode()), Mode: int64(info.Mode().Perm())}
	for _, bit := range []struct {
		mode fs.FileMode
		bit  int64
	}{{fs.ModeSetuid, 0o4000}, {fs.ModeSetgid, 0o2000}, {fs.ModeSticky, 0o1000}} {
		if info.Mode()&bit.mode != 0 {
			h.Mode |= bit.bit
		}
	}
	if h.Typeflag == tar.TypeDir {
		h.Name += "/"
	}
	sys, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return h, nil
	}
	h.Uid, h.Gid = int(sys.Uid), int(sys.Gid)
	if h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock {
		h.Devmajor, h.Devminor = int64(unix.Major(uint64(sys.Rdev))), int64(unix.Minor(uint64(sys.Rdev)))
	}
	if sys.Nlink > 1 && !info.IsDir() {
		id := inode{uint64(sys.Dev), sys.Ino}
		if first, ok := w.links[id]; ok {
			h.Typeflag, h.Linkname = tar.TypeLink, first
		} else {
			w.links[id] = name
		}
	}
	if info.IsDir() {
		f, _, err := w.openFile(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return h, w.xattrs(f, h)
	}
	if !info.Mode().IsRegular() {
		return h, w.specialXattrs(name, info, h)
	}
	return h, nil
}

// specialXattrs is xattrs of what can't be opened to be read, such as a link.
func (w *dirWalk) specialXattrs(name string, info fs.FileInfo, h *tar.Header) error {
	f, err := w.root.OpenFile(name, unix.O_PATH|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	opened, err := f.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(info, opened) {
		return &ChangedError{name}
	}
	// Such a descriptor has no attributes, but what it is of does.
	path := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	return w.setXattrs(h,
		func(b []byte) (int, error) { return unix.Listxattr(path, b) },
		func(name string, b []byte) (int, error) { return unix.Getxattr(path, name, b) })
}

// xattrs sets the extended attributes of an open file.
func (w *dirWalk) xattrs(f *os.File, h *tar.Header) error {
	return w.setXattrs(h,
		func(b []byte) (int, error) { return unix.Flistxattr(int(f.Fd()), b) },
		func(name string, b []byte) (int, error) { return unix.Fgetxattr(int(f.Fd()), name, b) })
}

// setXattrs sets extended attributes, as tars name them. File systems without any are
// none.
func (w *dirWalk) setXattrs(h *tar.Header, list func([]byte) (int, error), get func(string, []byte) (int, error)) error {
	if w.buf == nil {
		w.buf = make([]byte, maxXattrs)
	}
	buf := w.buf
	n, err := list(buf)
	if err == unix.ENOTSUP || n == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	h.PAXRecords = map[string]string{}
	names := strings.Split(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00") // a copy
	for _, name := range names {
		n, err := get(name, buf)
		if err != nil {
			return err
		}
		h.PAXRecords["SCHILY.xattr."+name] = string(buf[:n])
	}
	return nil
}

func typeOf(mode fs.FileMode) byte {
	switch {
	case mode.IsDir():
		return tar.TypeDir
	case mode&fs.ModeSymlink != 0:
		return tar.TypeSymlink
	case mode&fs.ModeCharDevice != 0:
		return tar.TypeChar
	case mode&fs.ModeDevice != 0:
		return tar.TypeBlock
	case mode&fs.ModeNamedPipe != 0:
		return tar.TypeFifo
	case mode&fs.ModeSocket != 0:
		return typeSocket
	}
	return tar.TypeReg
}

// headerText is all that a header made by us says.
func headerText(h *tar.Header) []byte {
	b := fmt.Appendf(nil, "%q %q %q %d %o %d %d %d %d", h.Name, h.Linkname, h.Typeflag, h.ModTime.UnixNano(), h.Mode, h.Uid, h.Gid, h.Devmajor, h.Devminor)
	for _, key := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		b = fmt.Appendf(b, " %q=%q", key, h.PAXRecords[key])
	}
	return b
}

// typeSocket stands for a socket, which a tar cannot have.
const typeSocket = 's'
