package assess_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gitlab.com/tailsbuild/tailsbuild/internal/assess"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

func TestTrusted(t *testing.T) {
	w := newWorld(t, strict)
	m := makeRelease(t, "1.0", key(t, 0), none)
	w.want(m, "mqtt:1.0-r0", verdict.Refused, verdict.NotListed)
	w.list(m, 1, nil)
	for _, reference := range []string{
		"", "mqtt", "mqtt:1.0-r0", "registry.example/tails/mqtt:1.0-r0",
		"mqtt:1.0-r0@" + m.image.Digest.String(),
	} {
		s := w.want(m, reference, verdict.Trusted, verdict.Vouched)
		if reference == "" && s.Facts.Reference != "mqtt:1.0-r0" || s.Listed == nil || s.Err != nil || s.Unnamed {
			t.Errorf("%q: %+v", reference, s)
		}
		if len(s.Facts.Signatures) != 1 || s.Facts.Signatures[0].Key != key(t, 0).Public().ID() {
			t.Errorf("%q: %+v", reference, s.Facts.Signatures)
		}
	}
}

// TestOtherName: a digest that is listed speaks for its own name and version alone.
func TestOtherName(t *testing.T) {
	w := newWorld(t, open)
	m, next := makeRelease(t, "1.0", key(t, 0), none), makeRelease(t, "2.0", key(t, 0), none)
	w.list(m, 1, nil)
	for _, reference := range []string{
		"sftp", "sftp:1.0-r0", "mqtt:1.0-r1", "mqtt:latest", "mqtt:1.0", "mqtt/sftp", "registry.example/mqtt/x:1.0-r0",
	} {
		w.want(m, reference, verdict.Refused, verdict.NotKnown)
	}
	w.want(m, "mqtt@sha256:"+strings.Repeat("0", 64), verdict.Refused, verdict.NotKnown)
	// A tag that was moved to another image.
	s := w.want(next, "mqtt:1.0-r0", verdict.Refused, verdict.OtherDigest)
	if s.Facts.Root.OtherDigest != m.image.Digest {
		t.Errorf("%+v", s.Facts.Root)
	}
	w.list(next, 2, nil)
	w.want(m, "mqtt:2.0-r0", verdict.Refused, verdict.OtherDigest)
	w.want(m, "Mqtt", verdict.Refused, verdict.NoName)
}

func TestForeignAndUnsigned(t *testing.T) {
	w := newWorld(t, open)
	signed, unsigned := makeRelease(t, "1.0", key(t, 0), none), makeRelease(t, "1.1", nil, none)
	s := w.want(signed, "docker.example/app:1", verdict.Foreign, verdict.NotListed)
	if len(s.Verdict.Signers) != 1 || s.Verdict.Signers[0] != key(t, 0).Public().ID() {
		t.Errorf("%+v", s.Verdict)
	}
	w.want(unsigned, "docker.example/app:1", verdict.Unsigned, verdict.NotListed)
	if err := s.Accept(ctx); err == nil {
		t.Error("what is not trusted was written down as used")
	}
	// A name that only the release says would choose its scope.
	for _, m := range []made{signed, unsigned} {
		if s := w.want(m, "", verdict.Refused, verdict.NotKnown); !s.Unnamed {
			t.Errorf("%+v", s)
		}
	}
}

func TestSigner(t *testing.T) {
	mine, other := makeRelease(t, "1.0", key(t, 0), none), makeRelease(t, "1.0", key(t, 1), none)
	w := newWorld(t, signerPolicy(key(t, 0).Public()))
	for _, reference := range []string{
		"", "mqtt", "mqtt:1.0-r0", "registry.example/x/mqtt:1.0-r0", "registry.example/x/mqtt@" + mine.image.Digest.String(),
	} {
		w.want(mine, reference, verdict.Trusted, verdict.Signed)
	}
	if s := w.assess(mine.dir, ""); s.Facts.Reference != "mqtt:1.0-r0" || s.Facts.Root.Name != "" {
		t.Errorf("%+v", s.Facts)
	}
	w.want(other, "mqtt", verdict.Foreign, verdict.OtherSigner)
	w.policy = strings.Replace(w.policy, `timestamp        = "optional"`, "", 1)
	w.want(mine, "mqtt", verdict.Refused, verdict.NotTimestamped)
}

