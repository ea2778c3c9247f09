package trustroot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
)

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var ctx = context.Background()

// start is when the ceremonies of the tests begin.
var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

var keyring = struct {
	sync.Mutex
	keys map[string]*sign.Key
}{keys: map[string]*sign.Key{}}

// key returns the key of somebody, the same for all tests: the passphrases of key
// files take time.
func key(t testing.TB, who string) *sign.Key {
	t.Helper()
	keyring.Lock()
	defer keyring.Unlock()
	if keyring.keys[who] == nil {
		private, _, err := sign.GenerateKey(nil)
		check(t, err)
		keyring.keys[who] = must[*sign.Key](t)(sign.OpenKey(private, nil))
	}
	return keyring.keys[who]
}

func signers(t testing.TB, threshold int, who ...string) Signers {
	t.Helper()
	s := Signers{Threshold: threshold}
	for _, w := range who {
		s.Keys = append(s.Keys, key(t, w).Public())
	}
	return s
}

// A group is the officers of one trust root and their folder.
type group struct {
	t   testing.TB
	dir string
	now time.Time
}

// newGroup plays the ceremony to the first release: root 2 of alice, bob and
// carol; targets by tom; mqtt's tagging key is maria's; snapshot and timestamp
// keys are in CI.
func newGroup(t testing.TB) *group {
	t.Helper()
	g := &group{t: t, dir: filepath.Join(t.TempDir(), "trust"), now: start}
	g.init()
	g.sign("root", "alice", "bob")
	g.sign("targets", "tom")
	g.do(func(r *Repo) error { return r.Delegate("mqtt", "mqtt", signers(t, 1, "maria")) })
	g.sign("targets", "tom")
	g.sign("mqtt", "maria")
	g.add("mqtt:2.7.8-r0", "old")
	g.sign("mqtt", "maria")
	g.online()
	return g
}

func (g *group) init() {
	g.t.Helper()
	check(g.t, Init(g.dir, Initial{
		Root: signers(g.t, 2, "alice", "bob", "carol"), Targets: signers(g.t, 1, "tom"),
		Snapshot: signers(g.t, 1, "snapshot"), Timestamp: signers(g.t, 1, "timestamp"),
	}, Options{Now: g.now}))
}

// copy is the group's folder as somebody else has it, with all in it.
func (g *group) copy(t testing.TB) *group {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "copy")
	check(t, os.CopyFS(dir, os.DirFS(g.dir)))
	return &group{t: t, dir: dir, now: g.now}
}

func (g *group) open() *Repo {
	g.t.Helper()
	return must[*Repo](g.t)(Open(g.dir, Options{Now: g.now}))
}

// try opens the folder, does something and closes it.
func (g *group) try(do func(*Repo) error) error {
	g.t.Helper()
	r := g.open()
	defer func() { check(g.t, r.Close()) }()
	return do(r)
}

func (g *group) do(do func(*Repo) error) {
	g.t.Helper()
	check(g.t, g.try(do))
}

// sign signs what is staged for role by some officers, and publishes it if that
// is enough.
func (g *group) sign(role string, who ...string) *Publication {
	g.t.Helper()
	var p *Publication
	for _, w := range who {
		g.do(func(r *Repo) (err error) {
			rev, err := r.Review(role)
			if err != nil {
				return err
			}
			if _, err := r.AddSignature(ctx, rev, key(g.t, w)); err != nil {
				return err
			}
			p, err = r.Publish()
			return err
		})
	}
	return p
}

// online is what CI does every hour.
func (g *group) online() {
	g.t.Helper()
	g.do(func(r *Repo) error { _, err := r.Snapshot(ctx, key(g.t, "snapshot"), time.Time{}); return err })
	g.do(func(r *Repo) error { _, err := r.Timestamp(ctx, key(g.t, "timestamp"), time.Time{}); return err })
}

// release returns one with an image made of content.
func release(t testing.TB, ref, content string) Release {
	t.Helper()
	name, rest, _ := strings.Cut(ref, ":")
	parsed := must[trust.Ref](t)(trust.ParsePath(name + "/" + rest))
	d := digest.FromString(content)
	return Release{Ref: parsed, Image: d, Size: int64(len(content)), Target: trust.Target{
		Platforms: map[string]digest.Digest{"linux/amd64": d}, Bundles: []digest.Digest{digest.FromString("bundle of " + content)},
	}}
}

func (g *group) add(ref, content string) {
	g.t.Helper()
	g.do(func(r *Repo) error { _, err := r.Add(release(g.t, ref, content)); return err })
}

// root returns a published root's file.
func (g *group) root(version int) []byte {
	g.t.Helper()
	return must[[]byte](g.t)(os.ReadFile(filepath.Join(g.dir, "metadata", fmt.Sprintf("%d.root.json", version))))
}

