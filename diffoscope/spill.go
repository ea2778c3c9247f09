package diffoscope

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"io"
	"maps"
	"os"
	"slices"
	"time"
)

const (
	// maxWaiting is how many entries wait in memory for their like.
	maxWaiting = 50_000
	// spillBuckets is how many parts entries are put into, each of which is then
	// joined in memory.
	spillBuckets = 64
	spillBuffer  = 16 << 10
)

// A spill keeps entries in a file without a name, in buckets by their names: when the
// order of two trees has little in common, nearly all entries of one wait for those of
// the other.
type spill struct {
	file    *os.File
	end     int64
	buckets [2][spillBuckets]spillBucket
}

type spillBucket struct {
	buf   []byte
	spans []span
}

// bucketOf depends on the name alone, so that a comparison is the same each time.
func bucketOf(name string) int {
	h := fnv.New32a()
	_, _ = io.WriteString(h, name) // never fails
	return int(h.Sum32() % spillBuckets)
}

func (s *spill) add(side int, name string, e *entry) error {
	b := &s.buckets[side][bucketOf(name)]
	b.buf = appendEntry(b.buf, e)
	if len(b.buf) < spillBuffer {
		return nil
	}
	return s.flush(b)
}

func (s *spill) flush(b *spillBucket) error {
	if s.file == nil {
		f, err := unnamed()
		if err != nil {
			return err
		}
		s.file = f
	}
	if _, err := s.file.WriteAt(b.buf, s.end); err != nil {
		return err
	}
	b.spans = append(b.spans, span{s.end, int64(len(b.buf))})
	s.end += int64(len(b.buf))
	b.buf = b.buf[:0]
	return nil
}

// each gives the entries of one bucket, in the order in which they were added.
func (s *spill) each(side, bucket int, fn func(*entry) error) error {
	b := &s.buckets[side][bucket]
	for _, piece := range append(b.spans, span{-1, 0}) {
		buf := b.buf
		if piece.offset >= 0 {
			buf = make([]byte, piece.size)
			if _, err := s.file.ReadAt(buf, piece.offset); err != nil {
				return err
			}
		}
		for d := (&decoder{buf}); len(d.b) > 0; {
			if err := fn(d.entry()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *spill) close() error {
	if s == nil || s.file == nil {
		return nil
	}
	return s.file.Close()
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	return binary.AppendVarint(binary.AppendVarint(append(b, 1), t.Unix()), int64(t.Nanosecond()))
}

func bitIf(set bool, bit byte) byte {
	if set {
		return bit
	}
	return 0
}

// appendEntry appends all that is known of e.
func appendEntry(b []byte, e *entry) []byte {
	h := e.header
	b = append(b, h.Typeflag, bitIf(e.known, 1)|bitIf(e.text, 2)|bitIf(e.noHeader, 4))
	b = append(append(b, e.raw[:]...), e.content[:]...)
	for _, n := range []int64{
		int64(e.index), e.size, e.at, h.Size, h.Mode, int64(h.Uid), int64(h.Gid), h.Devmajor, h.Devminor, int64(h.Format),
	} {
		b = binary.AppendVarint(b, n)
	}
	for _, s := range []string{h.Name, h.Linkname, h.Uname, h.Gname, string(e.padding)} {
		b = appendString(b, s)
	}
	for _, t := range []time.Time{h.ModTime, h.AccessTime, h.ChangeTime} {
		b = appendTime(b, t)
	}
	b = binary.AppendUvarint(b, uint64(len(h.PAXRecords)))
	for _, key := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		b = appendString(appendString(b, key), h.PAXRecords[key])
	}
	b = binary.AppendUvarint(b, uint64(len(e.chunks)))
	for _, c := range e.chunks {
		b = binary.AppendUvarint(binary.LittleEndian.AppendUint64(b, c.hash), uint64(c.lines))
	}
	return b
}

// A decoder reads what appendEntry wrote, in this process, to a file that nobody else
// can open.
type decoder struct{ b []byte }

func (d *decoder) take(n int) []byte {
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	d.take(n)
	return v
}

func (d *decoder) count() int {
	v, n := binary.Uvarint(d.b)
	d.take(n)
	return int(v)
}

func (d *decoder) string() string { return string(d.take(d.count())) }

func (d *decoder) time() time.Time {
	if d.take(1)[0] == 0 {
		return time.Time{}
	}
	seconds := d.int()
	return time.Unix(seconds, d.int())
}

func (d *decoder) entry() *entry {
	e, h := &entry{}, &tar.Header{}
	fixed := d.take(2)
	h.Typeflag = fixed[0]
	e.known, e.text, e.noHeader = fixed[1]&1 != 0, fixed[1]&2 != 0, fixed[1]&4 != 0
	copy(e.raw[:], d.take(len(e.raw)))
	copy(e.content[:], d.take(len(e.content)))
	e.index, e.size, e.at, h.Size, h.Mode = int(d.int()), d.int(), d.int(), d.int(), d.int()
	h.Uid, h.Gid, h.Devmajor, h.Devminor, h.Format = int(d.int()), int(d.int()), d.int(), d.int(), tar.Format(d.int())
	h.Name, h.Linkname, h.Uname, h.Gname = d.string(), d.string(), d.string(), d.string()
	if padding := d.string(); padding != "" {
		e.padding = []byte(padding)
	}
	h.ModTime, h.AccessTime, h.ChangeTime = d.time(), d.time(), d.time()
	if n := d.count(); n > 0 {
		h.PAXRecords = make(map[string]string, n)
		for range n {
			key := d.string()
			h.PAXRecords[key] = d.string()
		}
	}
	for range d.count() {
		hash := binary.LittleEndian.Uint64(d.take(8))
		e.chunks = append(e.chunks, chunk{hash, d.count()})
	}
	e.header = h
	return e
}

// headerName returns the name in the bytes of an entry's header.
func headerName(b []byte) string {
	h, err := tar.NewReader(bytes.NewReader(b)).Next()
	if err != nil {
		return "?"
	}
	return h.Name
}
