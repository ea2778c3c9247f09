package main

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// makeLarge makes 650 MB of data, some of which compresses well, and a program of
// 35 MB; and the same with one bit flipped.
func (p *pairs) makeLarge() error {
	dir := filepath.Join(p.dir, "large")
	if _, err := os.Stat(filepath.Join(dir, "data.bin.flipped")); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(dir, "usr/bin"), 0o755); err != nil {
		return err
	}
	program, err := os.Open(filepath.Join(p.made, "a/usr/bin/service"))
	if err != nil {
		return err
	}
	defer program.Close()
	r := rand.NewChaCha8([32]byte{})
	block := make([]byte, 8<<10) // half of it is random
	for name, c := range map[string]struct {
		size int64
		next func() (io.Reader, error)
	}{
		"data.bin": {650 << 20, func() (io.Reader, error) {
			_, err := r.Read(block[:4<<10])
			return bytes.NewReader(block), err
		}},
		"usr/bin/program": {35 << 20, func() (io.Reader, error) { return io.MultiReader(program, bytes.NewReader(make([]byte, 1<<20))), nil }},
	} {
		if err := writeFlipped(filepath.Join(dir, name), c.size, c.next); err != nil {
			return err
		}
	}
	return nil
}

// writeFlipped writes a file of what next gives, and one with a bit flipped. It holds
// little of them in memory, since those that are measured begin with that.
func writeFlipped(name string, size int64, next func() (io.Reader, error)) (err error) {
	var files [2]*os.File
	for i, suffix := range []string{"", ".flipped"} { // which is no entry of its own: see entries
		if files[i], err = os.OpenFile(name+suffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o755); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, files[i].Close()) }()
	}
	for at := int64(0); at < size; {
		src, err := next()
		if err != nil {
			return err
		}
		n, err := io.Copy(io.MultiWriter(files[0], files[1]), io.LimitReader(src, size-at))
		if err != nil {
			return err
		}
		at += n
	}
	var one [1]byte
	if _, err := files[1].ReadAt(one[:], size/5); err != nil {
		return err
	}
	one[0] ^= 1
	_, err = files[1].WriteAt(one[:], size/5)
	return err
}
