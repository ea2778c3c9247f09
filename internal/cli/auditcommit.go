package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/rebuild"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/transfer"
)

// quiet is the progress mode that draws nothing.
const quiet = "quiet"

// secretFile is what an auditor keeps of a commitment, in a folder with the name of
// the sealed inputs.
const secretFile = "commitment.json"

// unpublishedFile is secretFile until the commitment is published.
const unpublishedFile = "unpublished.json"

// secretPath returns where in the folder dir the secret of sealed inputs is.
func secretPath(dir string, manifest digest.Digest) string {
	return filepath.Join(dir, strings.Replace(manifest.String(), ":", "-", 1), secretFile)
}

// unpublishedPath returns where the secret is until then.
func unpublishedPath(dir string, manifest digest.Digest) string {
	return filepath.Join(filepath.Dir(secretPath(dir, manifest)), unpublishedFile)
}

// A committed is a commitment that was published. The image that it is to is not in
// it: what is printed may end in a log that others read.
type committed struct {
	Target string        `json:"target"`
	Recipe string        `json:"recipe"`
	Inputs digest.Digest `json:"inputs"`
	// By is who says it, KeyID the key.
	By        string `json:"by"`
	KeyID     string `json:"keyId"`
	Published string `json:"published"`
	// Secret is the file that shows what was committed to.
	Secret string `json:"secret"`
}

func (c committed) kind() string { return "commitment" }

func (c committed) text(w io.Writer) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s %s\n", name, progress.Clean(fmt.Sprintf(format, args...)))
	}
	fmt.Fprintf(w, "%s was built, and what came out is committed to\n", progress.Clean(c.Target))
	line("inputs", "%s, of %s", c.Inputs, c.Recipe)
	line("signed", "by %s, with key %s", c.By, c.KeyID)
	line("added to", "%s", c.Published)
	line("secret", "%s: show it to nobody before the image is published", c.Secret)
	line("next", "when it is, with the same key and builder: tailsbuild audit REF --reveal %s", c.Secret)
}

// commitFlags say which sealed inputs are committed to.
type commitFlags struct {
	auditFlags
	recipe string
}

func (a *app) auditCommitCommand() *cobra.Command {
	var f commitFlags
	cmd := &cobra.Command{
		Use:   "commit DIR|REF --own-key FILE --builder-id URI --publish PLACE",
		Short: "Build what is not published yet, and commit to what came out",
		Long: `Builds sealed inputs that don't say which image comes out of them, from tailsbuild
archive --blind, as audit does: with an empty store, no network and a variation of its
own. Then it says, in a signed statement, that something came out, with a hash of that
which nobody can read and nobody else can use. What opens it is in DIR/sha256-HEX, for
audit --reveal once the image is published. Who reveals has built the image, and has
not copied its digest; policies can ask for that. See docs/audit.md.`,
		Example: `  tailsbuild audit commit mqtt.blind --own-key my.key --builder-id https://rebuild.example/v1 --publish statements
  tailsbuild audit dist/mqtt --key tails.pub --reveal commitments --own-key my.key \
      --builder-id https://rebuild.example/v1 --publish statements`,
	}
	f.addOwn(cmd, "builder-id")
	flags := cmd.Flags()
	flags.StringVar(&f.publish, "publish", "", "`DIR`, or oci:HOST/REPO, that the statement is added to")
	flags.StringVar(&f.expect, "expect", "", "`DIGEST` of the sealed inputs' manifest, from who has published them")
	flags.StringVar(&f.recipe, "recipe", "", "`NAME` of the recipe, when there are sealed inputs of several")
	flags.StringVar(&f.output, "output", "commitments", "`DIR` for what opens the commitments")
	flags.StringVar(&f.work, "work", "", "`DIR` to work in, which nothing is left in (default in tailsbuild's cache folder)")
	f.judge.proxyFlag.add(cmd)
	f.timeout.add(cmd)
	// What it draws has the digest of what comes out, and may end in a log.
	modes := slices.DeleteFunc(progress.Modes(), func(mode string) bool { return mode == quiet })
	flags.Var(newChoice(&f.draw.mode, append([]string{quiet}, modes...)...), "progress",
		"how progress is drawn: quiet, or, with the image, "+strings.Join(modes, ", "))
	return leaf(cmd, cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		if err := f.checkSay("builder-id"); err != nil {
			return err
		}
		return a.auditCommit(ctx, f, args[0])
	})
}

