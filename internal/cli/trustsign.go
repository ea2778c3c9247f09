package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/trustroot"
)

// An unconfirmedError says that nobody has agreed to what would be signed.
type unconfirmedError struct {
	Role, Digest string
	// Asked says that there was a person, who didn't.
	Asked bool
}

func (e *unconfirmedError) Error() string {
	if e.Asked {
		return e.Role + ": not signed"
	}
	return fmt.Sprintf("%s: not signed: nobody has confirmed %s, and stdin is no terminal to ask on", e.Role, e.Digest)
}

// signFlags say what is signed, with what, and who has looked at it.
type signFlags struct {
	trustFlag
	key     string
	pass    passphraseFlag
	all     bool
	confirm []string
	pinned  string
}

func (a *app) trustSignCommand() *cobra.Command {
	var f signFlags
	cmd := &cobra.Command{
		Use:   "sign FILE... | --all --key FILE|REF",
		Short: "Read what is staged, then sign it",
		Long: `Shows in plain words what a staged FILE (root, targets, or a delegation's name)
changes, and who may sign what afterwards, and asks. Then it adds the signature of
the key and, once there are enough, publishes the file.

Without a terminal, --confirm with the digest that was shown says that a person has
looked at exactly this. With --root FILE, what is published has to go back to that
root: one that you have kept, not one that came with the folder.`,
		Example: `  tailsbuild trust sign root --key a.key
  tailsbuild trust sign --all --key a.key --root my/1.root.json
  tailsbuild trust sign mqtt --key tag.key --confirm 3f9a0c21d8e4b7f6`,
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.key, "key", "", keyHelp+" (required)")
	cmd.Flags().BoolVar(&f.all, "all", false, "all that is staged and that the key may sign")
	cmd.Flags().StringArrayVar(&f.confirm, "confirm", nil, "`DIGEST` of what was looked at; may be repeated")
	cmd.Flags().StringVar(&f.pinned, "root", "", "`FILE` with a root that you trust")
	f.pass.add(cmd)
	return leaf(cmd, cobra.ArbitraryArgs, func(ctx context.Context, files []string) error {
		if f.all == (len(files) > 0) {
			return usagef("either name what to sign, or say --all")
		}
		return a.trustSign(ctx, f, files)
	})
}

func (a *app) trustSign(ctx context.Context, f signFlags, files []string) error {
	key, err := a.privateKey(ctx, f.key, f.pass)
	if err != nil {
		return err
	}
	return f.with(false, func(r *trustroot.Repo) error {
		if err := f.checkPinned(r); err != nil {
			return err
		}
		var roles []string
		for _, file := range files {
			roles = append(roles, strings.TrimSuffix(filepath.Base(file), ".json"))
		}
		if f.all {
			if roles, err = signable(r, key.Public()); err != nil {
				return err
			}
		}
		for _, role := range roles {
			if err := a.signOne(ctx, r, role, key, f); err != nil {
				return err
			}
		}
		p, err := r.Publish()
		if err != nil {
			return err
		}
		return a.out.print(publication{p})
	})
}

func (f *signFlags) checkPinned(r *trustroot.Repo) error {
	if f.pinned == "" {
		return nil
	}
	b, err := regular.Read(f.pinned, 512_000)
	if err != nil {
		return err
	}
	return r.CheckPinned(b)
}

// signable returns the staged roles that key may sign. None is an error.
func signable(r *trustroot.Repo, key *sign.PublicKey) ([]string, error) {
	staged := r.Staged()
	if len(staged) == 0 {
		return nil, &trustroot.NotStagedError{}
	}
	var roles []string
	var last error
	for _, role := range staged {
		err := r.MaySign(role, key)
		var other *trustroot.NoRoleError
		switch {
		case err == nil:
			roles = append(roles, role)
		case errors.As(err, &other):
			last = err
		default:
			return nil, err
		}
	}
	if len(roles) == 0 {
		return nil, last
	}
	return roles, nil
}

