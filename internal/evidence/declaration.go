package evidence

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/declared"
	"gitlab.com/tailsbuild/tailsbuild/internal/privilege"
)

// maxArchitectures is how many a declaration may name.
const maxArchitectures = 16

// A Declaration is what an image declares of itself, signed by whoever released it.
// What its labels declare, too, is exactly the same in both.
type Declaration struct {
	// Image is the digest of the image's manifest, sha256.
	Image      digest.Digest `json:"image"`
	Parameters Parameters    `json:"parameters"`
	// Architectures are all that the recipe is for, by Alpine's names, sorted; nil when
	// the declaration doesn't say, as older ones don't.
	Architectures []string `json:"architectures,omitempty"`
	Base          Base     `json:"base"`
	About         About    `json:"about"`
	declared.Service
	// Tiers are those of Privileges, as whoever released the image saw them.
	Tiers []privilege.Tier `json:"tiers,omitempty"`
}

// Base is what a service is built on; a base is its own.
type Base struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// EndOfSupport is the day on which its support ends, YYYY-MM-DD, "" when that
	// isn't known.
	EndOfSupport string `json:"endOfSupport,omitempty"`
}

// Ends returns the first moment without support, the zero time when it isn't known.
func (b Base) Ends() time.Time {
	t, err := time.Parse(time.DateOnly, b.EndOfSupport)
	if err != nil {
		return time.Time{}
	}
	return t
}

// EndsBefore reports whether support of b ends before that of other does, for all
// that is known: what isn't is sooner than any day.
func (b Base) EndsBefore(other Base) bool { return b.Ends().Before(other.Ends()) }

// About is what people are told of a service.
type About struct {
	Summary       string `json:"summary,omitempty"`
	Homepage      string `json:"homepage,omitempty"`
	License       string `json:"license,omitempty"`
	Documentation string `json:"documentation,omitempty"`
	// Client is the application that people connect with, and Connect says how.
	Client  string `json:"client,omitempty"`
	Connect string `json:"connect,omitempty"`
}

// declaration is the predicate as written.
type declaration struct {
	Parameters
	Architectures []string          `json:"architectures,omitempty"`
	Base          Base              `json:"base"`
	About         About             `json:"about"`
	Privileges    []claim           `json:"privileges,omitzero"`
	Limits        *declared.Limits  `json:"limits,omitempty"`
	Ports         []declared.Port   `json:"ports,omitzero"`
	Volumes       []declared.Volume `json:"volumes,omitzero"`
}

// A claim is a privilege, how policies call it, and how much it gives away.
type claim struct {
	ID privilege.ID `json:"id"`
	declared.Privilege
	Tier privilege.Tier `json:"tier"`
}

// Statement returns the declaration. It is read again before it is returned, so what
// [ParseDeclaration] would refuse is an error here, a *[StatementError].
func (d *Declaration) Statement() ([]byte, error) {
	p := declaration{
		Parameters: d.Parameters, Architectures: d.Architectures, Base: d.Base, About: d.About,
		Limits: d.Limits, Ports: d.Ports, Volumes: d.Volumes,
	}
	if d.Privileges != nil {
		p.Privileges = []claim{}
	}
	for _, said := range d.Privileges {
		id, err := privilege.Of(said.Kind, said.Name)
		if err != nil {
			return nil, &StatementError{DeclarationType, err}
		}
		p.Privileges = append(p.Privileges, claim{id, said, id.Tier()})
	}
	raw, err := encode(statement(DeclarationType, d.Parameters.Recipe, d.Image, p))
	if err != nil {
		return nil, &StatementError{DeclarationType, err}
	}
	if _, err := ParseDeclaration(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// ParseDeclaration reads a declaration. It refuses, with a *[StatementError], one
// with a privilege that is none or has another's identifier.
func ParseDeclaration(statement []byte) (*Declaration, error) {
	d, err := parseDeclaration(statement)
	if err != nil {
		return nil, &StatementError{DeclarationType, err}
	}
	return d, nil
}

func parseDeclaration(raw []byte) (*Declaration, error) {
	st, err := parse(raw, DeclarationType)
	if err != nil {
		return nil, err
	}
	p, err := exact[declaration](st.predicate)
	if err != nil {
		return nil, err
	}
	d := &Declaration{
		Image: st.image, Parameters: p.Parameters, Architectures: p.Architectures, Base: p.Base, About: p.About,
		Service: declared.Service{Limits: p.Limits, Ports: p.Ports, Volumes: p.Volumes},
	}
	if err := d.Parameters.check(st.name); err != nil {
		return nil, err
	}
	if err := d.checkArchitectures(); err != nil {
		return nil, err
	}
	if d.Base.Name == "" || d.Base.Version == "" {
		return nil, errors.New("base has no name or no version")
	}
	if end := d.Base.EndOfSupport; end != "" {
		if t, err := time.Parse(time.DateOnly, end); err != nil || t.Format(time.DateOnly) != end {
			return nil, fmt.Errorf("endOfSupport is %q, want YYYY-MM-DD", end)
		}
	}
	return d, d.privileges(p.Privileges)
}

// checkArchitectures checks that they are sorted, each there once, and the image's
// among them.
func (d *Declaration) checkArchitectures() error {
	all := d.Architectures
	if len(all) > maxArchitectures {
		return fmt.Errorf("%d architectures, more than %d", len(all), maxArchitectures)
	}
	if all == nil {
		return nil
	}
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) || !slices.Contains(all, d.Parameters.Arch) {
		return fmt.Errorf("architectures are %q: want them sorted, and %q among them", all, d.Parameters.Arch)
	}
	return nil
}

func (d *Declaration) privileges(claims []claim) error {
	if claims == nil {
		return nil
	}
	if len(claims) > declared.MaxPrivileges {
		return fmt.Errorf("%d privileges, more than %d", len(claims), declared.MaxPrivileges)
	}
	d.Privileges = []declared.Privilege{}
	for i, c := range claims {
		id, err := privilege.Of(c.Kind, c.Name)
		if err != nil {
			return fmt.Errorf("privileges[%d]: %w", i, err)
		}
		if id != c.ID || c.Tier < privilege.Silent || c.Tier > privilege.Host {
			return fmt.Errorf("privileges[%d]: id is %q and tier %d, want %q and 0 to 3", i, c.ID, c.Tier, id)
		}
		d.Privileges, d.Tiers = append(d.Privileges, c.Privilege), append(d.Tiers, c.Tier)
	}
	return nil
}

// Agrees checks that the declaration is of what a build with parameters p made, and
// that an image with these labels declares the same. Where the labels don't, it
// returns a *[declared.ContradictionError].
func (d *Declaration) Agrees(p Parameters, labels map[string]string) error {
	if d.Parameters != p {
		return fmt.Errorf("the declaration is of %s, plan %s, lock %s, which the builds are not",
			documentName(d.Parameters), d.Parameters.Plan, d.Parameters.Lock)
	}
	return d.Check(labels)
}
