package filetype

import (
	"io"
	"iter"
)

const (
	// renderingSize is about how many bytes of a rendering are made at once.
	renderingSize = 8 << 10
	// renderingFactor is how many times larger than the file its renderings may be: names
	// that a damaged table has again and again are no rendering of it.
	renderingFactor = 16
)

// text returns a Part's Open for a rendering: what write yields, piece by piece, until
// yield returns false.
func (in *input) text(write func(yield func(string) bool) error) func() (io.ReadCloser, error) {
	return metering(in.rendered, func() (io.ReadCloser, error) {
		next, stop := iter.Pull2(func(yield func(string, error) bool) {
			var buf []byte
			stopped := false
			err := write(func(s string) bool {
				if buf = append(buf, s...); len(buf) >= renderingSize {
					stopped = stopped || !yield(string(buf), nil)
					buf = buf[:0]
				}
				return !stopped
			})
			if !stopped && (len(buf) == 0 || yield(string(buf), nil)) && err != nil {
				yield("", err)
			}
		})
		return &rendering{next: next, stop: stop}, nil
	})
}

type rendering struct {
	next func() (string, error, bool)
	stop func()
	rest string
	err  error
}

func (r *rendering) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if r.rest == "" {
			if r.err != nil {
				break
			}
			s, err, ok := r.next()
			switch {
			case !ok:
				r.err = io.EOF
			case err != nil:
				r.err = err
			}
			r.rest = s
		}
		k := copy(p[n:], r.rest)
		r.rest = r.rest[k:]
		n += k
	}
	if n == 0 && len(p) > 0 {
		return 0, r.err
	}
	return n, nil
}

func (r *rendering) Close() error {
	r.stop()
	return nil
}
