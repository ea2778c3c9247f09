package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAttacks: every test that docs/attacks.md names exists, and every attack in it has
// one.
func TestAttacks(t *testing.T) {
	doc, err := os.ReadFile(root + "/docs/attacks.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z/]+)\\.((?:Test|Fuzz)[A-Za-z]+)`")
	declared := map[string]string{} // a package's tests
	attacks := 0
	for i, line := range strings.Split(string(doc), "\n") {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| ") || cells[0] == "| attack" {
			continue
		}
		attacks++
		tests := named.FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(cells) != 3 || len(tests) == 0 {
			t.Errorf("docs/attacks.md:%d: no test plays it: %s", i+1, line)
		}
		for _, m := range tests {
			if _, ok := declared[m[1]]; !ok {
				declared[m[1]] = testsOf(t, m[1])
			}
			if !strings.Contains(declared[m[1]], "\nfunc "+m[2]+"(") {
				t.Errorf("docs/attacks.md:%d: there is no test %s in %s", i+1, m[2], m[1])
			}
		}
	}
	if attacks < 60 {
		t.Errorf("found %d attacks, which can't be all", attacks)
	}
}

// testsOf returns the source of a package's tests.
func testsOf(t *testing.T, pkg string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}
