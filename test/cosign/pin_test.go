// Package cosign pins the cosign that the tests of tailsbuild run. It is a module
// of its own so that none of cosign's dependencies becomes one of tailsbuild's.
//
// The tests that use it are in internal/release: they build the program from here,
// once, into the user's cache folder.
package cosign

import (
	"os"
	"regexp"
	"testing"
)

// TestPin holds go.mod to what internal/release looks for in it.
func TestPin(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^tool github\.com/sigstore/cosign/v3/cmd/cosign$`,
		`(?m)^\tgithub\.com/sigstore/cosign/v3 v3\.\d+\.\d+ `,
	} {
		if !regexp.MustCompile(want).Match(mod) {
			t.Errorf("go.mod has no line like %s", want)
		}
	}
}
