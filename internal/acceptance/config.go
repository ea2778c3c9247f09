package acceptance

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
)

// A ConfigError reports that the administrator's file can't be relied on, so that
// nothing at all is accepted until it is mended.
type ConfigError struct {
	Path string // of the file, or of a folder that it is in
	Err  error
}

func (e *ConfigError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }
func (e *ConfigError) Unwrap() error { return e.Err }

// What is wrong with a file that isn't root's alone.
var (
	ErrOwner    = errors.New("it doesn't belong to root")
	ErrWritable = errors.New("others than its owner can write it")
	ErrKind     = errors.New("it is no regular file, or not in a plain folder; symbolic links are not followed")
	ErrSize     = errors.New("it is too large")
)

// maxConfig is the size of the largest file, in bytes.
const maxConfig = 1 << 20

// config is the file in which the administrator accepts images.
type config struct {
	root  string // the folder from which file is walked
	file  string // an absolute path, below root
	owner uint32
}

// accepts reports whether the file accepts an image, and why. A file that isn't
// there accepts none.
func (c config) accepts(image digest.Digest) (reason string, ok bool, err error) {
	src, err := c.read()
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	accepted, diags := decode(path.Base(c.file), src)
	if diags.HasErrors() {
		return "", false, &ConfigError{c.file, diags}
	}
	reason, ok = accepted[image]
	return reason, ok, nil
}

// CheckConfig returns a *[ConfigError] when the administrator's file is there and can't
// be relied on.
func CheckConfig() error {
	_, _, err := (config{root: "/", file: ConfigFile}).accepts("")
	return err
}

// read reads the file, folder by folder, so that what was checked is what is used.
// Where there is no file, nothing has to be right.
func (c config) read() ([]byte, error) {
	const folder = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	at, err := unix.Open(c.root, folder, 0)
	if err != nil {
		return nil, &ConfigError{c.root, err}
	}
	defer func() { unix.Close(at) }()
	where := c.root
	wrong := c.check(at, where, unix.S_IFDIR)
	elements := strings.Split(strings.TrimPrefix(path.Clean(c.file), "/"), "/")
	for i, element := range elements {
		where = path.Join(where, element)
		flags, kind := folder, uint32(unix.S_IFDIR)
		if i == len(elements)-1 {
			flags, kind = unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, unix.S_IFREG
		}
		next, err := unix.Openat(at, element, flags, 0)
		if err != nil {
			return nil, &ConfigError{where, opening(err)}
		}
		unix.Close(at)
		at = next
		if err := c.check(at, where, kind); wrong == nil {
			wrong = err
		}
	}
	if wrong != nil {
		return nil, wrong
	}
	return c.content(at, where)
}

// opening makes what opening a link or another kind of file gives readable.
func opening(err error) error {
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ENXIO) {
		return ErrKind
	}
	return err
}

// check asks that the open file is of a kind, the owner's, and the owner's alone
// to write.
func (c config) check(fd int, where string, kind uint32) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &ConfigError{where, err}
	}
	switch {
	case st.Mode&unix.S_IFMT != kind:
		return &ConfigError{where, ErrKind}
	case st.Uid != c.owner:
		return &ConfigError{where, ErrOwner}
	case st.Mode&0o022 != 0:
		return &ConfigError{where, ErrWritable}
	case kind == unix.S_IFREG && st.Size > maxConfig:
		return &ConfigError{where, ErrSize}
	}
	return nil
}

func (c config) content(fd int, where string) ([]byte, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, &ConfigError{where, err}
	}
	f := os.NewFile(uintptr(dup), where)
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	switch {
	case err != nil:
		return nil, &ConfigError{where, err}
	case len(src) > maxConfig:
		return nil, &ConfigError{where, ErrSize}
	}
	return src, nil
}

var language = &hclschema.Language{
	One: "file of accepted images", Many: "files of accepted images",
	Shows:  "what is accepted",
	Alters: "a file that looks the same and isn't",
	Closed: "The file has no references. Write the value out.",
	Plain:  true,
}

var acceptType = &hclschema.BlockType{
	Name:   "accept",
	Labels: []hclschema.Label{{Name: "DIGEST", Check: checkDigest, Doc: "Digest of the image's manifest or index."}},
	Doc:    "An image that is accepted, though it is foreign or unsigned.",
	Many:   true,
	Attrs:  []hclschema.Attribute{{Name: "reason", Type: hclschema.Text, Required: true, Doc: "Why, for those who read the log."}},
}

var checkDigest = hclschema.Matches(`sha256:[0-9a-f]{64}`, 71, "Not a digest",
	"is no digest of an image: write sha256: and all of its 64 lower-case hexadecimal digits.")

// decode returns the images that src accepts, each with the reason.
func decode(filename string, src []byte) (map[digest.Digest]string, hcl.Diagnostics) {
	body, diags := hclschema.Parse(language, filename, src)
	if body == nil {
		return nil, diags
	}
	e := hclschema.NewEvaluator(language, nil)
	top := &hclschema.Block{
		Type:  &hclschema.BlockType{Name: "file of accepted images", Blocks: []*hclschema.BlockType{acceptType}},
		Range: hclschema.StartOf(filename),
	}
	e.Body(top, body)
	e.Labelled(top, "accept")
	accepted := map[digest.Digest]string{}
	for _, b := range top.All("accept") {
		accepted[digest.Digest(b.Labels[0].Text)] = b.Text("reason")
	}
	return accepted, hclschema.Sorted(e.Diags)
}
