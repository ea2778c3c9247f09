package verdict

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// The people of the tests. "own" is a rebuilder of the organisation that signs.
var people = sync.OnceValue(func() map[string]person {
	all := map[string]person{}
	for _, name := range []string{"ours", "a1", "a2", "b1", "own", "stranger"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			panic(err)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		public, err := sign.OpenPublicKey(text)
		if err != nil {
			panic(err)
		}
		all[name] = person{string(text), public.ID()}
	}
	return all
})

type person struct{ pem, id string }

func keyOf(name string) string { return people()[name].id }

// rules are the dimensions of a policy.
type rules struct {
	root, signers     bool
	foreign, unsigned string
	log, timestamp    bool
	minimum           int
	committed         bool
	tier              int
	support           string
	size              bool
}

func (r rules) String() string { return fmt.Sprintf("%+v", struct{ rules }{r}) }

const imageName = "registry.example/services/mqtt"

func (r rules) decode(t testing.TB) *policy.Policy {
	t.Helper()
	var b strings.Builder
	key := func(names ...string) {
		for _, name := range names {
			fmt.Fprintf(&b, "  key %q {\n    public = <<EOT\n%sEOT\n  }\n", name, people()[name].pem)
		}
		b.WriteString("}\n")
	}
	b.WriteString("trust_root \"root\" {\n  organisation = \"us\"\n  root = \"root.json\"\n}\n")
	b.WriteString("sigstore \"log\" {\n  trusted_root = \"trusted_root.json\"\n}\n")
	b.WriteString("signer \"ours\" {\n  organisation = \"us\"\n" + identityOf("release"))
	key("ours")
	for _, who := range []struct{ name, organisation, keys string }{
		{"a", "a", "a1 a2"}, {"b", "b", "b1"}, {"own", "us", "own"},
	} {
		fmt.Fprintf(&b, "rebuilder %q {\n  organisation = %q\n  builder = \"https://%s.example\"\n%s", who.name, who.organisation, who.name, identityOf(who.name))
		key(strings.Fields(who.keys)...)
	}
	b.WriteString("scope \"registry.example/**\" {\n")
	if r.root {
		b.WriteString("  trust_root = \"root\"\n")
	}
	if r.signers {
		b.WriteString("  signers = [\"ours\"]\n")
	}
	need := map[bool]string{true: "required", false: "optional"}
	fmt.Fprintf(&b, "  foreign = %q\n  unsigned = %q\n  transparency_log = %q\n  timestamp = %q\n  end_of_support = %q\n",
		r.foreign, r.unsigned, need[r.log], need[r.timestamp], r.support)
	if r.log || r.timestamp {
		b.WriteString("  sigstore = \"log\"\n")
	}
	if r.size {
		b.WriteString("  size = \"1MiB\"\n")
	}
	if r.minimum > 0 {
		fmt.Fprintf(&b, "  rebuilders {\n    minimum = %d\n    committed = %v\n  }\n", r.minimum, r.committed)
	}
	fmt.Fprintf(&b, "  privileges {\n    highest_tier = %d\n  }\n}\n", r.tier)
	p, diags := policy.Decode("policy.hcl", []byte(b.String()))
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, b.String())
	}
	return p
}

const issuer, subject = "https://gitlab.example", "https://gitlab.example/images//.gitlab-ci.yml@refs/heads/main"

// identityOf is an identity that is told from others by what it is deployed to.
func identityOf(environment string) string {
	return fmt.Sprintf("  identity \"ci\" {\n    sigstore = \"log\"\n    issuer = %q\n    subject = %q\n    extensions = { deployment-environment = %q }\n  }\n", issuer, subject, environment)
}

func certified(environment string) *sign.Certificate {
	return &sign.Certificate{
		Roots: []string{"log"}, Issuer: issuer, Subject: subject,
		Extensions: map[string]string{"build-trigger": "push", "deployment-environment": environment},
	}
}

// signedAs is a signature with all marks, by a key that nobody knows.
func signedAs(c *sign.Certificate) Signature {
	return marked(Signature{Key: keyOf("stranger"), Certificate: c})
}

// marked returns s in a log, and with a timestamp of an hour ago.
func marked(s Signature) Signature {
	s.Logged, s.Timestamped, s.Time = true, true, now.Add(-time.Hour)
	return s
}

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// good are facts that every policy here trusts. Whoever changes them replaces the
// slices.
func good() Facts { return goodFacts() }

var goodFacts = sync.OnceValue(func() Facts {
	return Facts{
		Reference: imageName + ":2.7.9-r0", Digest: digest.FromString("image"), Size: 1 << 20,
		Root:         Root{Name: "root", Verified: Yes, Expires: now.Add(time.Second), Listed: Yes, Newest: Yes},
		Sigstore:     "log",
		Signatures:   []Signature{marked(Signature{Key: keyOf("ours"), Listed: true})},
		Rebuilds:     []Rebuild{rebuild("a1", "a"), rebuild("b1", "b")},
		Privileges:   Privileges{Known: true},
		EndOfSupport: now.Add(time.Second),
		Built:        now.Add(-time.Hour),
	}
})

// thorough reports whether everything is to be tested, as in CI.
func thorough() bool {
	return os.Getenv("CI") == "true" || os.Getenv("TAILSBUILD_REQUIRE_ALL") == "1"
}

func rebuild(key, builder string) Rebuild {
	return Rebuild{
		Key: keyOf(key), Builder: "https://" + builder + ".example", Outcome: Reproduced, Logged: true, Timestamped: true,
		Commitment: commitment(-2 * time.Hour),
	}
}

// commitment returns one of a time since now.
func commitment(at time.Duration) Commitment {
	return Commitment{Statement: digest.FromString("commitment"), At: now.Add(at), Time: now.Add(at)}
}

func commits(r Rebuild, c Commitment) Rebuild {
	r.Commitment = c
	return r
}

var strict = rules{
	root: true, signers: true, foreign: "refuse", unsigned: "refuse", log: true, timestamp: true,
	minimum: 2, tier: 1, support: "refuse", size: true,
}

// allRules are all combinations of the dimensions of a policy, but for those that
// decoding refuses.
func allRules() []rules {
	var all []rules
	bools := []bool{false, true}
	for _, vouch := range [][2]bool{{true, false}, {false, true}, {true, true}} {
		for _, answers := range [][2]string{{"refuse", "refuse"}, {"warn", "refuse"}, {"warn", "ask"}} {
			for _, log := range bools {
				for _, timestamp := range bools {
					for minimum := range 3 {
						for tier := range 4 {
							for _, support := range []string{"warn", "refuse"} {
								for _, size := range bools {
									r := rules{
										vouch[0], vouch[1], answers[0], answers[1], log, timestamp, minimum, false, tier, support, size,
									}
									all = append(all, r)
									if r.committed = true; minimum == 2 {
										all = append(all, r)
									}
								}
							}
						}
					}
				}
			}
		}
	}
	return all
}