func (a *app) auditCommit(ctx context.Context, f commitFlags, target string) (err error) {
	work, err := f.scratch()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, work.remove()) }()
	open, err := a.askForSigner(ctx, f.ownKey, f.pass, f.asked)
	if err != nil {
		return err
	}
	key, err := open(ctx)
	if err != nil {
		return err
	}
	d, err := a.display(f.draw)
	if err != nil {
		return err
	}
	c := &commits{auditor: &auditor{app: a, flags: f.auditFlags, work: work.dir}, recipe: f.recipe, draw: d}
	st, secret, err := c.commit(ctx, target, key)
	if err := errors.Join(err, d.Close()); err != nil {
		return err
	}
	out := committed{
		Target: target, Recipe: secret.Recipe, Inputs: secret.Inputs, By: f.builder, KeyID: secret.Key,
		Published: f.publish, Secret: secretPath(f.output, secret.Inputs),
	}
	kept := unpublishedPath(f.output, secret.Inputs)
	if err := c.publish(ctx, []rebuild.Statement{st}); err != nil {
		return &keptError{File: kept, Err: err}
	}
	if err := os.Rename(kept, out.Secret); err != nil {
		return err
	}
	return a.out.print(out)
}

// A keptError reports that a commitment could not be published, or not
// everywhere. File has what opens it.
type keptError struct {
	File string
	Err  error
}

func (e *keptError) Error() string {
	return fmt.Sprintf("the commitment is not published, and kept in %s: the same command again publishes it, and builds nothing: %v", e.File, e.Err)
}

func (e *keptError) Unwrap() error { return e.Err }

// A committedError reports that the file that opens an earlier commitment to the same
// sealed inputs is there.
type committedError struct{ File string }

func (e *committedError) Error() string {
	return e.File + ": there is a commitment to these sealed inputs already"
}

// keepSecret writes the file that opens a commitment, for this user alone.
func keepSecret(path string, s *rebuild.Secret) error {
	b, err := s.Encode()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return writeFile(path, b, 0o600)
}

// A commits is the build of sealed inputs that is committed to.
type commits struct {
	*auditor
	recipe string
	draw   *progress.Display
}

// commit returns a commitment to what comes out of the sealed inputs that target names,
// which is kept before it is returned. One that is kept, and was not published, is
// returned again.
func (c *commits) commit(ctx context.Context, target string, key *sign.Key) (rebuild.Statement, *rebuild.Secret, error) {
	var none rebuild.Statement
	dir, err := c.sealed(ctx, target)
	if err != nil {
		return none, nil, err
	}
	s, err := inputs.OpenSealed(dir)
	if err != nil {
		return none, nil, err
	}
	defer s.Close()
	artifact, err := c.artifact(s)
	if err != nil {
		return none, nil, err
	}
	blind, err := artifact.CheckBlind()
	if err != nil {
		return none, nil, err
	}
	if file := secretPath(c.flags.output, artifact.Digest); exists(file) {
		return none, nil, &committedError{File: file}
	}
	kept := unpublishedPath(c.flags.output, artifact.Digest)
	if secret, err := c.openSecret(kept, artifact.Digest, key.Public()); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return none, nil, err
		}
		st, err := secret.Statement(blind, key.Public())
		return st, secret, err
	}
	made, err := c.build(ctx, s, artifact, blind)
	if err != nil {
		return none, nil, err
	}
	st, secret, err := made.State(ctx, key, rebuild.Auditor{Builder: c.flags.builder, Version: thisVersion().Version, At: time.Now()})
	if err != nil {
		return none, nil, err
	}
	return st, secret, keepSecret(kept, secret)
}

// openSecret opens a file that opens an own commitment to blind sealed inputs.
func (u *auditor) openSecret(file string, manifest digest.Digest, key *sign.PublicKey) (*rebuild.Secret, error) {
	b, err := regular.Read(file, rebuild.MaxSecret)
	if err != nil {
		return nil, err
	}
	s, err := rebuild.OpenSecret(file, b)
	if err != nil {
		return nil, err
	}
	return s, s.Check(manifest, u.flags.builder, key)
}

