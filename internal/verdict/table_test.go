package verdict

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/privilege"
)

// A dimension of the facts has values, the first of which is good, and which of
// them is worse than which.
type dimension struct {
	name   string
	values []value
	worse  string // "good>bad better>worse"
}

type value struct {
	name string
	set  func(f *Facts)
}

func v(name string, set func(*Facts)) value { return value{name, set} }

func keep(*Facts) {}

func signed(s ...Signature) func(*Facts) { return func(f *Facts) { f.Signatures = s } }

func rebuilt(r ...Rebuild) func(*Facts) { return func(f *Facts) { f.Rebuilds = r } }

func says(r Rebuild, o Outcome) Rebuild {
	r.Outcome = o
	return r
}

func asks(ids ...privilege.ID) func(*Facts) {
	return func(f *Facts) { f.Privileges = Privileges{Known: true, IDs: ids} }
}

// dimensions are those of the facts. What the oracle says of each value is below,
// and not read off the facts.
var dimensions = sync.OnceValue(func() []dimension {
	ours, stranger := keyOf("ours"), keyOf("stranger")
	return []dimension{
		{"known", []value{v("yes", keep), v("problem", func(f *Facts) { f.Problems = []string{"timeout"} })}, "yes>problem"},
		{"root", []value{
			v("fresh", keep),
			v("expired", func(f *Facts) { f.Root.Expires = now }),
			v("failed", func(f *Facts) { f.Root.Verified = No }),
			v("unknown", func(f *Facts) { f.Root.Verified = Unknown }),
			v("other", func(f *Facts) { f.Root.Name = "another" }),
		}, "fresh>expired fresh>failed fresh>unknown fresh>other"},
		{"target", []value{
			v("listed", keep),
			v("absent", func(f *Facts) { f.Root.Listed = No }),
			v("unknown", func(f *Facts) { f.Root.Listed = Unknown }),
			v("other", func(f *Facts) { f.Root.OtherDigest = "sha256:00" }),
		}, "listed>absent absent>unknown absent>other"},
		{"newest", []value{
			v("yes", keep),
			v("no", func(f *Facts) { f.Root.Newest = No }),
			v("unknown", func(f *Facts) { f.Root.Newest = Unknown }),
		}, "yes>no yes>unknown"},
		{"revoked", []value{v("no", keep), v("yes", func(f *Facts) { f.Root.Revoked = &Revocation{} })}, "no>yes"},
		{"asks", []value{v("nothing", keep), v("two", func(f *Facts) { f.Root.MinimumRebuilders = 2 })}, "nothing>two"},
		{"signatures", []value{
			v("ours-listed-marked", keep),
			v("ours-marked", signed(marked(Signature{Key: ours}))),
			v("ours-logged", signed(Signature{Key: ours, Logged: true})),
			v("ours", signed(Signature{Key: ours})),
			v("listed-marked", signed(marked(Signature{Key: stranger, Listed: true}))),
			v("stranger-marked", signed(marked(Signature{Key: stranger}))),
			v("stranger", signed(Signature{Key: stranger})),
			v("two-halves", signed(Signature{Key: ours, Listed: true}, marked(Signature{Key: stranger}))),
			v("certified-marked", signed(signedAs(certified("release")))),
			v("other-environment", signed(signedAs(certified("staging")))),
			v("other-sigstore", func(f *Facts) { f.Sigstore = "other" }),
			v("none", signed()),
		}, "ours-listed-marked>other-sigstore certified-marked>other-environment other-environment>none ours-listed-marked>ours-marked ours-marked>ours-logged ours-logged>ours ours>none ours>stranger listed-marked>stranger-marked " +
			"ours-listed-marked>listed-marked ours-marked>stranger-marked stranger-marked>stranger stranger>none " +
			"ours-listed-marked>two-halves two-halves>stranger-marked two-halves>ours"},
		{"rebuilds", []value{
			v("a+b", keep),
			v("a", rebuilt(rebuild("a1", "a"))),
			v("a+a", rebuilt(rebuild("a1", "a"), rebuild("a2", "a"))),
			v("a+own", rebuilt(rebuild("a1", "a"), rebuild("own", "own"))),
			v("a+b-certified", rebuilt(rebuild("a1", "a"), Rebuild{
				Key: stranger, Certificate: certified("b"), Builder: "https://b.example", Outcome: Reproduced, Logged: true, Timestamped: true,
				Commitment: commitment(-2 * time.Hour),
			})),
			v("a+b-uncommitted", rebuilt(rebuild("a1", "a"), commits(rebuild("b1", "b"), Commitment{}))),
			v("a+b-late", rebuilt(rebuild("a1", "a"), commits(rebuild("b1", "b"), commitment(-time.Hour)))),
			v("a-as-b", rebuilt(rebuild("a1", "b"))),
			v("stranger", rebuilt(rebuild("stranger", "a"))),
			v("a-failed", rebuilt(says(rebuild("a1", "a"), BuildFailed))),
			v("a+b-different", rebuilt(rebuild("a1", "a"), says(rebuild("b1", "b"), Different))),
			v("own-different", rebuilt(rebuild("a1", "a"), rebuild("b1", "b"), says(rebuild("own", "x"), Different))),
			v("a+b-odd", rebuilt(rebuild("a1", "a"), says(rebuild("b1", "b"), "fine"))),
			v("none", rebuilt()),
		}, "a+b>a a+b-certified>a a>none a+a>a a>a-as-b a>stranger a>a-failed a>a+b-different a+b>own-different a>a+b-odd a+own>a a+b>a+b-uncommitted a+b>a+b-late a+b-uncommitted>a a+b-late>a"},
		{"privileges", []value{
			v("none", keep),
			v("shown", asks("cap.KILL")), v("asked", asks("net.outbound", "cap.KILL")), v("host", asks("net.host")),
			v("unknown", func(f *Facts) { f.Privileges = Privileges{} }),
		}, "none>shown shown>asked asked>host host>unknown"},
		{"support", []value{
			v("on", keep),
			v("ended", func(f *Facts) { f.EndOfSupport = now }),
			v("unknown", func(f *Facts) { f.EndOfSupport = time.Time{} }),
		}, "on>ended on>unknown"},
		{"size", []value{
			v("fits", keep), v("large", func(f *Facts) { f.Size++ }), v("unknown", func(f *Facts) { f.Size = 0 }),
		}, "fits>large large>unknown"},
	}
})

