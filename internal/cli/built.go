package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// What a build says about the digest that the recipe's lock records.
const (
	stateReproduced  = "reproduced"   // the same, for the same plan
	stateDifferent   = "different"    // another, for the same plan
	stateRecorded    = "recorded"     // written now
	stateNotRecorded = "not recorded" // none for this plan
)

// A built is what came of building one recipe twice for one architecture.
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
	Tests     *tests  `json:"tests,omitempty"` // nil when the two differ
	Sealed    *sealed `json:"sealed,omitempty"`
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

// line writes what a result says about name.
func line(w io.Writer, name, format string, args ...any) {
	fmt.Fprintf(w, "  %-10s "+format+"\n", append([]any{name}, args...)...)
}

func (o *built) text(w io.Writer) {
	fmt.Fprintf(w, "%s %s for %s\n", o.Recipe, o.Version, o.Arch)
	line(w, "build A", "%s", o.A)
	line(w, "build B", "%s", o.B)
	if o.Identical {
		line(w, "identical", "yes, bit for bit")
	} else {
		line(w, "identical", "no")
	}
	if o.Size > 0 {
		line(w, "size", "%s compressed, %s unpacked", size(o.Size), size(o.Unpacked))
	}
	line(w, "time", "%.1f s", o.Seconds)
	if o.Identical {
		line(w, "recorded", "%s", recordedText(o.Recorded, o.Recipe))
	}
	if o.Tests != nil {
		line(w, "tests", "%s", o.Tests)
	}
	if o.Sealed != nil {
		line(w, "sealed", "%s", o.Sealed)
	}
}

// A made says which release there is, if there is one.
type made struct {
	// Lacks are the architectures that the recipe is for and that were not built.
	Lacks   []string `json:"lacks,omitempty"`
	Release string   `json:"release,omitempty"` // "" when there is none
	Report  string   `json:"report,omitempty"`
	Key     string   `json:"key,omitempty"`   // the file, "" when unsigned
	KeyID   string   `json:"keyId,omitempty"` // as bundles name it
	// Certificate says who signed without a key. Services are those that have seen
	// every signature, in words.
	Certificate *sign.Certificate `json:"certificate,omitempty"`
	Services    string            `json:"services,omitempty"`
	// Causes say why the builds differ, the most certain and frequent first.
	Causes []why `json:"causes,omitempty"`

	comparison *diffoscope.Comparison
	verify     string // the command that verifies the release
}

func (m *made) text(w io.Writer, name string) {
	if len(m.Lacks) > 0 {
		line(w, "lacks", "%s (tailsbuild build --arch all %s)", strings.Join(m.Lacks, ", "), name)
	}
	m.because(w)
	if m.Report != "" {
		line(w, "report", "%s", m.Report)
	}
	if m.Release == "" {
		line(w, "release", "none")
		return
	}
	switch {
	case m.Certificate != nil:
		line(w, "signed", "as %s", m.Certificate.Subject)
		line(w, "known to", "%s", m.Certificate.Issuer)
	case m.Key != "":
		line(w, "signed", "with %s, key %s", m.Key, m.KeyID)
	default:
		line(w, "signed", "no: unsigned (tailsbuild build --key FILE %s)", name)
	}
	if m.Services != "" {
		line(w, "seen by", "%s", m.Services)
	}
	line(w, "release", "%s", m.Release)
	if m.verify != "" {
		line(w, "next", "%s", m.verify)
	}
}

// A builtAll is what came of building one recipe twice for each of several
// architectures.
type builtAll struct {
	Recipe    string        `json:"recipe"`
	Version   string        `json:"version"`
	Index     digest.Digest `json:"index,omitempty"` // "" when there is no release
	Seconds   float64       `json:"seconds"`
	Platforms []*built      `json:"platforms"`
	made

	several bool
}

func newOutcome(t target) *builtAll {
	r := t[0].plan.Recipe()
	return &builtAll{Recipe: r.Name, Version: version(r), several: len(t) > 1, made: made{Lacks: t.lacks()}}
}

func (o *builtAll) released(rel *release.Release, t target) {
	o.Release = rel.Dir
	each := rel.Platforms
	if each == nil {
		each = []*release.Release{rel}
	} else {
		o.Index = rel.Image.Digest
	}
	for i, one := range o.Platforms {
		for _, r := range each {
			if r.Image.Digest.String() != one.A {
				continue
			}
			one.Size, one.Unpacked = r.Compressed, r.Unpacked
			if r.Sealed != nil {
				one.Sealed = newSealed(t[i].seal, *r.Sealed)
			}
		}
	}
}

// result returns what there is to show, nil if no image was built.
func (o *builtAll) result() result {
	last := len(o.Platforms) - 1
	switch {
	case last < 0 || last == 0 && o.Platforms[0].A == "":
		return nil
	case o.several:
		return o
	}
	o.Platforms[0].Seconds = o.Seconds
	return &builtOne{o.Platforms[0], &o.made}
}

func (o *builtAll) kind() string { return "index" }

func (o *builtAll) text(w io.Writer) {
	for _, one := range o.Platforms {
		if one.A != "" {
			one.text(w)
		}
	}
	fmt.Fprintf(w, "%s %s\n", o.Recipe, o.Version)
	if o.Index != "" {
		line(w, "index", "%s, %d platforms", o.Index, len(o.Platforms))
	}
	line(w, "time", "%.1f s", o.Seconds)
	o.made.text(w, o.Recipe)
}

// A builtOne is what came of building one recipe twice, for one architecture.
type builtOne struct {
	*built
	*made
}

func (o *builtOne) kind() string { return "build" }

func (o *builtOne) text(w io.Writer) {
	o.built.text(w)
	o.made.text(w, o.Recipe)
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
