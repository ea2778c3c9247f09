package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

const (
	containerdVerify = "containerd-verify"
	// containerd gives a verifier ten seconds, by default, and takes being killed
	// for a refusal without a reason.
	containerdTimeout = 8 * time.Second
	descriptorLimit   = 64 << 10
	// reasonLimit is how much of a reason containerd is told; it cuts off, too.
	reasonLimit = 4 << 10
	// maxPlatforms is how many images an index may have: all are verified.
	maxPlatforms = 16
)

// containerdArgs gives the flags that containerd sends a second dash.
func containerdArgs(args []string) []string {
	if len(args) == 0 || args[0] != containerdVerify {
		return args
	}
	out := append([]string(nil), args...)
	for i, arg := range out {
		switch arg {
		case "-name", "-digest", "-stdin-media-type":
			out[i] = "-" + arg
		}
	}
	return out
}

// An imageQuestion is what containerd asks of a verifier (containerd,
// docs/image-verification.md).
type imageQuestion struct{ name, digest, stdinType string }

// A verifier decides about the image in a layout that has all but the layers. Any
// error is a refusal.
type verifier func(ctx context.Context, dir, called string) (*release.Verification, error)

// keyVerifier trusts what key signed.
func keyVerifier(key *sign.PublicKey) verifier {
	return func(ctx context.Context, dir, called string) (*release.Verification, error) {
		return release.VerifyWith(ctx, dir, key, release.VerifyOptions{Called: called, WithoutLayers: true})
	}
}

// An askedError reports a question that is none: its parts contradict each other.
type askedError struct{ Reason string }

func (e *askedError) Error() string { return "containerd asks: " + e.Reason }

// A writableError reports a file that decides what is trusted, and that others
// than root and the user may change.
type writableError struct{ Path string }

func (e *writableError) Error() string {
	return e.Path + ": others than root and this user may change it"
}

// An allowed is the answer yes.
type allowed struct {
	Reference string   `json:"reference"`
	Releases  []string `json:"releases"` // as they were signed
	Key       string   `json:"key"`
}

func (v allowed) kind() string { return "allowed" }

func (v allowed) text(w io.Writer) {
	fmt.Fprintln(w, reason("reproduced twice and signed with key "+v.Key+": "+strings.Join(v.Releases, ", ")))
}

// reason makes one short line of s.
func reason(s string) string {
	s = strings.Join(strings.Fields(progress.Clean(s)), " ")
	if len(s) > reasonLimit {
		s = strings.ToValidUTF8(s[:reasonLimit], "") + "…"
	}
	return s
}

func (a *app) containerdVerifyCommand() *cobra.Command {
	var (
		q       imageQuestion
		keyFile string
		timeout time.Duration
	)
	cmd := &cobra.Command{
		Use:   containerdVerify + " --key PUB -name REF -digest DIGEST -stdin-media-type TYPE",
		Short: "Tell containerd whether an image may be used",
		Long: `Answers containerd's question whether an image may be used, as its plugin
io.containerd.image-verifier.v1.bindir asks it: the image's descriptor is on stdin,
the reason goes to stdout, and 0 allows the image, anything else refuses it. It
is for a script in the plugin's bin_dir that says which key is trusted.

The image is looked up in its registry by its digest, without its layers, which
containerd checks itself. It is allowed when verify would accept it, an index when
that is so for all its images. Every error refuses, and nobody is ever asked. The
key's file must be writable by root and this user alone.`,
		Example: `  exec tailsbuild containerd-verify --key /etc/tailsbuild/my.pub "$@"`,
	}
	cmd.Flags().StringVar(&keyFile, "key", "", "`FILE` with the public key that is trusted (required)")
	cmd.Flags().StringVar(&q.name, "name", "", "`REF` that the image was asked for by")
	cmd.Flags().StringVar(&q.digest, "digest", "", "`DIGEST` of its manifest or index")
	cmd.Flags().StringVar(&q.stdinType, "stdin-media-type", "", "`TYPE` of what is on stdin: "+ocispec.MediaTypeDescriptor)
	cmd.Flags().DurationVar(&timeout, "timeout", containerdTimeout, "refuse after this `time`; less than containerd's per_verifier_timeout")
	return leaf(cmd, cobra.NoArgs, func(ctx context.Context, _ []string) error {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		answer, err := a.containerdAnswer(ctx, q, keyFile, timeout)
		if err == nil {
			return a.out.print(*answer)
		}
		if !a.out.json() {
			// For stdout that is closed, the exit code says it all.
			_, _ = fmt.Fprintln(a.out.w, reason("refused: "+err.Error()))
		}
		return err
	})
}

