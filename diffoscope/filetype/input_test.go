package filetype

import (
	"bytes"
	"strings"
	"testing"
)

// TestBeforeBeginning: an offset below zero is no place that helps anybody.
func TestBeforeBeginning(t *testing.T) {
	in := newInput(bytes.NewReader(make([]byte, 1065)), Limits{Memory: 1 << 20})
	if _, err := in.bytes(-1, 65535); err == nil || strings.Contains(err.Error(), "-1") {
		t.Errorf("got %v", err)
	}
	if _, err := in.bytes(1000, 100); err == nil || !strings.Contains(err.Error(), "100 bytes at 1000 of 1065") {
		t.Errorf("got %v", err)
	}
}
