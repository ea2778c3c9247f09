package main

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
)

// digests returns the sha256 of a compressed file and of its content, and its size.
func digests(file string) (blob, content string, size int64, err error) {
	f, err := os.Open(file)
	if err != nil {
		return "", "", 0, err
	}
	defer f.Close()
	outer, inner := sha256.New(), sha256.New()
	z, err := gzip.NewReader(io.TeeReader(f, outer))
	if err != nil {
		return "", "", 0, err
	}
	if _, err := io.Copy(inner, z); err != nil {
		return "", "", 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return "", "", 0, err
	}
	return hex.EncodeToString(outer.Sum(nil)), hex.EncodeToString(inner.Sum(nil)), info.Size(), nil
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
