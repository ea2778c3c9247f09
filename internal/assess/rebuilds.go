package assess

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/rebuild"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

// placeTimeout bounds how long reading the statements in one place may take.
const placeTimeout = 2 * time.Minute

// rebuilds writes down what rebuilders say of the image: with the release, and in
// their own places.
func (a *Assessor) rebuilds(ctx context.Context, s *Assessment) {
	v := &votes{
		policy: a.opts.Policy, trusted: a.trusted, assessment: s, provenance: map[signedDigest]*evidence.Rebuild{},
		own: sync.OnceValue(func() []*release.Verification { return a.signedBy(s) }),
	}
	all := slices.Clone(s.Contents.Statements)
	for _, p := range a.readPlaces(ctx, s) {
		if p.err != nil {
			s.Facts.Unread = append(s.Facts.Unread, verdict.Unread{Rebuilder: p.rebuilder.Name, Place: p.location, Problem: p.err.Error()})
			continue
		}
		found := release.ReadBundles(s.Contents.Image, p.bundles, a.trusted)
		for _, problem := range found.Problems {
			s.Facts.Ignored = append(s.Facts.Ignored, verdict.Unread{Rebuilder: p.rebuilder.Name, Place: p.location, Problem: problem.Err.Error()})
		}
		for _, st := range found.Statements {
			// Its place is the rebuilder's own: others' statements are for theirs.
			if v.rebuilder(&st) == p.rebuilder {
				all = append(all, st)
			}
		}
	}
	for i := range all {
		v.addProvenance(&all[i])
	}
	for i := range all {
		v.addSummary(&all[i])
	}
	s.Facts.Rebuilds = v.newest()
	if a.scope(s.Facts.Reference).Rebuilds.Committed {
		s.Facts.Built = s.built(v.own())
	}
}

// A place is where a rebuilder has statements, and what was found there.
type place struct {
	rebuilder *policy.Rebuilder
	location  string
	bundles   []release.Bundle
	err       error
}

// readPlaces reads all places at once, since each may be slow.
func (a *Assessor) readPlaces(ctx context.Context, s *Assessment) []place {
	var all []place
	for i := range a.opts.Policy.Rebuilders {
		r := &a.opts.Policy.Rebuilders[i]
		for _, location := range r.Statements {
			all = append(all, place{rebuilder: r, location: location})
		}
	}
	var group sync.WaitGroup
	for i := range all {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, placeTimeout)
			defer cancel()
			all[i].bundles, all[i].err = a.readPlace(ctx, all[i].location, s)
		})
	}
	group.Wait()
	return all
}

func (a *Assessor) readPlace(ctx context.Context, location string, s *Assessment) ([]release.Bundle, error) {
	repository, err := policy.Repository(location)
	if err != nil {
		return nil, err
	}
	remote := strings.Contains(location, "://") || repository != ""
	switch {
	case remote && a.opts.Offline:
		return nil, errors.New("no network is to be used")
	case repository != "":
		return rebuild.ReadRepository(ctx, repository, s.Contents.Image, registry.Options{Proxy: a.opts.Proxy})
	case remote:
		source, err := trust.HTTP(location, trust.HTTPOptions{Proxy: a.opts.Proxy})
		if err != nil {
			return nil, err
		}
		return rebuild.ReadFiles(ctx, source, s.Contents.Image)
	}
	return rebuild.ReadFiles(ctx, trust.Folder(a.path(location)), s.Contents.Image)
}

// votes sorts what rebuilders say.
type votes struct {
	policy     *policy.Policy
	trusted    release.Trusted
	assessment *Assessment
	// provenance has that of rebuilds.
	provenance map[signedDigest]*evidence.Rebuild
	// own is what the release's own signers show.
	own func() []*release.Verification
	all []vote
}

// A signedDigest is that of a statement, and whose it is. The bundle around it can be
// written in more than one way.
type signedDigest struct {
	rebuilder *policy.Rebuilder
	digest    digest.Digest
}

// A vote is one statement of a rebuilder's.
type vote struct {
	verdict.Rebuild
	rebuilder *policy.Rebuilder
}

// proper reports whether v is what the rebuilder has to say, and not something that
// doesn't count: only that replaces what it said before.
func (v *vote) proper() bool { return v.Problem == "" && v.Builder == v.rebuilder.Builder }

// rebuilder returns whose a statement is, nil if it is none of the policy's.
func (v *votes) rebuilder(st *release.Statement) *policy.Rebuilder {
	if !st.Known {
		return nil
	}
	return v.policy.RebuilderOf(st.Key.ID(), st.Certificate)
}

