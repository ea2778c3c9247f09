package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/trustroot"
)

func (a *app) trustCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trust",
		Short: "Say who vouches for which images",
		Long: `Makes the trust root: who may release which images, and which releases there
are. It is TUF metadata in a folder: "metadata" is what is published, "staged" what
waits for signatures. docs/ceremony.md goes through it step by step.`,
		Args: noArgs,
		RunE: noCommand,
	}
	cmd.AddCommand(
		a.trustInitCommand(), a.trustSignCommand(), a.trustPublishCommand(),
		a.trustDelegateCommand(), a.trustAddCommand(),
		a.trustSnapshotCommand(), a.trustTimestampCommand(),
		a.trustRotateCommand(), a.trustRevokeCommand(), a.trustExpireCommand(),
		a.trustStatusCommand(), a.trustShowCommand(), a.trustDiffCommand(),
	)
	return cmd
}

// trustFlag says which folder has the trust root.
type trustFlag struct{ dir string }

func (f *trustFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dir, "dir", "trust", "`DIR` with the trust root")
}

// with opens the trust root, does something with it and closes it.
func (f *trustFlag) with(readOnly bool, do func(*trustroot.Repo) error) (err error) {
	return withTrustRoot(f.dir, readOnly, do)
}

func withTrustRoot(dir string, readOnly bool, do func(*trustroot.Repo) error) (err error) {
	r, err := trustroot.Open(dir, trustroot.Options{Now: time.Now(), ReadOnly: readOnly})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return do(r)
}

// publicKeys reads public keys.
func publicKeys(paths []string) ([]*sign.PublicKey, error) {
	var keys []*sign.PublicKey
	for _, p := range paths {
		k, err := openPublicKey(p)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// keyRefs reads what names keys: files with the public part, or IDs.
func keyRefs(args []string) ([]trustroot.KeyRef, error) {
	var refs []trustroot.KeyRef
	for _, arg := range args {
		if _, err := os.Stat(arg); err != nil {
			refs = append(refs, trustroot.KeyRef{ID: arg})
			continue
		}
		k, err := openPublicKey(arg)
		if err != nil {
			return nil, err
		}
		refs = append(refs, trustroot.KeyRef{Public: k})
	}
	return refs, nil
}

var durationPattern = lazyregexp.New(`^([1-9][0-9]{0,4})([hd])$`)

// parseExpiry reads a date, a time, or a duration from now. The zero time stands
// for "".
func parseExpiry(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if m := durationPattern.FindStringSubmatch(s); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return time.Time{}, err
		}
		unit := time.Hour
		if m[2] == "d" {
			unit *= 24
		}
		return time.Now().UTC().Add(time.Duration(n) * unit), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usagef("--expires %q is no date (2027-11-22), time (2027-11-22T12:00:00Z) or duration: a number from 1 to 99999, and h for hours or d for days, as in 36h or 90d", s)
}

const expiresHelp = "`WHEN` it expires: 90d, 36h, 2027-11-22 or 2027-11-22T12:00:00Z"

// A staging is what a command has staged, with what it changes.
type staging struct {
	Staged []trustroot.Waiting `json:"staged"`
	// Changes is what all that is staged changes against what is published.
	Changes []trustroot.Change `json:"changes"`

	dir string
}

func newStaging(dir string, r *trustroot.Repo) (staging, error) {
	st, err := r.Status()
	if err != nil {
		return staging{}, err
	}
	return staging{Staged: st.Staged, Changes: r.DiffStaged(), dir: dir}, nil
}

func (s staging) kind() string { return "staging" }

func (s staging) text(w io.Writer) {
	writeChanges(w, s.Changes)
	for _, waiting := range s.Staged {
		writeWaiting(w, waiting)
	}
	if len(s.Staged) > 0 {
		fmt.Fprintf(w, "next: tailsbuild trust sign --all%s --key FILE, by each of these\n", dirFlag(s.dir))
	}
}

// dirFlag is how a command for the folder is typed.
func dirFlag(dir string) string {
	if dir == "trust" {
		return ""
	}
	return " --dir " + progress.Clean(dir)
}

// writeChanges writes one line for each change; those to look at twice have a "!".
func writeChanges(w io.Writer, changes []trustroot.Change) {
	role := ""
	for _, c := range changes {
		if c.Role != role {
			role = c.Role
			fmt.Fprintf(w, "%s\n", progress.Clean(role))
		}
		writeChange(w, c)
	}
}

func writeChange(w io.Writer, c trustroot.Change) {
	mark := " "
	if c.Careful {
		mark = "!"
	}
	fmt.Fprintf(w, "  %s %s\n", mark, progress.Clean(c.Text))
}

func writeWaiting(w io.Writer, waiting trustroot.Waiting) {
	fmt.Fprintf(w, "staged %s %d\n", progress.Clean(waiting.Role), waiting.Version)
	writeNeeds(w, waiting.Needs)
	if waiting.Reason != "" {
		fmt.Fprintf(w, "    %s\n", progress.Clean(waiting.Reason))
	}
}

func writeNeeds(w io.Writer, needs []trustroot.Need) {
	for _, n := range needs {
		state := "complete"
		if left := n.Threshold - len(n.Signed); left > 0 {
			state = fmt.Sprintf("%d missing, of %s", left, strings.Join(n.Missing, ", "))
		}
		fmt.Fprintf(w, "    signatures by the rules of %s: %d of %d; %s\n", n.By, len(n.Signed), n.Threshold, state)
	}
}

// A publication is what was put in place.
type publication struct{ *trustroot.Publication }

func (p publication) kind() string { return "publication" }

func (p publication) text(w io.Writer) {
	for _, f := range p.Published {
		fmt.Fprintf(w, "published %s\n", progress.Clean(f.Name))
	}
	for _, waiting := range p.Waiting {
		writeWaiting(w, waiting)
	}
	if len(p.Published)+len(p.Waiting) == 0 {
		fmt.Fprintln(w, "nothing is staged")
	}
}