// A world is one value of each dimension, by index.
type world [11]int

func (w world) facts() Facts {
	f := good()
	for i, d := range dimensions() {
		d.values[w[i]].set(&f)
	}
	return f
}

func (w world) String() string {
	var b strings.Builder
	for i, d := range dimensions() {
		fmt.Fprintf(&b, "%s=%s ", d.name, d.values[w[i]].name)
	}
	return b.String()
}

// is reports whether a dimension has one of some values.
func (w world) is(dim string, names ...string) bool {
	for i, d := range dimensions() {
		if d.name != dim {
			continue
		}
		for _, name := range names {
			if d.values[w[i]].name == name {
				return true
			}
		}
		return false
	}
	panic(dim)
}

// A rule of the oracle refuses a world.
type rule struct {
	name    string
	applies func(r rules, w world) bool
}

// oracle has what the documentation says, in its words rather than the code's.
var oracle = []rule{
	{"anything unknown", func(_ rules, w world) bool { return w.is("known", "problem") }},
	{"revoked", func(_ rules, w world) bool { return w.is("revoked", "yes") }},
	{"an older one", func(_ rules, w world) bool { return w.is("newest", "no") }},
	{"another under the name", func(_ rules, w world) bool { return w.is("target", "other") }},
	{"the trust root can't be relied on", func(r rules, w world) bool { return r.root && !w.is("root", "fresh") }},
	{"the trust root doesn't say", func(r rules, w world) bool {
		return r.root && (w.is("target", "unknown") || w.is("newest", "unknown"))
	}},
	{"different", func(_ rules, w world) bool {
		return w.is("rebuilds", "a+b-different", "own-different")
	}},
	{"not understood", func(_ rules, w world) bool { return w.is("rebuilds", "a+b-odd") }},
	{"too few", func(r rules, w world) bool {
		need := r.minimum
		if w.is("asks", "two") {
			need = 2
		}
		return organisationsOf(r, w) < need
	}},
	{"another sigstore", func(r rules, w world) bool {
		return (r.log || r.timestamp) && w.is("signatures", "other-sigstore")
	}},
	{"not in a log", func(r rules, w world) bool {
		return r.log && w.is("signatures", "ours", "stranger", "none")
	}},
	{"no timestamp", func(r rules, w world) bool {
		return r.timestamp && w.is("signatures", "ours-logged", "ours", "stranger", "none")
	}},
	{"privileges", func(r rules, w world) bool {
		return w.is("privileges", "unknown") || w.is("privileges", "shown") && r.tier < 1 ||
			w.is("privileges", "asked") && r.tier < 2 || w.is("privileges", "host") && r.tier < 3
	}},
	{"support", func(r rules, w world) bool { return r.support == "refuse" && !w.is("support", "on") }},
	{"size", func(r rules, w world) bool { return w.is("size", "unknown") || r.size && w.is("size", "large") }},
	{"foreign", func(r rules, w world) bool {
		return !vouches(r, w) && !w.is("signatures", "none") && r.foreign == "refuse"
	}},
	{"unsigned", func(r rules, w world) bool {
		return !vouches(r, w) && w.is("signatures", "none") && r.unsigned == "refuse"
	}},
}

func organisationsOf(r rules, w world) int {
	switch {
	case r.committed && r.timestamp && !signs(r, w):
		return 0 // nobody knows when the image was signed
	case w.is("rebuilds", "a+b-uncommitted", "a+b-late"):
		if r.committed {
			return 1
		}
		return 2
	case w.is("rebuilds", "a+b", "a+b-certified", "own-different"):
		return 2
	case w.is("rebuilds", "a", "a+a", "a+own", "a+b-different", "a+b-odd"):
		return 1
	}
	return 0
}

