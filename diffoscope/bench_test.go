package diffoscope

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// largeImage has a 16 MiB layer that does not compress, and 20,000 small files.
func largeImage(mtime time.Time) *testImage {
	i := newTestImage()
	body := make([]byte, 16<<20)
	r := rand.NewChaCha8([32]byte{})
	_, _ = r.Read(body) // never fails
	i.layers[0].entries = append(i.layers[0].entries, file("data", string(body)))
	for n := range 20_000 {
		e := file(fmt.Sprintf("usr/lib/%05d", n), fmt.Sprintf("content %d\n", n))
		e.ModTime = mtime
		i.layers[1].entries = append(i.layers[1].entries, e)
	}
	return i
}

func BenchmarkIdentical(b *testing.B) {
	x, y := open(b, largeImage(testTime).write(b)), open(b, largeImage(testTime).write(b))
	b.SetBytes(2 * x.subject().Bytes)
	for b.Loop() {
		compareTest(b, x, y)
	}
}

func BenchmarkAllTimes(b *testing.B) {
	x, y := open(b, largeImage(testTime).write(b)), open(b, largeImage(testTime.Add(time.Hour)).write(b))
	b.ReportAllocs()
	for b.Loop() {
		compareTest(b, x, y)
	}
}

// BenchmarkOneBit finds one bit in 64 MiB that compress well.
func BenchmarkOneBit(b *testing.B) {
	body := make([]byte, 64<<20)
	for i := range body {
		body[i] = byte(i>>12) * byte(i)
	}
	x, y := newTestImage(), newTestImage()
	x.layers[1].entries = append(x.layers[1].entries, file("data", string(body)))
	body[48<<20] ^= 1
	y.layers[1].entries = append(y.layers[1].entries, file("data", string(body)))
	p, q := open(b, x.write(b)), open(b, y.write(b))
	b.SetBytes(2 * int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		compareTest(b, p, q)
	}
}