// signOne shows what is staged for role and signs it, if somebody agrees.
func (a *app) signOne(ctx context.Context, r *trustroot.Repo, role string, key *sign.Key, f signFlags) error {
	if err := r.MaySign(role, key.Public()); err != nil {
		return err
	}
	rev, err := r.Review(role)
	if err != nil {
		return err
	}
	if err := a.out.print(review{rev}); err != nil {
		return err
	}
	if err := a.agree(ctx, rev, f.confirm); err != nil {
		return err
	}
	added, err := r.AddSignature(ctx, rev, key)
	if err != nil {
		return err
	}
	return a.out.print(signature{Role: role, Version: rev.Version, Key: key.Public().ID(), Again: !added, Needs: rev.Needs})
}

// agree returns nil when somebody has agreed to what rev says: by its digest on
// the command line, or at the terminal.
func (a *app) agree(ctx context.Context, rev *trustroot.Review, confirmed []string) error {
	digest := rev.Digest[:trustroot.DigestLength]
	for _, c := range confirmed {
		if len(c) >= trustroot.DigestLength && strings.HasPrefix(rev.Digest, strings.ToLower(c)) {
			return nil
		}
	}
	if len(confirmed) > 0 || a.stdin == nil || !term.IsTerminal(int(a.stdin.Fd())) {
		return &unconfirmedError{Role: rev.Role, Digest: digest}
	}
	answer, err := a.askLine(ctx, fmt.Sprintf("Sign %s %d, %s? Type yes: ", rev.Role, rev.Version, digest))
	if err != nil {
		return err
	}
	if answer != "yes" {
		return &unconfirmedError{Role: rev.Role, Digest: digest, Asked: true}
	}
	return nil
}

// askLine reads a line from the terminal.
func (a *app) askLine(ctx context.Context, prompt string) (string, error) {
	fmt.Fprint(a.stderr, prompt)
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		line, err := a.lines().ReadString('\n')
		read <- answer{strings.TrimSpace(line), err}
	}()
	select {
	case got := <-read:
		if errors.Is(got.err, io.EOF) {
			return got.line, nil
		}
		return got.line, got.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// lines reads what a person types, over all questions of one run.
func (a *app) lines() *bufio.Reader {
	if a.typed == nil {
		a.typed = bufio.NewReader(io.LimitReader(a.stdin, 1<<16))
	}
	return a.typed
}

// A review is what is shown before signing.
type review struct{ *trustroot.Review }

func (v review) kind() string { return "review" }

func (v review) text(w io.Writer) {
	fmt.Fprintf(w, "%s %d, to be signed\n", progress.Clean(v.Role), v.Version)
	fmt.Fprintln(w, "what it changes (look twice at what has a !)")
	for _, c := range v.Changes {
		writeChange(w, c)
	}
	if len(v.Content) > 0 {
		fmt.Fprintln(w, "who may sign what afterwards")
		for _, c := range v.Content {
			c.Careful = false
			writeChange(w, c)
		}
	}
	fmt.Fprintf(w, "  digest %s\n", v.Digest[:trustroot.DigestLength])
}

// A signature is one that was added.
type signature struct {
	Role    string           `json:"role"`
	Version int64            `json:"version"`
	Key     string           `json:"key"`
	Again   bool             `json:"again,omitempty"` // it was there before
	Needs   []trustroot.Need `json:"needs"`
}

func (s signature) kind() string { return "signature" }

func (s signature) text(w io.Writer) {
	if s.Again {
		fmt.Fprintf(w, "%s %d was signed by this key already; it counts once\n", progress.Clean(s.Role), s.Version)
	} else {
		fmt.Fprintf(w, "%s %d is signed by %s\n", progress.Clean(s.Role), s.Version, s.Key)
	}
	writeNeeds(w, s.Needs)
}
