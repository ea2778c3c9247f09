package trustroot

import (
	"fmt"
	"slices"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// newKey returns public as TUF writes it (specification 1.0, 4.2).
func newKey(public *sign.PublicKey) *metadata.Key {
	return &metadata.Key{
		Type:   metadata.KeyTypeECDSA_SHA2_P256,
		Scheme: metadata.KeySchemeECDSA_SHA2_P256,
		Value:  metadata.KeyVal{PublicKey: string(public.PEM())},
	}
}

// keyID returns TUF's ID of public. People are shown [sign.PublicKey.ID], which
// tailsbuild key new has printed.
func keyID(public *sign.PublicKey) (string, error) { return newKey(public).ID() }

// keyName returns the ID of k that people are shown.
func keyName(k *metadata.Key) string {
	if k == nil {
		return "?"
	}
	public, err := sign.OpenPublicKey([]byte(k.Value.PublicKey))
	if err != nil {
		return "?"
	}
	return public.ID()
}

// An authority is who may sign a role's metadata: Threshold of the keys. By names
// the file that says so.
type authority struct {
	by        string
	role      string
	ids       []string // TUF's, in the file's order
	keys      map[string]*metadata.Key
	threshold int
}

// names returns the IDs of the keys that people are shown.
func (a authority) names() []string {
	names := make([]string, 0, len(a.ids))
	for _, id := range a.ids {
		names = append(names, keyName(a.keys[id]))
	}
	return names
}

// rootAuthority returns who may sign for one of the top-level roles.
func rootAuthority(root *document, role string) authority {
	r := root.root.Signed.Roles[role]
	return authority{root.String(), role, r.KeyIDs, root.root.Signed.Keys, r.Threshold}
}

// delegation returns the delegation called role, nil if there is none.
func delegation(targets *document, role string) *metadata.DelegatedRole {
	if targets == nil || targets.targets.Signed.Delegations == nil {
		return nil
	}
	roles := targets.targets.Signed.Delegations.Roles
	if i := slices.IndexFunc(roles, func(r metadata.DelegatedRole) bool { return r.Name == role }); i >= 0 {
		return &roles[i]
	}
	return nil
}

// delegations returns those of targets, in their order.
func delegations(targets *document) []metadata.DelegatedRole {
	if targets == nil || targets.targets.Signed.Delegations == nil {
		return nil
	}
	return targets.targets.Signed.Delegations.Roles
}

// delegatedAuthority returns who may sign for a delegated role.
func delegatedAuthority(targets *document, role string) (authority, bool) {
	d := delegation(targets, role)
	if d == nil {
		return authority{}, false
	}
	return authority{targets.String(), role, d.KeyIDs, targets.targets.Signed.Delegations.Keys, d.Threshold}, true
}

// signers returns which of a's keys, by TUF's IDs, have signed d.
func (a authority) signers(d *document) []string {
	var good []string
	signed := d.signed()
	for _, id := range a.ids {
		public, err := sign.OpenPublicKey([]byte(a.keys[id].Value.PublicKey))
		if err != nil {
			continue // check has refused it
		}
		for _, s := range *d.signatures() {
			if s.KeyID == id && public.VerifyMetadata(signed, s.Signature) == nil {
				good = append(good, id)
				break
			}
		}
	}
	return good
}

// verify returns a *[SignatureError] unless enough of a's keys have signed d.
func (a authority) verify(d *document) error {
	if got := len(a.signers(d)); got < a.threshold {
		return &SignatureError{Role: a.role, By: a.by, Got: got, Want: a.threshold}
	}
	return nil
}

// A KeyRef names a key: its public part, or its ID as tailsbuild key new prints
// it, of which the beginning is enough.
type KeyRef struct {
	Public *sign.PublicKey
	ID     string
}

// minKeyPrefix is how many characters of an ID name a key.
const minKeyPrefix = 8

// find returns TUF's ID of the one key among keys that ref names.
func (ref KeyRef) find(keys map[string]*metadata.Key) (string, error) {
	var found []string
	for id, k := range keys {
		name := keyName(k)
		if ref.Public != nil && ref.Public.ID() == name ||
			ref.Public == nil && len(ref.ID) >= minKeyPrefix && strings.HasPrefix(name, ref.ID) {
			found = append(found, id)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", &MissingError{What: fmt.Sprintf("single key whose ID begins with %.50q", ref.ID)}
	case ref.Public != nil:
		return "", &MissingError{What: "key " + ref.Public.ID()}
	}
	return "", &MissingError{What: fmt.Sprintf("key whose ID begins with %.50q (at least %d characters)", ref.ID, minKeyPrefix)}
}