func vouches(r rules, w world) bool {
	listed := w.is("target", "listed") && !w.is("root", "other")
	// With another digest under the name, the image would still be what the
	// oracle refuses first.
	if w.is("target", "other") {
		listed = !w.is("root", "other")
	}
	return signs(r, w) && (listed || !r.root)
}

// signs reports whether somebody has signed as it is asked for, or nobody has to.
func signs(r rules, w world) bool {
	by := true
	switch {
	case r.signers && r.timestamp:
		by = w.is("signatures", "ours-listed-marked", "ours-marked", "certified-marked")
	case r.signers && r.log:
		by = w.is("signatures", "ours-listed-marked", "ours-marked", "ours-logged", "certified-marked")
	case r.signers:
		by = w.is("signatures", "ours-listed-marked", "ours-marked", "ours-logged", "ours", "two-halves", "certified-marked", "other-sigstore")
	case r.log || r.timestamp:
		by = w.is("signatures", "ours-listed-marked", "listed-marked")
	}
	return by
}

func expected(r rules, w world) (Kind, string) {
	for _, rule := range oracle {
		if rule.applies(r, w) {
			return Refused, rule.name
		}
	}
	switch {
	case vouches(r, w):
		return Trusted, ""
	case w.is("signatures", "none"):
		return Unsigned, ""
	}
	return Foreign, ""
}

var ranks = map[Kind]byte{Trusted: 1, Foreign: 2, Unsigned: 3, Refused: 4}

// judged judges a world and compares it with the oracle.
func judged(t *testing.T, p *policy.Policy, r rules, w world) byte {
	t.Helper()
	got := Judge(p, w.facts(), now)
	want, why := expected(r, w)
	if got.Kind != want {
		t.Fatalf("%v\n%v\ngot %s %v, want %s (%s)", r, w, got.Kind, got.Reasons, want, why)
	}
	if len(got.Reasons) == 0 {
		t.Fatalf("%v\n%v\n%s without a reason", r, w, got.Kind)
	}
	return ranks[got.Kind]
}

// TestEveryCombination judges all combinations of the facts' dimensions by some
// policies, and asks for what the oracle says. Then no combination that is worse
// in a dimension may have a better verdict.
func TestEveryCombination(t *testing.T) {
	lax := rules{root: true, foreign: "warn", unsigned: "ask", tier: 2, support: "warn"}
	keys := rules{signers: true, foreign: "warn", unsigned: "refuse", log: true, minimum: 1, tier: 1, support: "refuse", size: true}
	all := []rules{lax, keys, strict}
	if !thorough() {
		all = all[:1] // by all policies, fewer combinations are judged below
	}
	for _, r := range all {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			p := r.decode(t)
			var found []byte
			each(func(w world) { found = append(found, judged(t, p, r, w)) })
			monotonic(t, r, found)
			t.Logf("%d combinations", len(found))
		})
	}
}

// each calls f with every world, the last dimension changing first.
func each(f func(w world)) {
	var w world
	var walk func(i int)
	walk = func(i int) {
		if i == len(w) {
			f(w)
			return
		}
		for j := range dimensions()[i].values {
			w[i] = j
			walk(i + 1)
		}
	}
	walk(0)
}

// monotonic compares the ranks of worlds, in the order of each, along every arrow
// from a value to one that is worse.
func monotonic(t *testing.T, r rules, found []byte) {
	t.Helper()
	stride := len(found)
	for i, d := range dimensions() {
		stride /= len(d.values)
		index := map[string]int{}
		for j, value := range d.values {
			index[value.name] = j
		}
		for arrow := range strings.FieldsSeq(d.worse) {
			better, worse, _ := strings.Cut(arrow, ">")
			from, ok := index[better]
			to, fine := index[worse]
			if !ok || !fine {
				t.Fatal(arrow)
			}
			n := 0
			each(func(w world) {
				if w[i] == from && found[n] > found[n+(to-from)*stride] {
					t.Fatalf("%v\n%v\nhas a worse verdict than with %s=%s", r, w, d.name, worse)
				}
				n++
			})
		}
	}
}

// TestEveryPolicy judges, by every policy, all worlds that differ from the good
// one in two dimensions at most.
func TestEveryPolicy(t *testing.T) {
	n := 0
	for i, r := range allRules() {
		if i%11 != 0 && !thorough() {
			continue
		}
		p := r.decode(t)
		for i, d := range dimensions() {
			for j := range d.values {
				for k := i + 1; k < len(dimensions()); k++ {
					for l := range dimensions()[k].values {
						var w world
						w[i], w[k] = j, l
						judged(t, p, r, w)
						n++
					}
				}
			}
		}
	}
	t.Logf("%d combinations", n)
}
