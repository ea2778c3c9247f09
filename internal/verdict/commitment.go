package verdict

import (
	"fmt"
	"time"
)

// uncommitted says why a rebuild wasn't committed to before the image was known, ""
// if it was, or the scope doesn't ask for that.
func (j *judge) uncommitted(c Commitment) string {
	switch {
	case !j.scope.Rebuilds.Committed:
		return ""
	case c == (Commitment{}):
		return "it was not committed to before the image was signed"
	case c.Problem != "":
		return fmt.Sprintf("its commitment doesn't count, %q", c.Problem)
	case j.scope.Timestamp:
		return j.late(c.Time, j.signedAt(), "its commitment has no timestamp", "signed")
	}
	return j.late(c.At, j.facts.Built, "its commitment doesn't say when it was made", "built")
}

// late says why a commitment wasn't made before the image was what done says; unknown
// is what to say when it isn't known when it was made.
func (j *judge) late(made, known time.Time, unknown, done string) string {
	switch {
	case made.IsZero():
		return unknown
	case known.IsZero():
		return "it isn't known when the image was " + done
	case !made.Before(known):
		return fmt.Sprintf("it was committed to at %s, and the image %s at %s", made.UTC().Format(time.RFC3339), done, known.UTC().Format(time.RFC3339))
	}
	return ""
}

// signedAt returns the earliest timestamp of the signatures that vouch for the image,
// zero when none has one.
func (j *judge) signedAt() time.Time {
	var first time.Time
	for _, s := range j.facts.Signatures {
		if j.qualifies(s) && !s.Time.IsZero() && (first.IsZero() || s.Time.Before(first)) {
			first = s.Time
		}
	}
	return first
}
