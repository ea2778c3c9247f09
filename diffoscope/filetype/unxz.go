package filetype

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// unxz returns a decoder for blocks. The container is our own, so that a header can't
// ask for more memory than the limit.
func (in *input) unxz(blocks []xzBlock) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return &xzReader{in: in, blocks: blocks}, nil }
}

type xzReader struct {
	in     *input
	blocks []xzBlock // that are left, from the current one on

	src  io.Reader // nil before a block
	left int64     // of its content
	sum  func() []byte
	hash hash.Hash
	end  int64 // of its data and padding
	size int64 // of the check there
}

func (r *xzReader) Close() error { return nil }

func (r *xzReader) Read(p []byte) (int, error) {
	for {
		if r.src == nil {
			if len(r.blocks) == 0 {
				return 0, io.EOF
			}
			if err := r.start(r.blocks[0]); err != nil {
				return 0, err
			}
		}
		n, err := r.decode(p)
		if int64(n) > r.left {
			return 0, r.in.damaged("the block at %d has more bytes than the index says", r.blocks[0].offset)
		}
		r.left -= int64(n)
		if r.hash != nil {
			r.hash.Write(p[:n])
		}
		if errors.Is(err, io.EOF) {
			err = r.finish()
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// decode reads from the block. A panic of the decoder's is the block's fault.
func (r *xzReader) decode(p []byte) (n int, err error) {
	defer func() {
		if v := recover(); v != nil {
			n, err = 0, r.in.damaged("the block at %d: %v", r.blocks[0].offset, v)
		}
	}()
	n, err = r.src.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.in.damaged("the block at %d: %v", r.blocks[0].offset, err)
	}
	return n, err
}

func (r *xzReader) start(block xzBlock) error {
	head, err := r.in.xzBlockHeader(block)
	if err != nil {
		return err
	}
	if !head.alone {
		return r.in.damaged("no decoder for the filters %s", head.filters)
	}
	// A dictionary larger than the content is never used up.
	dictionary := max(min(head.dictionary, block.size), lzma.MinDictCap)
	if dictionary > r.in.limits.Memory {
		return &LimitError{What: "bytes of memory to decompress", Limit: r.in.limits.Memory}
	}
	r.sum, r.hash, r.size = xzCheck(block.check)
	r.end = block.offset + (block.packed-r.size+3)&^3
	data := block.packed - head.size - r.size
	if data < 0 {
		return r.in.damaged("the block at %d has no data", block.offset)
	}
	src := bufio.NewReader(r.in.section(block.offset+head.size, data))
	if r.src, err = newLZMA2(src, int(dictionary)); err != nil {
		return r.in.damaged("the block at %d: %v", block.offset, err)
	}
	r.left = block.size
	return nil
}

func newLZMA2(src io.Reader, dictionary int) (r io.Reader, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%v", v)
		}
	}()
	return lzma.Reader2Config{DictCap: dictionary}.NewReader2(src)
}

// finish checks the block that was read to its end.
func (r *xzReader) finish() error {
	block := r.blocks[0]
	if r.left != 0 {
		return r.in.damaged("the block at %d has fewer bytes than the index says", block.offset)
	}
	if r.sum != nil {
		want, err := r.in.bytes(r.end, r.size)
		if err != nil {
			return err
		}
		if !bytes.Equal(r.sum(), want) {
			return r.in.damaged("the check of the block at %d doesn't fit its content", block.offset)
		}
	}
	r.src, r.blocks = nil, r.blocks[1:]
	return nil
}
