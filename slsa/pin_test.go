package main

import (
	"os"
	"regexp"
	"testing"
)

// TestPin holds go.mod to what internal/rebuild looks for in it: its tests also build
// the original, once, into the user's cache folder.
func TestPin(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^tool github\.com/slsa-framework/slsa-verifier/v2/cli/slsa-verifier$`,
		`(?m)^\tgithub\.com/slsa-framework/slsa-verifier/v2 v2\.\d+\.\d+$`,
	} {
		if !regexp.MustCompile(want).Match(mod) {
			t.Errorf("go.mod has no line like %s", want)
		}
	}
}
