package sign

import (
	"fmt"
	"slices"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

// Marks say which services of a trusted root have seen a signature.
type Marks struct {
	// Root is the name of the trusted root.
	Root string `json:"root"`
	// Logged says that a transparency log has it: Rekor v2, by an inclusion proof to
	// a checkpoint that the log has signed.
	Logged bool `json:"logged"`
	// Time is the earliest at which a timestamp authority has seen it (RFC 3161),
	// zero when none has.
	Time time.Time `json:"time,omitzero"`
}

// Timestamped reports whether a timestamp authority has seen the signature.
func (m Marks) Timestamped() bool { return !m.Time.IsZero() }

// marks returns what the services of t say of the signature in b, which is by the
// key or certificate that it names; keys has the key.
//
// What services say that t doesn't have is as good as nothing. What a log of t's
// is said to have and hasn't, an entry that is there twice, and more of them than
// anybody needs, are errors: such a bundle was tampered with.
func (t *TrustedRoot) marks(b *bundle.Bundle, keys root.TrustedMaterial) (Marks, error) {
	m := Marks{Root: t.name}
	m.Logged = t.logged(b, keys, 1) == nil
	if !m.Logged {
		if err := t.logged(b, keys, 0); err != nil {
			return m, err
		}
	}
	stamps, err := t.stamps(b)
	for _, s := range stamps {
		if m.Time.IsZero() || s.Time.Before(m.Time) {
			m.Time = s.Time.UTC()
		}
	}
	return m, err
}

// logged checks that at least so many logs of t have the signature in b, and that
// no entry in b lies.
func (t *TrustedRoot) logged(b *bundle.Bundle, keys root.TrustedMaterial, logs int) error {
	_, err := verify.VerifyTlogEntry(rekorV2{b}, root.TrustedMaterialCollection{t.root, keys}, logs, false)
	if err != nil {
		return fmt.Errorf("transparency log: %w", err)
	}
	return nil
}

// stamps returns when the timestamp authorities of t have seen the signature in b,
// one time for each of them.
func (t *TrustedRoot) stamps(b *bundle.Bundle) ([]*root.Timestamp, error) {
	stamps, _, err := verify.VerifySignedTimestamp(b, t.root)
	if err != nil {
		return nil, fmt.Errorf("timestamps: %w", err)
	}
	return stamps, nil
}

// rekorV2 is a bundle with those of its log entries alone that are Rekor v2's. An
// older entry can be a mere promise, and is checked in other ways.
type rekorV2 struct{ *bundle.Bundle }

func (b rekorV2) TlogEntries() ([]*tlog.Entry, error) {
	entries, err := b.Bundle.TlogEntries()
	return slices.DeleteFunc(entries, func(e *tlog.Entry) bool { return !e.IsRekorV2() }), err
}
