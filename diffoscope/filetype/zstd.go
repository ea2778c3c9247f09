package filetype

import (
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// unzstd decodes zstd frames (RFC 8878), in as much memory as the limit says.
func (in *input) unzstd(offset, size int64) (io.ReadCloser, error) {
	d, err := zstd.NewReader(in.section(offset, size), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(uint64(max(in.limits.Memory, zstd.MinWindowSize))))
	if err != nil {
		return nil, err
	}
	return &zstdReader{d, in.limits.Memory}, nil
}

type zstdReader struct {
	*zstd.Decoder
	memory int64
}

func (r *zstdReader) Read(p []byte) (int, error) {
	n, err := r.Decoder.Read(p)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		err = &LimitError{What: "bytes of memory to decompress", Limit: r.memory}
	}
	return n, err
}

func (r *zstdReader) Close() error {
	r.Decoder.Close()
	return nil
}