func (v *votes) addProvenance(st *release.Statement) {
	rebuilder := v.rebuilder(st)
	if st.PredicateType != evidence.ProvenanceType || rebuilder == nil {
		return
	}
	// Of another type, it is no rebuild's.
	if r, err := evidence.ParseRebuild(st.Body); err == nil {
		v.provenance[signedDigest{rebuilder, digest.FromBytes(st.Body)}] = r
	}
}

func (v *votes) addSummary(st *release.Statement) {
	rebuilder := v.rebuilder(st)
	if rebuilder == nil || st.PredicateType != evidence.SummaryType || !evidence.IsRebuildSummary(st.Body) {
		return
	}
	m := marks(st, v.assessment.Facts.Sigstore)
	one := vote{rebuilder: rebuilder, Rebuild: verdict.Rebuild{
		Key: st.Key.ID(), Certificate: st.Certificate, Statement: digest.FromBytes(st.Body),
		Logged: m.Root != "" && m.Logged, Timestamped: m.Root != "" && m.Timestamped(),
	}}
	summary, err := evidence.ParseSummary(st.Body)
	if err != nil {
		// It may be a newer form of no: an outcome that isn't understood.
		one.Outcome, one.Problem = "unreadable", err.Error()
		v.all = append(v.all, one)
		return
	}
	one.Builder, one.Outcome = summary.Builder, verdict.Outcome(summary.Outcome)
	one.At, one.Reason, one.Resource = summary.At, summary.Reason, summary.Resource.String()
	one.Problem = v.problem(rebuilder, summary)
	one.Commitment = v.commitment(rebuilder, summary)
	v.all = append(v.all, one)
}

// problem says why a summary doesn't speak for the image as it was asked for, "" if
// it does.
func (v *votes) problem(rebuilder *policy.Rebuilder, s *evidence.Summary) string {
	asked := v.assessment.asked
	if s.Resource.Name != asked.name {
		return fmt.Sprintf("it is about %s:%s", s.Resource.Name, s.Resource.Tag)
	}
	if _, ok := asked.ref(); ok && s.Resource.Tag != asked.tag {
		return fmt.Sprintf("it is about %s:%s", s.Resource.Name, s.Resource.Tag)
	}
	if s.Outcome != evidence.Reproduced {
		return ""
	}
	r := v.provenance[signedDigest{rebuilder, s.Provenance}]
	if r == nil {
		return "the provenance that it names is not there"
	}
	p := r.Parameters
	name, err := evidence.NewResource(fmt.Sprintf("%s:%s-r%d", p.Recipe, p.Version, p.Release), r.Image)
	switch {
	case err != nil || name != s.Resource || r.Published != r.Image || r.Run.Builder != s.Builder:
		return "its provenance is of something else"
	case !v.fromSame(r):
		return "its provenance names another lock or input than the release's"
	}
	return ""
}

// fromSame reports whether a rebuild was made from what each signer of the policy who
// has signed the release says that it was made from, in one of the builds: an image can
// come out of more than one lock.
func (v *votes) fromSame(r *evidence.Rebuild) bool {
	return !slices.ContainsFunc(v.own(), func(own *release.Verification) bool {
		return !slices.ContainsFunc(own.Reproductions, func(one release.Reproduction) bool {
			return one.Parameters.Lock == r.Parameters.Lock && slices.Equal(one.Dependencies, r.Dependencies)
		})
	})
}

// signedBy returns what those signers of the policy show who have signed the release.
func (a *Assessor) signedBy(s *Assessment) []*release.Verification {
	var all []*release.Verification
	for _, signer := range a.opts.Policy.Signers {
		for _, key := range signer.Keys {
			if own, err := s.Contents.By(key.Public); err == nil {
				all = append(all, own)
			}
		}
		for _, identity := range signer.Identities {
			if own, err := s.Contents.ByCertificate(identity.Is); err == nil {
				all = append(all, own)
			}
		}
	}
	return all
}

// newest returns, of the statements of each rebuilder that count, the newest, and of
// two at one time the one that is worse for the image. What doesn't count and isn't
// older is there beside it, for the verdict to say why.
func (v *votes) newest() []verdict.Rebuild {
	worse := func(a, b vote) int {
		if c := b.At.Compare(a.At); c != 0 {
			return c
		}
		return cmp.Compare(rank(a.Outcome), rank(b.Outcome))
	}
	slices.SortStableFunc(v.all, worse)
	var out []verdict.Rebuild
	heard := map[string]bool{}
	for i := range v.all {
		one := &v.all[i]
		if heard[one.rebuilder.Name] {
			continue
		}
		heard[one.rebuilder.Name] = one.proper()
		out = append(out, one.Rebuild)
	}
	return slices.Compact(out)
}

// rank orders outcomes, the worst first.
func rank(o verdict.Outcome) int {
	switch o {
	case verdict.Different:
		return 0
	case verdict.Reproduced:
		return 2
	}
	return 1
}
