package trustroot

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// A Signers says who may sign for a role: Threshold of Keys.
type Signers struct {
	Keys      []*sign.PublicKey
	Threshold int
}

// check refuses what nobody means: no key, one key twice, a threshold that can't
// be reached.
func (s Signers) check(role string) error {
	seen := map[string]bool{}
	for _, k := range s.Keys {
		if seen[k.ID()] {
			return &ChangeError{Role: role, Problem: fmt.Sprintf("the key %s is given twice", k.ID())}
		}
		seen[k.ID()] = true
	}
	switch {
	case len(s.Keys) == 0:
		return &ChangeError{Role: role, Problem: "no key is given"}
	case len(s.Keys) > maxKeys:
		return &LimitError{What: "the number of keys of " + role, Size: int64(len(s.Keys)), Limit: maxKeys}
	case s.Threshold < 1 || s.Threshold > len(s.Keys):
		return &ChangeError{Role: role, Problem: fmt.Sprintf("a threshold of %d with %d keys", s.Threshold, len(s.Keys))}
	}
	return nil
}

// Initial says who may sign what in a new trust root.
type Initial struct {
	Root, Targets, Snapshot, Timestamp Signers
	// RootExpires and TargetsExpires are the default of the role when zero.
	RootExpires, TargetsExpires time.Time
}

// Init stages the first root and targets in the folder dir, which it makes if it
// doesn't exist. It signs nothing and needs public keys only. A folder that has a
// trust root is refused with [fs.ErrExist].
func Init(dir string, in Initial, opts Options) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	r, err := Open(dir, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := r.exists(); err != nil {
		return err
	}
	root := newDocument(metadata.ROOT, r.expiry(metadata.ROOT, in.RootExpires))
	for role, s := range map[string]Signers{
		metadata.ROOT: in.Root, metadata.TARGETS: in.Targets,
		metadata.SNAPSHOT: in.Snapshot, metadata.TIMESTAMP: in.Timestamp,
	} {
		if err := s.check(role); err != nil {
			return err
		}
		for _, k := range s.Keys {
			if err := root.root.Signed.AddKey(newKey(k), role); err != nil {
				return err
			}
		}
		root.root.Signed.Roles[role].Threshold = s.Threshold
	}
	targets := newDocument(metadata.TARGETS, r.expiry(metadata.TARGETS, in.TargetsExpires))
	return r.stage(root, targets)
}

// expiry returns at or, when it is zero, the end of the role's lifetime.
func (r *Repo) expiry(role string, at time.Time) time.Time {
	if at.IsZero() {
		return r.now.Add(Lifetime(role))
	}
	return at.UTC().Truncate(time.Second)
}
