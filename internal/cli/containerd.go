package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/acceptance"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
)

const (
	containerdVerify = "containerd-verify"
	// containerd gives a verifier ten seconds, by default, and takes being killed
	// for a refusal without a reason.
	containerdTimeout = 8 * time.Second
	descriptorLimit   = 64 << 10
	// reasonLimit is how much of a reason containerd is told; it cuts off, too.
	reasonLimit = 4 << 10
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
type imageQuestion struct {
	name, digest, stdinType string
	timeout                 time.Duration
}

// An askedError reports a question that is none: its parts contradict each other.
type askedError struct{ Reason string }

func (e *askedError) Error() string { return "containerd asks: " + e.Reason }

// An allowed is the answer yes.
type allowed struct {
	Reference string `json:"reference"`
	// Releases are the images, as they were signed or the trust root lists them.
	Releases []string `json:"releases"`
	Key      string   `json:"key,omitempty"`
	Policy   string   `json:"policy,omitempty"`
	// Accepted are those of Releases that the administrator accepts, though the
	// policy doesn't trust them.
	Accepted []string `json:"accepted,omitempty"`
}

func (v allowed) kind() string { return "allowed" }

func (v allowed) text(w io.Writer) {
	s := "reproduced twice and signed with key " + v.Key
	if v.Policy != "" {
		s = "allowed by " + v.Policy
	}
	s += ": " + strings.Join(v.Releases, ", ")
	if len(v.Accepted) > 0 {
		s += "; by its digest in " + acceptance.ConfigFile + " alone: " + strings.Join(v.Accepted, ", ")
	}
	fmt.Fprintln(w, reason(s))
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
		f       judgeFlags
		keyFile string
	)
	cmd := &cobra.Command{
		Use:   containerdVerify + " {--policy FILE | --key PUB} -name REF -digest DIGEST -stdin-media-type TYPE",
		Short: "Tell containerd whether an image may be used",
		Long: `Answers containerd's question whether an image may be used, as its plugin
io.containerd.image-verifier.v1.bindir asks it: the image's descriptor is on stdin,
the reason goes to stdout, and 0 allows the image, anything else refuses it. It
is for a script in the plugin's bin_dir that says which policy or key decides;
policy export --for containerd writes one.

The image is looked up in its registry by its digest, without its layers, which
containerd checks itself. It is allowed when verify would say that it is trusted,
an index when that is so for all its images. Every error refuses, and nobody is ever
asked: what is foreign or unsigned is allowed only when the administrator named its
digest, or its index's, in ` + acceptance.ConfigFile + `. Once an image was allowed
by a policy, older releases of its name are refused.

The policy, the roots that it names, and the key's file must be writable by root and
this user alone, and so must the cache.`,
		Example: `  exec tailsbuild containerd-verify --policy /etc/tailsbuild/policy.hcl "$@"
  exec tailsbuild containerd-verify --key /etc/tailsbuild/my.pub "$@"`,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.policy, "policy", "", "`FILE` with the policy to judge by")
	flags.StringVar(&keyFile, "key", "", "`FILE` with the public key that is trusted, to ask no policy")
	flags.StringVar(&f.cache, "cache", "", "`DIR` with what was seen of trust roots (default for root "+serviceState+"/trust)")
	flags.StringVar(&q.name, "name", "", "`REF` that the image was asked for by")
	flags.StringVar(&q.digest, "digest", "", "`DIGEST` of its manifest or index")
	flags.StringVar(&q.stdinType, "stdin-media-type", "", "`TYPE` of what is on stdin: "+ocispec.MediaTypeDescriptor)
	flags.DurationVar(&q.timeout, "timeout", containerdTimeout, "refuse after this `time`; less than containerd's per_verifier_timeout")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return a.containerdRefused(&usageError{err.Error()}) })
	noArgs := func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return a.containerdRefused(usagef("%s takes flags alone, and got %q", containerdVerify, args[0]))
		}
		return nil
	}
	return leaf(cmd, noArgs, func(ctx context.Context, _ []string) error {
		ctx, cancel := context.WithTimeout(ctx, q.timeout)
		defer cancel()
		answer, err := a.containerdAnswer(ctx, q, f, keyFile)
		if err == nil {
			return a.out.print(*answer)
		}
		return a.containerdRefused(err)
	})
}

// containerdRefused prints why the image is refused, and returns that: containerd
// shows stdout, and nothing else.
func (a *app) containerdRefused(err error) error {
	if !a.out.json() {
		// For stdout that is closed, the exit code says it all.
		_, _ = fmt.Fprintln(a.out.w, reason("refused: "+err.Error()))
	}
	return err
}

func (a *app) containerdAnswer(ctx context.Context, q imageQuestion, f judgeFlags, keyFile string) (*allowed, error) {
	j, err := a.containerdJudge(f, keyFile)
	if err != nil {
		return nil, err
	}
	ref, desc, err := a.asked(ctx, q)
	if err != nil {
		return nil, err
	}
	out, err := judgeAll(ctx, ref, desc, j)
	if err != nil {
		return nil, asBroken(err)
	}
	return out, nil
}

// asked returns the image that q and stdin name: as it was asked for, and what the
// digest of its manifest is.
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
	b, err := a.readStdin(ctx, q.timeout)
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
	return ref, desc, nil
}

// readStdin reads the descriptor; containerd may be slow to send it. It may take as
// long as the timeout, which ctx has.
func (a *app) readStdin(ctx context.Context, timeout time.Duration) ([]byte, error) {
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
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, fmt.Errorf("no descriptor came within %s", timeout)
		}
		return nil, ctx.Err()
	case r := <-got:
		if r.err == nil && len(r.b) > descriptorLimit {
			r.err = &askedError{fmt.Sprintf("stdin has more than %d bytes", descriptorLimit)}
		}
		return r.b, r.err
	}
}