func (a *app) containerdAnswer(ctx context.Context, q imageQuestion, keyFile string, timeout time.Duration) (*allowed, error) {
	if keyFile == "" {
		return nil, usagef("--key PUB is missing")
	}
	if err := checkOwned(keyFile); err != nil {
		return nil, err
	}
	key, err := openPublicKey(keyFile)
	if err != nil {
		return nil, err
	}
	ref, desc, err := a.asked(ctx, q)
	if err != nil {
		return nil, err
	}
	opts := fetchOptions()
	opts.Limits.EvidenceTime = timeout
	out := &allowed{Reference: ref.String(), Key: key.ID()}
	if out.Releases, err = verifyAll(ctx, ref, desc, opts, keyVerifier(key)); err != nil {
		return nil, asBroken(err)
	}
	return out, nil
}

// checkOwned refuses a file that anybody but root and the user may change.
func checkOwned(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid != 0 && int(stat.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return &writableError{path}
	}
	return nil
}

// asked returns the image that q and stdin name.
func (a *app) asked(ctx context.Context, q imageQuestion) (ref registry.Reference, desc ocispec.Descriptor, err error) {
	if q.name == "" || q.digest == "" || q.stdinType == "" {
		return ref, desc, usagef("-name, -digest and -stdin-media-type are needed")
	}
	if q.stdinType != ocispec.MediaTypeDescriptor {
		return ref, desc, &askedError{fmt.Sprintf("-stdin-media-type is %q, want %q", q.stdinType, ocispec.MediaTypeDescriptor)}
	}
	if ref, err = registry.ParseReference(q.name); err != nil {
		return ref, desc, err
	}
	b, err := a.readStdin(ctx)
	if err != nil {
		return ref, desc, err
	}
	if err := oci.UnmarshalJSON("descriptor on stdin", b, &desc); err != nil {
		return ref, desc, asBroken(err)
	}
	want := digest.Digest(q.digest)
	switch err := want.Validate(); {
	case err != nil || want.Algorithm() != digest.SHA256:
		return ref, desc, &askedError{fmt.Sprintf("-digest is %q, not a sha256 digest", q.digest)}
	case desc.Digest != want:
		return ref, desc, &askedError{fmt.Sprintf("-digest is %s, the descriptor names %q", want, desc.Digest)}
	case ref.Digest() != "" && ref.Digest() != want:
		return ref, desc, &askedError{fmt.Sprintf("-digest is %s, -name says %s", want, ref.Digest())}
	}
	return ref.WithDigest(want), desc, nil
}

// readStdin reads the descriptor; containerd may be slow to send it.
func (a *app) readStdin(ctx context.Context) ([]byte, error) {
	if a.stdin == nil {
		return nil, &askedError{"nothing is on stdin"}
	}
	type answer struct {
		b   []byte
		err error
	}
	got := make(chan answer, 1)
	go func() {
		b, err := io.ReadAll(io.LimitReader(a.stdin, descriptorLimit+1))
		got <- answer{b, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-got:
		if r.err == nil && len(r.b) > descriptorLimit {
			r.err = &askedError{fmt.Sprintf("stdin has more than %d bytes", descriptorLimit)}
		}
		return r.b, r.err
	}
}

// verifyAll returns what ref's images are called by who signed them, if verify has
// nothing against any of them.
func verifyAll(ctx context.Context, ref registry.Reference, desc ocispec.Descriptor, opts registry.Options, verify verifier) ([]string, error) {
	s, err := registry.Open(ctx, ref, opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	defer s.Close()
	if s.Target.Size != desc.Size || s.Target.MediaType != desc.MediaType {
		return nil, &askedError{fmt.Sprintf("the descriptor has %d bytes of %q, the registry %d of %q",
			desc.Size, desc.MediaType, s.Target.Size, s.Target.MediaType)}
	}
	if len(s.Images) == 0 {
		return nil, &oci.FormatError{What: ref.String(), Detail: "an index of no images"}
	}
	if n := len(s.Images); n > maxPlatforms {
		return nil, &oci.LimitError{What: "images of " + ref.String(), Size: int64(n), Limit: maxPlatforms}
	}
	var names []string
	for _, image := range s.Images {
		err := inTemp(func(dir string) error {
			if _, err := s.Fetch(ctx, image, dir); err != nil {
				return fmt.Errorf("%s: %w", ref, err)
			}
			v, err := verify(ctx, dir, ref.WithDigest(image.Digest).String())
			if err != nil {
				return err
			}
			if v.Image.Digest != image.Digest {
				return errors.New("another image was verified")
			}
			names = append(names, v.Name)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}
