package diffoscope

import (
	"io"
	"os"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// maxKept is how many bytes of a tar are kept for the second reading: writing and
// reading them costs a tenth of decompressing them again.
const maxKept = 96 << 20

// A keeper keeps a tar, if it is small, in a file without a name.
type keeper struct {
	file *os.File
	n    int64
	over bool
}

// Write never fails: what can't be kept is read again from where it came from.
func (k *keeper) Write(p []byte) (int, error) {
	if k.over {
		return len(p), nil
	}
	if k.file == nil {
		f, err := unnamed()
		if err != nil {
			k.over = true
			return len(p), nil
		}
		k.file = f
	}
	if k.n+int64(len(p)) > maxKept {
		k.drop()
		return len(p), nil
	}
	if _, err := k.file.WriteAt(p, k.n); err != nil {
		k.drop()
		return len(p), nil
	}
	k.n += int64(len(p))
	return len(p), nil
}

func (k *keeper) drop() {
	k.over = true
	k.file.Close() // nothing of it is used
	k.file = nil
}

// open returns the tar that was kept, nil if it wasn't.
func (k *keeper) open(what string, limits oci.LayerLimits) (*oci.LayerReader, error) {
	if k == nil || k.file == nil {
		return nil, nil
	}
	limits.Lenient, limits.NoDiffID = false, true
	return oci.OpenTar(io.NopCloser(io.NewSectionReader(k.file, 0, k.n)), k.n, what, limits)
}

// content returns size bytes at an offset of the tar, nil if it wasn't kept.
func (k *keeper) content(at, size int64) *io.SectionReader {
	if k == nil || k.file == nil || at < 0 || size > k.n-at {
		return nil
	}
	return io.NewSectionReader(k.file, at, size)
}

func (k *keeper) Close() error {
	if k == nil || k.file == nil {
		return nil
	}
	return k.file.Close()
}