// TestSignerName: without a trust root, who signs says what the image is: in the
// evidence or, for who signed the image alone, by the image's own annotations.
func TestSignerName(t *testing.T) {
	mine, others := makeRelease(t, "1.0", key(t, 0), none), makeRelease(t, "1.0", key(t, 1), none)
	w := newWorld(t, signerPolicy(key(t, 0).Public()))
	title := func(name, version string) map[string]string {
		return map[string]string{ocispec.AnnotationTitle: name, ocispec.AnnotationVersion: version}
	}
	alone := func(annotations map[string]string) made {
		m := made{dir: filepath.Join(t.TempDir(), "dist")}
		m.image = writeAnnotated(t, m.dir, "alone", none, annotations)
		attachStatement(t, m, key(t, 0), must[[]byte](t)(evidence.Signature(m.image.Digest)))
		return m
	}
	named := alone(title("mqtt", "1.0-r0"))
	for _, reference := range []string{"mqtt", "mqtt:1.0-r0", "registry.example/x/mqtt@" + named.image.Digest.String()} {
		w.want(named, reference, verdict.Trusted, verdict.Signed)
	}
	for _, m := range []made{
		mine, named, alone(nil), alone(title("croc", "1.0-r0")), alone(title("mqtt", "")), alone(title("x/sftp", "9.6-r0")),
	} {
		for _, reference := range []string{
			"sftp:9.6-r0", "sftp:1.0-r0", "registry.example/x/sftp@" + m.image.Digest.String(),
			"mqtt:9.9-r9", "mqtt:latest", "mqtt:1.0", "registry.example/mqtt/x:1.0-r0",
		} {
			s := w.want(m, reference, verdict.Refused, verdict.NotKnown)
			if !strings.Contains(fmt.Sprint(s.Facts.Problems), "but me has signed it ") {
				t.Errorf("%s: %q", reference, s.Facts.Problems)
			}
		}
	}
	// For a name by somebody else nobody vouches, as for the image.
	w.want(others, "sftp:9.6-r0", verdict.Foreign, verdict.OtherSigner)
}

// TestSequence: what was accepted is remembered, and what was only looked at isn't.
func TestSequence(t *testing.T) {
	w := newWorld(t, strict)
	old, next := makeRelease(t, "1.0", key(t, 0), none), makeRelease(t, "1.1", key(t, 0), none)
	w.list(old, 1, nil)
	w.list(next, 2, nil)
	accepted := w.want(next, "mqtt", verdict.Trusted, verdict.Vouched)
	overtaken := w.want(old, "mqtt", verdict.Trusted, verdict.Vouched)
	for range 2 {
		check(t, accepted.Accept(ctx))
	}
	var older *trust.SequenceError
	if err := overtaken.Accept(ctx); !errors.As(err, &older) {
		t.Errorf("older, and verified before the newer was accepted: %v", err)
	}
	for _, reference := range []string{"", "mqtt", "mqtt:1.0-r0"} {
		if s := w.want(old, reference, verdict.Refused, verdict.RolledBack); !errors.As(s.Err, &older) {
			t.Errorf("%v", s.Err)
		}
	}
	check(t, w.want(next, "", verdict.Trusted, verdict.Vouched).Accept(ctx))

	// The newer is taken back: the older is good again, as its publishers want.
	w.repo.Revoke("mqtt", next.ref, "CVE-2026-1")
	w.publish()
	for _, reference := range []string{"", "mqtt", "mqtt:1.1-r0", "sftp"} {
		s := w.want(next, reference, verdict.Refused, verdict.Revoked)
		if s.Facts.Root.Revoked.Reason != "CVE-2026-1" {
			t.Errorf("%+v", s.Facts.Root)
		}
	}
	check(t, w.want(old, "", verdict.Trusted, verdict.Vouched).Accept(ctx))
}

func TestRootProblems(t *testing.T) {
	m := makeRelease(t, "1.0", key(t, 0), none)
	for name, c := range map[string]struct {
		change func(*world)
		code   verdict.Code
	}{
		"expired": {func(w *world) { w.now = now.Add(25 * time.Hour) }, verdict.RootExpired},
		"nothing there": {func(w *world) {
			check(w.t, os.Remove(filepath.Join(w.folder, "metadata")))
		}, verdict.RootFailed},
		"no pinned root": {func(w *world) { check(w.t, os.Remove(filepath.Join(w.folder, "root.json"))) }, verdict.RootFailed},
		"pinned root is a folder": {func(w *world) {
			check(w.t, os.Remove(filepath.Join(w.folder, "root.json")))
			check(w.t, os.Mkdir(filepath.Join(w.folder, "root.json"), 0o755))
		}, verdict.RootFailed},
		"pinned root is a FIFO": {func(w *world) {
			check(w.t, os.Remove(filepath.Join(w.folder, "root.json")))
			check(w.t, syscall.Mkfifo(filepath.Join(w.folder, "root.json"), 0o644))
		}, verdict.RootFailed},
		"another pinned root": {func(w *world) {
			check(w.t, os.WriteFile(filepath.Join(w.folder, "root.json"), newWorld(w.t, "").repo.File("1.root.json"), 0o644))
		}, verdict.RootFailed},
		"a role is missing": {func(w *world) {
			check(w.t, os.Remove(filepath.Join(w.repo.Dir, "2.mqtt.json")))
		}, verdict.RootFailed},
		"cache is a file": {func(w *world) { check(w.t, os.WriteFile(w.cache, nil, 0o644)) }, verdict.RootFailed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, open)
			w.list(m, 1, nil)
			c.change(w)
			for _, reference := range []string{"mqtt", "mqtt:1.0-r0", ""} {
				s := w.want(m, reference, verdict.Refused, c.code)
				if s.Err == nil {
					t.Error("no error to explain it")
				}
				if first := s.Verdict.Reasons[0]; first.Code != c.code && first.Code != verdict.RootFailed {
					t.Errorf("%q: the first reason is %+v", reference, first)
				}
				problem := s.Facts.Root.Problem
				if line, rest, _ := strings.Cut(problem, "\n"); rest != "" && strings.Contains(rest, line) {
					t.Errorf("%q: said twice: %q", reference, problem)
				}
			}
		})
	}
}

