package assess

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

// wanted is what a reference asks for, as far as a trust root knows of such things.
type wanted struct {
	name   string // the last element of the image's name
	tag    string
	digest digest.Digest
}

func parse(reference string) wanted {
	var w wanted
	name, sum, _ := strings.Cut(reference, "@")
	w.digest = digest.Digest(sum)
	w.name = name[strings.LastIndex(name, "/")+1:]
	w.name, w.tag, _ = strings.Cut(w.name, ":")
	return w
}

// ref returns the release that w names, if its tag is one of a release.
func (w wanted) ref() (trust.Ref, bool) {
	ref, err := trust.ParsePath(w.name + "/" + w.tag)
	return ref, err == nil
}

// is reports whether r is what was asked for. A tag that isn't the release's own,
// such as "latest", is another: nobody signs for it.
func (w wanted) is(r trust.Ref) bool {
	return w.name == r.Name && (w.tag == "" || w.name+"/"+w.tag == r.Path())
}

// ask asks a trust root about the image: as what it lists the digest, and what it
// lists under the name and version that were asked for.
func (a *Assessor) ask(ctx context.Context, t *policy.TrustRoot, s *Assessment) {
	s.Facts.Root = verdict.Root{Name: t.Name}
	view, err := a.view(ctx, t)
	if err != nil {
		s.failed(err)
		return
	}
	s.view = view
	s.Facts.Root.Verified, s.Facts.Root.Listed, s.Facts.Root.Newest = verdict.Yes, verdict.No, verdict.Yes
	found, err := view.FindDigest(ctx, s.Facts.Digest)
	if err != nil {
		found = s.refused(err, s.Facts.Digest.String())
	}
	s.listed(found)
	if ref, ok := s.asked.ref(); ok && s.Listed == nil {
		s.other(view.Find(ctx, ref))
	}
	if s.Listed == nil && s.Facts.Root.Revoked == nil {
		s.revokedDelegation()
	}
	if s.Facts.Root.Expires.IsZero() {
		s.Facts.Root.Expires = view.Expires().Expires
	}
}

// failed writes down that the trust root can't be used.
func (s *Assessment) failed(err error) {
	// One lookup after the other may say the same.
	if s.Err == nil || !strings.Contains(s.Err.Error(), err.Error()) {
		s.Err = errors.Join(s.Err, err)
	}
	s.Facts.Root.Verified, s.Facts.Root.Problem = verdict.No, s.Err.Error()
	s.Facts.Root.Listed, s.Facts.Root.Newest = verdict.Unknown, verdict.Unknown
	var expired *trust.ExpiredError
	if errors.As(err, &expired) {
		s.Facts.Root.Expires = expired.Expired
	}
}

// refused writes down why a lookup of what gave no release that may be used, and
// returns the one that it is about, if the trust root lists one.
func (s *Assessment) refused(err error, what string) []*trust.Release {
	var (
		revoked  *trust.RevokedError
		older    *trust.SequenceError
		conflict *trust.ConflictError
	)
	switch {
	case errors.As(err, &revoked):
		s.Err = errors.Join(s.Err, err)
		s.Facts.Root.Revoked = revocation(revoked.Release.Target.Revoked)
		return []*trust.Release{revoked.Release}
	case errors.As(err, &older):
		s.Err = errors.Join(s.Err, err)
		s.Facts.Root.Newest = verdict.No
		return []*trust.Release{older.Release}
	case errors.As(err, &conflict):
		s.Err = errors.Join(s.Err, err)
		s.problem("%v", err)
		return []*trust.Release{conflict.Release}
	case absent(err, what):
		return nil
	}
	s.failed(err)
	return nil
}

// absent reports whether err says that what isn't listed, and nothing else: an
// error that is several can't be known to.
func absent(err error, what string) bool {
	missing, ok := err.(*trust.NotFoundError) // itself, not one of several
	return ok && missing.What == what
}