// build builds sealed inputs whose manifest is blind.
func (c *commits) build(ctx context.Context, s *inputs.Sealed, artifact *inputs.Artifact, blind ocispec.Descriptor) (*rebuild.Commitment, error) {
	of := rebuild.Unpublished{Recipe: artifact.Recipe, Inputs: blind}
	l, err := c.unpackSealed(s, artifact, filepath.Join(c.work, "recipes"), false)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(artifact.Check(l.seal), s.CheckBlobs()); err != nil {
		return nil, err
	}
	store, err := unsealed(ctx, s, l, c.work)
	if err != nil {
		return nil, err
	}
	of.Lock, of.Output = l.lock.Digest(), l.plan.Output()
	built, err := buildAs(ctx, l, builder.Options{Store: store, Work: c.work, Progress: c.draw, Timeout: c.flags.timeout.limit})
	if err != nil {
		return nil, l.place(err)
	}
	var salt evidence.Salt
	if _, err := rand.Read(salt[:]); err != nil {
		return nil, err
	}
	return rebuild.Commit(of, built, salt)
}

// sealed returns the folder with the sealed inputs that target names.
func (c *commits) sealed(ctx context.Context, target string) (string, error) {
	if !isReference(target) {
		return target, nil
	}
	ref, err := registry.ParseReference(target)
	if err != nil {
		return "", err
	}
	dir, step := filepath.Join(c.work, "sealed"), c.draw.Step("get "+target)
	err = transfer.PullArtifact(ctx, ref, inputs.SealedType, dir, transfer.Options{Registry: fetchOptions(c.flags.judge.proxy)})
	step.Done(err)
	return dir, err
}

// artifact returns the sealed inputs that are meant: the only ones for this machine.
func (c *commits) artifact(s *inputs.Sealed) (*inputs.Artifact, error) {
	arch, err := machineArch()
	if err != nil {
		return nil, err
	}
	name, all := c.recipe, s.Recipes(arch)
	if name == "" && len(all) > 1 {
		return nil, usagef("there are sealed inputs of %s; name one with --recipe", strings.Join(all, ", "))
	}
	artifact, err := s.Artifact(cmp.Or(name, strings.Join(all, "")), arch)
	if err != nil {
		return nil, err
	}
	if want := digest.Digest(c.flags.expect); want != "" && want != artifact.Digest {
		return nil, &inputs.SealedError{Dir: s.Dir(), Err: fmt.Errorf("they are %s, and %s was expected", artifact.Digest, want)}
	}
	return artifact, nil
}

// unsealed returns a store below the folder work that has the inputs of l, all from s.
func unsealed(ctx context.Context, s *inputs.Sealed, l *loaded, work string) (*inputs.Store, error) {
	if l.plan.Runs() {
		if err := builder.CheckArch(l.seal.Arch); err != nil {
			return nil, fmt.Errorf("they are for %s: %w", l.seal.Arch, err)
		}
	}
	store, err := inputs.OpenStore(filepath.Join(work, "store"))
	if err != nil {
		return nil, err
	}
	fetcher := &inputs.Fetcher{Store: store, Sealed: s, Offline: true, Report: func(inputs.Transfer) {}}
	return store, fetcher.Fetch(ctx, l.seal.Inputs)
}

// buildAs builds once, in a folder that it makes in opts.Work, with the variation that
// auditors have.
func buildAs(ctx context.Context, l *loaded, opts builder.Options) (*builder.Result, error) {
	opts.Work = filepath.Join(opts.Work, "build")
	if err := os.Mkdir(opts.Work, 0o700); err != nil {
		return nil, err
	}
	return builder.BuildOne(ctx, builder.Auditor, l.plan, opts)
}

// A noCommitmentError reports that there is no file that opens a commitment to a
// release's sealed inputs.
type noCommitmentError struct {
	File   string
	Inputs digest.Digest
}

func (e *noCommitmentError) Error() string {
	return fmt.Sprintf("nothing opens a commitment to the release's inputs, which were %s before there was an image: there is no %s", e.Inputs, e.File)
}

// reveal returns what opens the auditor's commitment to the blind form of sealed
// inputs. It is nil when nothing is to be revealed or, of several audits, nothing was
// committed to.
func (u *auditor) reveal(manifest digest.Digest) (*rebuild.Secret, error) {
	file := u.flags.reveal
	if file == "" {
		return nil, nil
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		file = secretPath(file, manifest)
	}
	if !exists(file) {
		if u.flags.many.all != "" && file != u.flags.reveal {
			return nil, nil
		}
		return nil, &noCommitmentError{File: file, Inputs: manifest}
	}
	key, err := u.key()
	if err != nil {
		return nil, err
	}
	return u.openSecret(file, manifest, key.Public())
}

// exists reports whether there is a file.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
