package filetype

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// zipXz decodes a member that is an xz file.
func (in *input) zipXz(m *zipMember) (io.ReadCloser, error) {
	file := &input{Content: in.section(m.data, m.packed), format: in.format, limits: in.limits}
	streams, err := file.xzStreams()
	if err != nil {
		return nil, err
	}
	var all []xzBlock
	for _, s := range streams {
		all = append(all, s.blocks...)
	}
	return file.unxz(all)()
}

// zipLZMA decodes a member that is LZMA's stream behind a header of zip's own (APPNOTE.TXT
// 6.3.10, section 5.8.8).
func (in *input) zipLZMA(m *zipMember) (io.ReadCloser, error) {
	const head, properties, minDictionary = 4, 5, 4 << 10
	raw, err := in.bytes(m.data, min(head+properties, m.packed))
	if err != nil {
		return nil, err
	}
	if len(raw) < head+properties || binary.LittleEndian.Uint16(raw[2:]) != properties {
		return nil, in.damaged("the LZMA header at %d", m.data)
	}
	// A dictionary larger than the content is never used up.
	dictionary := max(min(int64(binary.LittleEndian.Uint32(raw[head+1:])), m.size), minDictionary)
	if dictionary > in.limits.Memory {
		return nil, &LimitError{What: "bytes of memory to decompress", Limit: in.limits.Memory}
	}
	size := uint64(m.size)
	if m.flags&2 != 0 {
		size = 1<<64 - 1 // the stream has its own end
	}
	// The header of a file of its own, as the decoder wants it.
	file := append([]byte{raw[head]}, binary.LittleEndian.AppendUint32(nil, uint32(dictionary))...)
	file = binary.LittleEndian.AppendUint64(file, size)
	src := io.MultiReader(bytes.NewReader(file), in.section(m.data+head+properties, m.packed-head-properties))
	return &lzmaReader{in: in, at: m.data, src: buffered(src), dictionary: int(dictionary)}, nil
}

// A lzmaReader begins when it is read. A panic of the decoder's is the file's fault.
type lzmaReader struct {
	in         *input
	at         int64
	src        io.Reader
	dictionary int
	d          *lzma.Reader
}

func (r *lzmaReader) Read(p []byte) (n int, err error) {
	defer func() {
		if v := recover(); v != nil {
			n, err = 0, r.in.damaged("the content at %d: %v", r.at, v)
		}
	}()
	if r.d == nil {
		if r.d, err = (lzma.ReaderConfig{DictCap: r.dictionary}).NewReader(r.src); err != nil {
			return 0, r.in.damaged("the content at %d: %v", r.at, err)
		}
	}
	n, err = r.d.Read(p)
	if err != nil && err != io.EOF {
		err = r.in.damaged("the content at %d: %v", r.at, err)
	}
	return n, err
}

func (r *lzmaReader) Close() error { return nil }