func TestRevokedDelegation(t *testing.T) {
	w := newWorld(t, open)
	m := makeRelease(t, "1.0", key(t, 0), none)
	w.list(m, 1, nil)
	w.want(m, "mqtt", verdict.Trusted, verdict.Vouched)
	field := must[[]byte](t)(trust.EncodeRevocations([]trust.RoleRevocation{{
		Kind: trust.RevokedDelegation, Role: "mqtt", Paths: []string{"mqtt/*"},
		Revocation: trust.Revocation{Reason: "laptop stolen", At: now},
	}}))
	w.repo.Targets.Signed.UnrecognizedFields = map[string]any{trust.RevocationsField: rawJSON(t, field)}
	w.repo.Targets.Signed.Delegations.Roles = nil
	w.publish()
	s := w.want(m, "mqtt", verdict.Refused, verdict.Revoked)
	if s.Facts.Root.Revoked.Reason != "laptop stolen" {
		t.Errorf("%+v", s.Facts.Root)
	}
	w.want(m, "sftp", verdict.Foreign, verdict.NotListed)
}

// TestDemands: what the release asks for, and what it is.
func TestDemands(t *testing.T) {
	w := newWorld(t, strict)
	for label, c := range map[string]struct {
		kind verdict.Kind
		code verdict.Code
	}{
		`[{"kind":"capability","name":"SYS_CHROOT","reason":"r"}]`:                  {verdict.Trusted, verdict.Vouched},
		`[{"kind":"network","name":"host","reason":"r"}]`:                           {verdict.Refused, verdict.PrivilegeNotAllowed},
		`[{"kind":"magic","name":"wand","reason":"r"}]`:                             {verdict.Refused, verdict.PrivilegesUnknown},
		`[{"kind":"capability","name":"SYS_CHROOT","reason":"r","scope":"all"}]`:    {verdict.Refused, verdict.PrivilegesUnknown},
		`[{"kind":"capability","Kind":"network","name":"SYS_CHROOT","reason":"r"}]`: {verdict.Refused, verdict.PrivilegesUnknown},
		`[{"name":"outbound","reason":"r"}]`:                                        {verdict.Refused, verdict.PrivilegesUnknown},
		`[null]`:                                                                    {verdict.Refused, verdict.PrivilegesUnknown},
		`null`:                                                                      {verdict.Refused, verdict.PrivilegesUnknown},
		`{}`:                                                                        {verdict.Refused, verdict.PrivilegesUnknown},
		`[] []`:                                                                     {verdict.Refused, verdict.PrivilegesUnknown},
		``:                                                                          {verdict.Refused, verdict.PrivilegesUnknown},
		"[" + strings.Repeat(`{"kind":"capability","name":"SYS_CHROOT"},`, 300) + "null]": {verdict.Refused, verdict.PrivilegesUnknown},
	} {
		m := makeImage(t, "1.0", map[string]string{"tailsbuild.privileges": label})
		w.list(m, 1, nil)
		w.want(m, "mqtt", c.kind, c.code)
	}
	m := makeImage(t, "2.0", nil)
	w.list(m, 2, func(t *trust.Target) { t.MinimumRebuilders = 1 })
	s := w.want(m, "mqtt", verdict.Refused, verdict.TooFewRebuilds)
	if !s.Facts.Privileges.Known || len(s.Facts.Privileges.IDs) > 0 || !s.Facts.EndOfSupport.IsZero() || s.Facts.Size != s.Contents.Compressed {
		t.Errorf("%+v", s.Facts)
	}
}