// A client is two: go-tuf's own, and package trust's. Each keeps its cache; as
// go-tuf's overwrites the cached root by the one that it is given, it is given the
// cached one.
type client struct {
	t           testing.TB
	pinned      []byte
	cache, ours string
}

func newClient(t testing.TB, pinned []byte) *client {
	return &client{t: t, pinned: pinned, cache: t.TempDir(), ours: filepath.Join(t.TempDir(), "cache")}
}

// findOurs looks a release up with package trust, from g's folder as it is.
func (c *client) findOurs(g *group, ref string) (*trust.Release, error) {
	c.t.Helper()
	v, err := trust.Open(c.t.Context(), trust.Options{
		Root: c.pinned, Cache: c.ours, Source: trust.Folder(filepath.Join(g.dir, "metadata")), Now: g.now,
	})
	if err != nil {
		return nil, err
	}
	return v.Find(c.t.Context(), must[trust.Ref](c.t)(trust.ParsePath(strings.Replace(ref, ":", "/", 1))))
}

// find updates from g's folder over HTTP and looks a release up.
func (c *client) find(g *group, ref string) (*metadata.TargetFiles, error) {
	c.t.Helper()
	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(g.dir, "metadata"))))
	defer server.Close()
	root := c.pinned
	if b, err := os.ReadFile(filepath.Join(c.cache, "root.json")); err == nil {
		root = b
	}
	cfg := must[*config.UpdaterConfig](c.t)(config.New(server.URL, root))
	cfg.LocalMetadataDir, cfg.LocalTargetsDir = c.cache, filepath.Join(c.cache, "targets")
	check(c.t, cfg.SetDefaultFetcherHTTPClient(&http.Client{}))
	check(c.t, cfg.SetDefaultFetcherRetry(time.Millisecond, 1))
	u, err := updater.New(cfg)
	if err != nil {
		return nil, err
	}
	u.UnsafeSetRefTime(g.now)
	if err := u.Refresh(); err != nil {
		return nil, err
	}
	return u.GetTargetInfo(strings.Replace(ref, ":", "/", 1))
}

// accepts wants that a release with an image made of content is found, and not
// revoked.
func (c *client) accepts(g *group, ref, content string) {
	c.t.Helper()
	file, err := c.find(g, ref)
	if err != nil {
		c.t.Fatalf("%s: %v", ref, err)
	}
	if err := file.VerifyLengthHashes([]byte(content)); err != nil {
		c.t.Fatalf("%s: %v", ref, err)
	}
	if target := must[*trust.Target](c.t)(trust.DecodeTarget(*file.Custom)); target.Revoked != nil {
		c.t.Fatalf("%s is revoked: %s", ref, target.Revoked.Reason)
	}
	found, err := c.findOurs(g, ref)
	if err != nil {
		c.t.Fatalf("%s: %v", ref, err)
	}
	if found.Digest != digest.FromString(content) || found.Size != int64(len(content)) {
		c.t.Fatalf("%s is %s", ref, found.Digest)
	}
}

// refuses wants an error with want in it.
func (c *client) refuses(g *group, ref, want string) {
	c.t.Helper()
	file, err := c.find(g, ref)
	if err == nil {
		c.t.Fatalf("%s is accepted: %s", ref, file.Hashes["sha256"])
	}
	if !strings.Contains(err.Error(), want) {
		c.t.Fatalf("%s: %v, want %q", ref, err, want)
	}
	if found, err := c.findOurs(g, ref); err == nil {
		c.t.Fatalf("%s is accepted: %s", ref, found.Digest)
	}
}

// revoked wants that a release is found with the reason why it is revoked.
func (c *client) revoked(g *group, ref, reason string) {
	c.t.Helper()
	file, err := c.find(g, ref)
	check(c.t, err)
	target := must[*trust.Target](c.t)(trust.DecodeTarget(*file.Custom))
	if target.Revoked == nil || target.Revoked.Reason != reason {
		c.t.Fatalf("%s: revoked %+v, want %q", ref, target.Revoked, reason)
	}
	var revoked *trust.RevokedError
	if _, err := c.findOurs(g, ref); !errors.As(err, &revoked) || !strings.Contains(revoked.Error(), reason) {
		c.t.Fatalf("%s: %v, want %q", ref, err, reason)
	}
}

// texts joins what changes say.
func texts(all []Change) string {
	var b strings.Builder
	for _, c := range all {
		mark := " "
		if c.Careful {
			mark = "!"
		}
		_, _ = io.WriteString(&b, mark+" "+c.Role+": "+c.Text+"\n")
	}
	return b.String()
}
