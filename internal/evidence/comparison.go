package evidence

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// identical is the only result that a comparison statement has: what differs is
// never signed.
const identical = "identical"

// A Comparison says that two builds of one plan gave the same image.
type Comparison struct {
	Recipe string
	Plan   digest.Digest
	Lock   digest.Digest
	Output Output
	// Image is the digest of the image's manifest, sha256.
	Image digest.Digest
	// Compressed is the size of the manifest, the config and the layers as they
	// are stored, Unpacked that of the layers' tar archives, in bytes.
	Compressed, Unpacked int64
	// Builds are the two that were compared, with the digest of each.
	Builds [2]Compared
	// Varied is what was different between the two, sorted by name.
	Varied []Varied
}

// Compared is one side of a comparison.
type Compared struct {
	// Builder and Invocation are those of the build's provenance.
	Builder    string        `json:"builder"`
	Invocation string        `json:"invocationId"`
	Digest     digest.Digest `json:"digest"`
}

// Varied is a condition that was different, by what name, and its two values; ""
// where a builder left it alone.
type Varied struct {
	Name   string    `json:"name"`
	Values [2]string `json:"values"`
}

// Variation returns what differs between a and b, sorted by name.
func Variation(a, b map[string]string) []Varied {
	names := map[string]bool{}
	for n := range a {
		names[n] = true
	}
	for n := range b {
		names[n] = true
	}
	out := []Varied{}
	for _, n := range slices.Sorted(maps.Keys(names)) {
		if a[n] != b[n] {
			out = append(out, Varied{Name: n, Values: [2]string{a[n], b[n]}})
		}
	}
	return out
}

// comparison is the predicate as written.
type comparison struct {
	Result string        `json:"result"`
	Recipe string        `json:"recipe"`
	Plan   digest.Digest `json:"plan"`
	Lock   digest.Digest `json:"lock"`
	Output Output        `json:"output"`
	Size   size          `json:"size"`
	Builds []Compared    `json:"builds"`
	Varied []Varied      `json:"varied"`
}

type size struct {
	Compressed int64 `json:"compressed"`
	Unpacked   int64 `json:"unpacked"`
}

// Statement returns the comparison statement of c. It is read again before it is
// returned, so what [ParseComparison] would refuse is an error here, a
// *[StatementError].
func (c *Comparison) Statement() ([]byte, error) {
	p := comparison{
		Result: identical, Recipe: c.Recipe, Plan: c.Plan, Lock: c.Lock, Output: c.Output,
		Size:   size{Compressed: c.Compressed, Unpacked: c.Unpacked},
		Builds: c.Builds[:], Varied: c.Varied,
	}
	if p.Varied == nil {
		p.Varied = []Varied{}
	}
	raw, err := encode(statement(ComparisonType, c.Recipe, c.Image, p))
	if err != nil {
		return nil, &StatementError{ComparisonType, err}
	}
	if _, err := ParseComparison(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// ParseComparison reads a comparison statement. It refuses, with a
// *[StatementError], one whose two sides are not two builds of its subject.
func ParseComparison(statement []byte) (*Comparison, error) {
	c, err := parseComparison(statement)
	if err != nil {
		return nil, &StatementError{ComparisonType, err}
	}
	return c, nil
}

func parseComparison(raw []byte) (*Comparison, error) {
	st, err := parse(raw, ComparisonType)
	if err != nil {
		return nil, err
	}
	p, err := exact[comparison](st.predicate)
	if err != nil {
		return nil, err
	}
	if p.Result != identical {
		return nil, fmt.Errorf("result is %q, want %q", p.Result, identical)
	}
	if p.Recipe == "" || p.Recipe != st.name {
		return nil, fmt.Errorf("recipe is %q, the subject's name %q", p.Recipe, st.name)
	}
	if len(p.Builds) != 2 {
		return nil, fmt.Errorf("%d builds, want 2", len(p.Builds))
	}
	c := &Comparison{
		Recipe: p.Recipe, Plan: p.Plan, Lock: p.Lock, Output: p.Output, Image: st.image,
		Compressed: p.Size.Compressed, Unpacked: p.Size.Unpacked,
		Builds: [2]Compared{p.Builds[0], p.Builds[1]}, Varied: p.Varied,
	}
	return c, c.check()
}

// check checks that two different builds gave the subject.
func (c *Comparison) check() error {
	for _, d := range []digest.Digest{c.Plan, c.Lock} {
		if _, err := sha256Digest(string(d)); err != nil {
			return err
		}
	}
	for i, b := range c.Builds {
		if b.Digest != c.Image {
			return fmt.Errorf("builds[%d] has digest %s, the subject %s", i, b.Digest, c.Image)
		}
		if b.Builder == "" || b.Invocation == "" {
			return fmt.Errorf("builds[%d] has no builder or no invocationId", i)
		}
	}
	a, b := c.Builds[0], c.Builds[1]
	if a.Builder == b.Builder {
		return fmt.Errorf("both builds have the builder %s", a.Builder)
	}
	if a.Invocation == b.Invocation {
		return fmt.Errorf("both builds have the invocationId %s", a.Invocation)
	}
	sorted := slices.IsSortedFunc(c.Varied, func(x, y Varied) int { return strings.Compare(x.Name, y.Name) })
	if !sorted {
		return errors.New("varied is not sorted by name")
	}
	return nil
}