func revocation(r *trust.Revocation) *verdict.Revocation {
	return &verdict.Revocation{Reason: r.Reason, At: r.At}
}

// listed takes the release that was asked for out of those that have the digest.
// When there are only others, the image was given another's name or version.
func (s *Assessment) listed(found []*trust.Release) {
	if len(found) == 0 {
		return
	}
	i := slices.IndexFunc(found, func(r *trust.Release) bool { return s.asked.is(r.Ref) })
	if i < 0 {
		s.problem("it was asked for as %q, but the trust root lists it as %s", s.Facts.Reference, found[0].Ref)
		return
	}
	s.Listed = found[i]
	s.Facts.Root.Listed = verdict.Yes
	s.Facts.Root.MinimumRebuilders = s.Listed.Target.MinimumRebuilders
}

// other writes down which image the trust root lists under the name and version
// that were asked for, if it isn't this one: r, or the one that err is about.
func (s *Assessment) other(r *trust.Release, err error) {
	ref, _ := s.asked.ref()
	switch about := releaseOf(err); {
	case err == nil:
	case about != nil:
		r = about
	case absent(err, ref.String()):
		return
	default:
		s.failed(err)
		return
	}
	s.Facts.Root.OtherDigest = r.Digest
}

// releaseOf returns the release that err is about, nil if it is about none.
func releaseOf(err error) *trust.Release {
	var (
		revoked  *trust.RevokedError
		older    *trust.SequenceError
		conflict *trust.ConflictError
	)
	switch {
	case errors.As(err, &revoked):
		return revoked.Release
	case errors.As(err, &older):
		return older.Release
	case errors.As(err, &conflict):
		return conflict.Release
	}
	return nil
}

// revokedDelegation looks for a reason why nobody may sign releases of the name any
// more.
func (s *Assessment) revokedDelegation() {
	if s.view == nil {
		return
	}
	all, err := s.view.Revocations()
	if err != nil {
		s.failed(err)
		return
	}
	for _, r := range slices.Backward(all) {
		owned := slices.ContainsFunc(r.Paths, func(pattern string) bool {
			ok, err := path.Match(pattern, s.asked.name+"/0-r0")
			return err == nil && ok
		})
		if r.Kind == trust.RevokedDelegation && owned {
			s.Facts.Root.Revoked = revocation(&r.Revocation)
			return
		}
	}
}

// problem writes down what might have changed the verdict.
func (s *Assessment) problem(format string, args ...any) {
	s.Facts.Problems = append(s.Facts.Problems, fmt.Sprintf(format, args...))
}

// name returns what the release is called, from those who may be believed. A name
// that it only claims itself would choose the scope that it is judged by.
func (a *Assessor) name(ctx context.Context, s *Assessment) string {
	for i := range a.opts.Policy.TrustRoots {
		view, err := a.view(ctx, &a.opts.Policy.TrustRoots[i])
		if err != nil {
			continue // the scope's own is asked again, and says so
		}
		found, err := view.FindDigest(ctx, s.Facts.Digest)
		if err != nil {
			found = nil
			if about := releaseOf(err); about != nil {
				found = []*trust.Release{about}
			}
		}
		if len(found) == 0 {
			continue
		}
		if last := found[len(found)-1].Ref; last.Name != found[0].Ref.Name {
			s.Unnamed = true
			s.problem("the trust root lists it as %s and as %s", found[0].Ref, last)
		}
		return found[0].Ref.String()
	}
	for _, signer := range a.opts.Policy.Signers {
		for _, key := range signer.Keys {
			if v, err := s.Contents.By(key.Public); err == nil {
				return v.Name
			}
		}
		for _, id := range signer.Identities {
			if v, err := s.Contents.ByCertificate(id.Is); err == nil {
				return v.Name
			}
		}
	}
	s.Unnamed = true
	s.problem("nobody whom the policy knows says what this image is called; it calls itself %q", s.Contents.Claimed)
	return s.Contents.Claimed
}
