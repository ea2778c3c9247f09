package policy

import (
	"fmt"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
)

// A Demand is one thing that a policy asks of an image, in a sentence.
type Demand struct {
	// About is what the sentence is about, in a word that doesn't change.
	About string `json:"about"`
	Text  string `json:"text"`
}

// Explain returns what the policy asks of the images of a scope, in plain words.
func (p *Policy) Explain(s *Scope) []Demand {
	var all []Demand
	say := func(about, format string, args ...any) {
		all = append(all, Demand{about, fmt.Sprintf(format, args...)})
	}
	if t := p.TrustRoot(s.TrustRoot); t != nil {
		say("trust_root", "The trust root %q of %s lists the image's digest, has not expired, and knows of nothing newer and no revocation.", t.Name, t.Organisation)
	}
	if len(s.Signers) > 0 {
		say("signers", "It is signed by %s.", p.signerNames(s.Signers))
	}
	log, stamp := fmt.Sprintf(" of the sigstore %q", s.Sigstore), fmt.Sprintf(" by an authority of the sigstore %q", s.Sigstore)
	if s.Sigstore == "" {
		log = ", and none counts: the scope has no sigstore"
		stamp = log
	}
	if s.Log {
		say("transparency_log", "Signatures and statements count only with an entry in a transparency log%s.", log)
	}
	if s.Timestamp {
		say("timestamp", "Signatures and statements count only with a signed timestamp%s.", stamp)
	}
	if n := s.Rebuilds.Minimum; n > 0 {
		say("rebuilders", "%s of these rebuilt it bit for bit%s: %s. A release can ask for more.", organisations(n), s.Rebuilds.explainAge(), strings.Join(s.Rebuilds.Organisations, ", "))
	} else {
		say("rebuilders", "No rebuild is asked for, unless the release itself asks for some.")
	}
	if s.Rebuilds.Committed {
		say("committed", "%s", s.explainCommitted())
	}
	switch {
	case len(p.Rebuilders) == 0:
	case s.Rebuilds.Different == Warn:
		say("different", "There is a warning when a rebuilder of the policy got anything different, and as many as have to got the same.")
	default:
		say("different", "No rebuilder of the policy got anything different.")
	}
	if read := p.explainUnreachable(); read != "" {
		say("statements", "%s", read)
	}
	say("privileges", "%s", s.Privileges.explain())
	if s.RefuseUnsupported {
		say("end_of_support", "Its base is known to be still supported.")
	} else {
		say("end_of_support", "There is a warning when its base isn't known to be still supported.")
	}
	if s.Size > 0 {
		say("size", "Compressed, it has at most %s.", size(s.Size))
	}
	say("foreign", "%s", explainForeign(s))
	say("unsigned", "%s", explainUnsigned(s))
	return all
}

func (p *Policy) signerNames(names []string) string {
	var all []string
	for _, name := range names {
		s := p.Signer(name)
		if s == nil {
			continue
		}
		var by []string
		for _, k := range s.Keys {
			by = append(by, "the key "+k.ID)
		}
		for _, i := range s.Identities {
			by = append(by, fmt.Sprintf("%q, as %q says to the sigstore %q%s", i.Subject, i.Issuer, i.Sigstore, i.extensions()))
		}
		all = append(all, fmt.Sprintf("%q of %s (%s)", s.Name, s.Organisation, strings.Join(by, ", or ")))
	}
	return strings.Join(all, " or ")
}

// size writes a size as policies do.
func size(n int64) string {
	for _, unit := range []string{"GiB", "MiB", "KiB"} {
		if b, ok := hclschema.ParseSize("1" + unit); ok && n%b == 0 {
			return fmt.Sprintf("%d%s", n/b, unit)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

func organisations(n int) string {
	if n == 1 {
		return "One organisation"
	}
	return fmt.Sprintf("%d organisations", n)
}

func (r *Rebuilds) explainAge() string {
	if r.MaximumAge == 0 {
		return ""
	}
	return fmt.Sprintf(", in the last %d days", int(r.MaximumAge.Hours())/24)
}

func (s *Scope) explainCommitted() string {
	if s.Timestamp {
		return "A rebuild counts only when it was committed to before the image was signed, by the timestamps of both."
	}
	return "A rebuild counts only when it was committed to before the image was built, as the rebuilder itself dates it."
}

// explainUnreachable says whose statements have to be readable, "" if nobody's are
// read.
func (p *Policy) explainUnreachable() string {
	var refuse, warn []string
	for _, r := range p.Rebuilders {
		switch {
		case len(r.Statements) == 0:
		case r.Unreachable == Warn:
			warn = append(warn, r.Name)
		default:
			refuse = append(refuse, r.Name)
		}
	}
	switch {
	case len(refuse) == 0 && len(warn) == 0:
		return ""
	case len(refuse) == 0:
		return fmt.Sprintf("There is a warning when the statements of %s can't be read.", strings.Join(warn, ", "))
	case len(warn) == 0:
		return fmt.Sprintf("The statements of %s can be read.", strings.Join(refuse, ", "))
	}
	return fmt.Sprintf("The statements of %s can be read, and there is a warning when those of %s can't.", strings.Join(refuse, ", "), strings.Join(warn, ", "))
}

func (p *Privileges) explain() string {
	if p.Highest == 0 || !p.Any && len(p.Allowed) == 0 {
		return "It asks for no privilege beyond the strict default."
	}
	if p.Any {
		return fmt.Sprintf("It asks for privileges up to tier %d at most: %s.", p.Highest, p.Highest.Describe())
	}
	var ids []string
	for _, id := range p.Allowed {
		ids = append(ids, hclschema.Quote(string(id)))
	}
	return "It asks for no privileges but " + strings.Join(ids, ", ") + "."
}

func explainForeign(s *Scope) string {
	if s.Foreign == Warn {
		return "An image that others have signed, and that meets all else, is foreign: there is a warning every time, with who signed."
	}
	return "An image that others have signed is refused."
}

func explainUnsigned(s *Scope) string {
	if s.Unsigned == Ask {
		return "An image that nobody has signed, and that meets all else, runs when a person at a terminal accepts it twice, or when the machine's administrator has named its digest."
	}
	return "An image that nobody has signed is refused."
}
