package rebuild

import (
	"fmt"
	"strings"
	"unicode"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
)

// Differences says what is different between the toolchain record of a release and
// one's own, and what follows from that; "" if nothing is.
func Differences(theirs, ours evidence.Output) string {
	var all []string
	if theirs.Compatibility != ours.Compatibility {
		all = append(all, fmt.Sprintf("tailsbuild's output version is %d in the release and %d here, so that one plan gives other bytes", theirs.Compatibility, ours.Compatibility))
	}
	if theirs.BuildKit != ours.BuildKit {
		all = append(all, fmt.Sprintf("BuildKit is %s in the release and %s here, which may write layers and configs otherwise", theirs.BuildKit, ours.BuildKit))
	}
	if theirs.BuildKitCompatibility != ours.BuildKitCompatibility {
		all = append(all, fmt.Sprintf("BuildKit's compatibility version is %d in the release and %d here, so that it exports images otherwise", theirs.BuildKitCompatibility, ours.BuildKitCompatibility))
	}
	if theirs.Compression != ours.Compression {
		all = append(all, fmt.Sprintf("layers are compressed with %s in the release and with %s here", theirs.Compression, ours.Compression))
	}
	return strings.Join(all, "; ")
}

// maxSentence is what a summary takes as a reason.
const maxSentence = 2000

// sentence puts reasons into one line that a summary takes.
func sentence(reasons ...string) string {
	line := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r) || r == unicode.ReplacementChar:
			return '?'
		}
		return r
	}, strings.Join(reasons, "; "))
	line = strings.Join(strings.Fields(line), " ")
	for len(line) > maxSentence {
		line = strings.ToValidUTF8(line[:maxSentence-len("…")], "") + "…"
	}
	return line
}
