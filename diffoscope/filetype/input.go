package filetype

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"
)

// An input is a file while it is taken apart.
type input struct {
	Content
	format string
	limits Limits
	// raw counts the bytes of contents that stand in the file as they are: the file
	// has no more. decoded counts those that are decoded, rendered those that are shown
	// as text.
	raw, decoded, rendered *meter
}

func newInput(c Content, l Limits) *input {
	return &input{
		Content: c, limits: l,
		raw:      &meter{what: "bytes of contents that overlap", limit: c.Size()},
		decoded:  &meter{what: "bytes of decoded contents", limit: l.Decoded},
		rendered: &meter{what: "bytes of text", limit: min(l.Decoded, renderingFactor*c.Size()+1<<20)},
	}
}

// damaged returns the error for a file that isn't what its first bytes say.
func (in *input) damaged(format string, args ...any) error {
	return &FormatError{Format: in.format, Detail: fmt.Sprintf(format, args...)}
}

// has reports whether the file has size bytes at offset.
func (in *input) has(offset, size int64) bool {
	return offset >= 0 && size >= 0 && offset <= in.Size() && size <= in.Size()-offset
}

// bytes returns size bytes at offset, within the memory limit.
func (in *input) bytes(offset, size int64) ([]byte, error) {
	if offset < 0 || size < 0 {
		return nil, in.damaged("what it says of sizes and offsets is before its beginning")
	}
	if !in.has(offset, size) {
		return nil, in.damaged("%d bytes at %d of %d", size, offset, in.Size())
	}
	if size > in.limits.Memory {
		return nil, &LimitError{What: "bytes of memory", Limit: in.limits.Memory}
	}
	buf := make([]byte, size)
	if n, err := in.ReadAt(buf, offset); n < len(buf) {
		return nil, unexpected(err)
	}
	return buf, nil
}

func (in *input) section(offset, size int64) *io.SectionReader {
	return io.NewSectionReader(in, offset, size)
}

// buffered reads more at once than most readers do.
func buffered(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, 32<<10) }

// open returns a Part's Open for bytes that stand in the file as they are.
func (in *input) open(offset, size int64) func() (io.ReadCloser, error) {
	count := &counter{meter: in.raw}
	return func() (io.ReadCloser, error) {
		if !in.has(offset, size) {
			return nil, in.damaged("%d bytes at %d of %d", size, offset, in.Size())
		}
		return &rawContent{metered{src: io.NopCloser(in.section(offset, size)), count: count}, in.section(offset, size)}, nil
	}
}

// decode returns a Part's Open for bytes that decoder decodes.
func (in *input) decode(decoder func() (io.ReadCloser, error)) func() (io.ReadCloser, error) {
	return metering(in.decoded, decoder)
}

func metering(m *meter, decoder func() (io.ReadCloser, error)) func() (io.ReadCloser, error) {
	count := &counter{meter: m}
	return func() (io.ReadCloser, error) {
		src, err := decoder()
		if err != nil {
			return nil, err
		}
		return &metered{src: src, count: count}, nil
	}
}

// A meter counts the bytes of several contents.
type meter struct {
	what  string
	limit int64

	mu   sync.Mutex
	used int64
}

// A counter counts the bytes of one content, each once however often it is read.
type counter struct {
	meter *meter
	high  int64 // guarded by meter.mu
}

func (c *counter) reached(offset int64) error {
	c.meter.mu.Lock()
	defer c.meter.mu.Unlock()
	if offset > c.high {
		c.meter.used += offset - c.high
		c.high = offset
	}
	if c.meter.used > c.meter.limit {
		return &LimitError{What: c.meter.what, Limit: c.meter.limit}
	}
	return nil
}

// metered is a content that is being read.
type metered struct {
	src   io.ReadCloser
	count *counter
	at    int64
	err   error // of Read
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.src.Read(p)
	m.at += int64(n)
	if limit := m.count.reached(m.at); limit != nil {
		n, err = 0, limit
	}
	m.err = err
	return n, err
}

// A rawContent stands in the file as it is.
type rawContent struct {
	metered
	section *io.SectionReader
}

// Section returns the whole content, which then needs no reading to its end.
func (c *rawContent) Section() (*io.SectionReader, error) {
	return c.section, c.count.reached(c.section.Size())
}

// Close has no error that Read had already, as some decoders do.
func (m *metered) Close() error {
	err := m.src.Close()
	if m.err != nil {
		return nil
	}
	return err
}

// unexpected turns io.EOF, where more was promised, into io.ErrUnexpectedEOF.
func unexpected(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A countingReader knows how many bytes were read from it.
type countingReader struct {
	src io.Reader
	n   int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.src.Read(p)
	r.n += int64(n)
	return n, err
}