// TestListedBundle: a signature is listed when the trust root names its manifest.
func TestListedBundle(t *testing.T) {
	w := newWorld(t, strict)
	m := makeRelease(t, "1.0", key(t, 0), none)
	first := w.want(m, "mqtt", verdict.Refused, verdict.NotListed)
	w.list(m, 1, nil)
	if s := w.assess(m.dir, "mqtt"); s.Facts.Signatures[0].Listed {
		t.Error("listed, and the trust root names no bundle")
	}
	for _, st := range first.Contents.Statements {
		if st.Signature() {
			w.list(m, 1, func(t *trust.Target) { t.Bundles = append(t.Bundles, st.Manifest) })
		}
	}
	if s := w.assess(m.dir, "mqtt"); !s.Facts.Signatures[0].Listed {
		t.Error("not listed")
	}
}

// TestSources: the next source is tried when one is of no use, and none that needs
// a network when there is to be none.
func TestSources(t *testing.T) {
	m := makeRelease(t, "1.0", key(t, 0), none)
	listener := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	address := listener.Addr().String()
	check(t, listener.Close()) // nobody answers there
	w := newWorld(t, strings.Replace(strict, `"metadata"`, `"https://`+address+`", "stick", "metadata"`, 1))
	w.list(m, 1, nil)
	w.want(m, "mqtt", verdict.Trusted, verdict.Vouched)

	check(t, os.Remove(filepath.Join(w.folder, "metadata")))
	s := w.want(m, "mqtt", verdict.Refused, verdict.RootFailed)
	var source *trust.SourceError
	if !errors.As(s.Err, &source) {
		t.Errorf("%v", s.Err)
	}
	// Offline, the cache will do.
	p, _ := policy.Decode("policy.hcl", []byte(w.policy))
	a := must[*assess.Assessor](t)(assess.New(assess.Options{Policy: p, Folder: w.folder, Cache: w.cache, Now: w.now, Offline: true}))
	if s := must[*assess.Assessment](t)(a.Release(ctx, m.dir, "mqtt")); s.Verdict.Kind != verdict.Trusted {
		t.Errorf("%+v", s.Verdict)
	}
}

func TestOptions(t *testing.T) {
	for _, opts := range []assess.Options{
		{}, {Policy: &policy.Policy{}, Cache: "x"}, {Policy: &policy.Policy{}, Now: now}, {Cache: "x", Now: now},
	} {
		if _, err := assess.New(opts); err == nil {
			t.Errorf("%+v", opts)
		}
	}
	w := newWorld(t, strict)
	if _, err := w.assessor().Release(ctx, t.TempDir(), "mqtt"); err == nil {
		t.Error("an empty folder is a release")
	}
}

// TestSigstores: what no service of the scope's sigstore has seen doesn't count, and
// without the file that has the services, nothing does.
func TestSigstores(t *testing.T) {
	root := must[string](t)(filepath.Abs("../sign/testdata/trusted_root.json"))
	asks := strings.NewReplacer(
		"  transparency_log = \"optional\"\n  timestamp        = \"optional\"\n", "  sigstore = \"ours\"\n",
		"end_of_support   = \"warn\"", "end_of_support   = \"refuse\"",
	)
	block := func(file string) string { return fmt.Sprintf("sigstore \"ours\" {\n  trusted_root = %q\n}\n", file) }
	m := makeRelease(t, "1.0", key(t, 0), none)
	policy := signerPolicy(key(t, 0).Public())

	newWorld(t, block(root)+policy).want(m, "mqtt:1.0-r0", verdict.Trusted, verdict.Signed)
	w := newWorld(t, block(root)+asks.Replace(policy))
	s := w.want(m, "mqtt:1.0-r0", verdict.Refused, verdict.NotLogged)
	// A declaration that no log has says nothing, either.
	if !s.Verdict.Has(verdict.NotTimestamped) || !s.Verdict.Has(verdict.SupportUnknown) || s.Facts.Sigstore != "ours" {
		t.Errorf("%+v", s.Verdict)
	}
	for name, content := range map[string]string{"missing": "", "empty": "{}", "a key": string(key(t, 0).Public().PEM())} {
		w := newWorld(t, block("trusted_root.json")+policy)
		if content != "" {
			check(t, os.WriteFile(filepath.Join(w.folder, "trusted_root.json"), []byte(content), 0o600))
		}
		if s := w.want(m, "mqtt:1.0-r0", verdict.Refused, verdict.NotKnown); len(s.Facts.Problems) != 1 || !strings.Contains(s.Facts.Problems[0], "trusted root") {
			t.Errorf("%s: %q", name, s.Facts.Problems)
		}
	}
}
