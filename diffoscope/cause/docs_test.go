package cause

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the table of causes into "+docsFile)

const docsFile = "../../docs/causes.md"

// TestDocs compares the table of docs/causes.md with the causes and their mends.
func TestDocs(t *testing.T) {
	const begin, end = "<!-- begin causes -->\n", "<!-- end causes -->\n"
	raw, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(raw), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", docsFile)
	}
	want := table()
	if got == want {
		return
	}
	if *update {
		if err := os.WriteFile(docsFile, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s is not what the rules say (-docs +rules; -update writes it):\n%s", docsFile, cmp.Diff(got, want))
}

func table() string {
	var names []Name
	for name := range nameWords {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString("| name | in words | what mends it |\n|---|---|---|\n")
	for _, name := range names {
		var list []string
		for _, m := range mends {
			if m.name == name && !slices.Contains(list, m.mend) {
				list = append(list, m.mend)
			}
		}
		for i, m := range list {
			list[i] = strings.ReplaceAll(strings.ReplaceAll(m, "|", "\\|"), "*", "\\*")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, name.Words(), strings.Join(list, "<br>"))
	}
	return b.String()
}
