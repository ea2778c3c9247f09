package cli

import (
	"fmt"
	"io"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// What a build says about the digest that the recipe's lock records.
const (
	stateReproduced  = "reproduced"   // the same, for the same plan
	stateDifferent   = "different"    // another, for the same plan
	stateRecorded    = "recorded"     // written now
	stateNotRecorded = "not recorded" // none for this plan
)

// A built is what came of building one recipe twice.
type built struct {
	Recipe    string  `json:"recipe"`
	Version   string  `json:"version"`
	Arch      string  `json:"arch"`
	Plan      string  `json:"plan"`
	Lock      string  `json:"lock"`
	A         string  `json:"a"`
	B         string  `json:"b"`
	Identical bool    `json:"identical"`
	Size      int64   `json:"size,omitempty"`     // compressed
	Unpacked  int64   `json:"unpacked,omitempty"` // uncompressed
	Seconds   float64 `json:"seconds"`
	Recorded  string  `json:"recorded"`
	Tests     *tests  `json:"tests,omitempty"`   // nil when the two differ
	Release   string  `json:"release,omitempty"` // "" when there is none
	Report    string  `json:"report,omitempty"`
	Key       string  `json:"key,omitempty"`   // the file, "" when unsigned
	KeyID     string  `json:"keyId,omitempty"` // as bundles name it
	// Certificate says who signed without a key. Services are those that have seen
	// every signature, in words.
	Certificate *sign.Certificate `json:"certificate,omitempty"`
	Services    string            `json:"services,omitempty"`
	Sealed      *sealed           `json:"sealed,omitempty"`

	verify string // the command that verifies the release
}

func newBuilt(l *loaded) *built {
	r := l.plan.Recipe()
	return &built{
		Recipe:   r.Name,
		Version:  version(r),
		Arch:     l.plan.Arch(),
		Plan:     l.plan.Digest().String(),
		Lock:     l.lock.Digest().String(),
		Recorded: stateNotRecorded,
	}
}

// version is the recipe's version and packaging, as Alpine writes them.
func version(r *recipe.Recipe) string {
	return fmt.Sprintf("%s-r%d", r.Version, r.Release)
}

func (o *built) images(p *builder.Pair) {
	o.A, o.B = p.A.Image.Digest.String(), p.B.Image.Digest.String()
	o.Identical = o.A == o.B
	o.Unpacked = p.A.Unpacked
}

func (o *built) kind() string { return "build" }

func (o *built) text(w io.Writer) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s "+format+"\n", append([]any{name}, args...)...)
	}
	fmt.Fprintf(w, "%s %s for %s\n", o.Recipe, o.Version, o.Arch)
	line("build A", "%s", o.A)
	line("build B", "%s", o.B)
	if o.Identical {
		line("identical", "yes, bit for bit")
	} else {
		line("identical", "no")
	}
	if o.Size > 0 {
		line("size", "%s compressed, %s unpacked", size(o.Size), size(o.Unpacked))
	}
	line("time", "%.1f s", o.Seconds)
	if o.Identical {
		line("recorded", "%s", recordedText(o.Recorded, o.Recipe))
	}
	if o.Tests != nil {
		line("tests", "%s", o.Tests)
	}
	if o.Report != "" {
		line("report", "%s", o.Report)
	}
	if o.Release == "" {
		line("release", "none")
		return
	}
	switch {
	case o.Certificate != nil:
		line("signed", "as %s", o.Certificate.Subject)
		line("known to", "%s", o.Certificate.Issuer)
	case o.Key != "":
		line("signed", "with %s, key %s", o.Key, o.KeyID)
	default:
		line("signed", "no: unsigned (tailsbuild build --key FILE %s)", o.Recipe)
	}
	if o.Services != "" {
		line("seen by", "%s", o.Services)
	}
	if o.Sealed != nil {
		line("sealed", "%s", o.Sealed)
	}
	line("release", "%s", o.Release)
	if o.verify != "" {
		line("next", "%s", o.verify)
	}
}

func recordedText(state, name string) string {
	switch state {
	case stateReproduced:
		return "reproduced: it is the recorded digest"
	case stateDifferent:
		return "DIFFERENT from the recorded digest"
	case stateRecorded:
		return "recorded now"
	}
	return "not recorded (tailsbuild build --record " + name + ")"
}

// A recordedError reports that a build made an image other than the recorded
// one of the same plan.
type recordedError struct {
	Recipe, Lock  string
	Recorded, Got string
}

func (e *recordedError) Error() string {
	return fmt.Sprintf("%s is DIFFERENT from the recorded digest: %s records %s for this plan, and %s was built",
		e.Recipe, e.Lock, e.Recorded, e.Got)
}

// recorded returns the image digest that the lock records for this very plan, ""
// if none.
func (l *loaded) recorded() string {
	im, ok := l.lock.Image(l.plan.Arch())
	if !ok || im.Plan != l.plan.Digest().String() {
		return ""
	}
	return im.Digest
}
