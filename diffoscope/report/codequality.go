package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

// An issue is one of GitLab's code quality report.
type issue struct {
	Description string   `json:"description"`
	Check       string   `json:"check_name"`
	Fingerprint string   `json:"fingerprint"`
	Severity    string   `json:"severity"`
	Location    location `json:"location"`
}

type location struct {
	Path  string `json:"path"`
	Lines struct {
		Begin int `json:"begin"`
	} `json:"lines"`
}

// WriteCodeQuality writes c's causes as GitLab's code quality report, each at its
// line of the recipe. One that has none is at where it was found first. Fingerprints
// don't depend on what differs from build to build, such as times, or on the line, so
// that GitLab knows a cause again.
func WriteCodeQuality(w io.Writer, c *diffoscope.Comparison) error {
	issues := []issue{}
	seen := map[string]int{}
	for _, x := range causesOf(c) {
		i := issue{
			Description: "Builds differ: " + headline(x), Check: "reproducible/" + plain(string(x.Name)), Severity: severity(x.Confidence),
		}
		if x.Mend != "" {
			i.Description += ". Mend: " + diffoscope.QuoteWords(x.Mend)
		}
		file, line := source(x)
		place := plain(file)
		if file == "" && len(x.Places) > 0 {
			place = diffoscope.QuotePlace(x.Places[0])
		}
		if file == "" {
			file = cmp.Or(c.A().Path, "image")
		}
		i.Location.Path, i.Location.Lines.Begin = plain(file), max(line, 1)
		key := fmt.Sprintf("%q %q %q", x.Name, x.Mend, place)
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", key, seen[key]))
		seen[key]++
		i.Fingerprint = hex.EncodeToString(sum[:])
		issues = append(issues, i)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(issues)
}

func severity(c cause.Confidence) string {
	switch c {
	case cause.Certain:
		return "major"
	case cause.Possible:
		return "info"
	}
	return "minor"
}

// source returns the file and the line of a cause's recipe, "" and 0 if they aren't
// known.
func source(x diffoscope.Cause) (file string, line int) {
	at := strings.LastIndexByte(x.Source, ':')
	if at < 0 {
		return x.Source, 0
	}
	line, err := strconv.Atoi(x.Source[at+1:])
	if err != nil {
		return x.Source, 0
	}
	return x.Source[:at], line
}
