package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
	"gitlab.com/tailsbuild/tailsbuild/internal/trustroot"
)

// An unhealthyError says that clients refuse what is published.
type unhealthyError struct{ Problem string }

func (e *unhealthyError) Error() string { return "clients refuse what is published: " + e.Problem }

// An unpublishedError reports a folder in which no trust root is published.
type unpublishedError struct{ Dir string }

func (e *unpublishedError) Error() string { return e.Dir + ": no trust root is published in it" }

// wantPublished returns an *[unpublishedError] for a folder without a trust root.
func wantPublished(dir string, r *trustroot.Repo) error {
	if !r.Published() {
		return &unpublishedError{dir}
	}
	return nil
}

type trustStatus struct{ *trustroot.Status }

func (s trustStatus) kind() string { return "status" }

func (s trustStatus) text(w io.Writer) {
	for _, role := range s.Roles {
		writeRole(w, role)
	}
	for _, waiting := range s.Staged {
		writeWaiting(w, waiting)
	}
	if len(s.Behind) > 0 {
		fmt.Fprintf(w, "not in force yet: %s (tailsbuild trust snapshot, then trust timestamp)\n", progress.Clean(strings.Join(s.Behind, ", ")))
	}
}

// states are the states of a role, for people.
var states = map[string]string{
	trustroot.StateGood: "good", trustroot.StateSoon: "EXPIRES SOON: good",
	trustroot.StateExpired: "EXPIRED: was good", trustroot.StateMissing: "MISSING",
}

func writeRole(w io.Writer, role trustroot.RoleStatus) {
	fmt.Fprintf(w, "%s", progress.Clean(role.Role))
	if role.Expires != nil {
		fmt.Fprintf(w, " %d  %s until %s", role.Version, states[role.State], role.Expires.UTC().Format("2006-01-02 15:04 MST"))
	} else {
		fmt.Fprintf(w, "  %s", states[role.State])
	}
	fmt.Fprintln(w)
	if len(role.Images) > 0 {
		fmt.Fprintf(w, "    releases of %s: %d, %d of them revoked\n", progress.Clean(strings.Join(role.Images, ", ")), role.Releases, role.Revoked)
	}
	fmt.Fprintf(w, "    signed by %d of %s\n", role.Threshold, strings.Join(role.Keys, ", "))
}

func (a *app) trustStatusCommand() *cobra.Command {
	var f trustFlag
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what expires when, who may sign what, and what waits",
		Long: `Shows each role with its version and when it expires, which keys may sign for it,
what is staged and whose signatures are missing. It warns when less than a quarter
of a role's lifetime is left. Exits with 4 when clients refuse what is published, or
nothing is.`,
		Example: `  tailsbuild trust status
  tailsbuild trust status --dir public/trust --format json`,
	}
	f.add(cmd)
	return leaf(cmd, cobra.NoArgs, func(context.Context, []string) error {
		return f.with(true, func(r *trustroot.Repo) error {
			st, err := r.Status()
			if err != nil {
				return err
			}
			if err := a.out.print(trustStatus{st}); err != nil {
				return err
			}
			for _, role := range st.Roles {
				if role.State == trustroot.StateSoon {
					a.warn("%s expires on %s", role.Role, role.Expires.UTC().Format(time.RFC3339))
				}
			}
			if err := wantPublished(f.dir, r); err != nil {
				return err
			}
			if st.Problem != "" {
				return &unhealthyError{st.Problem}
			}
			return nil
		})
	})
}

type description struct{ *trustroot.Description }

func (d description) kind() string { return "metadata" }

func (d description) text(w io.Writer) {
	fmt.Fprintf(w, "%s\n", progress.Clean(d.Role))
	for _, c := range d.Content {
		c.Careful = false
		writeChange(w, c)
	}
	for _, s := range d.Signatures {
		fmt.Fprintf(w, "    signature by %s\n", progress.Clean(s))
	}
}

// metadataFile is how the files of published metadata are called.
var metadataFile = lazyregexp.New(`^(?:[1-9][0-9]*\.)?(.+)\.json$`)

func (a *app) trustShowCommand() *cobra.Command {
	var (
		f      trustFlag
		staged bool
	)
	cmd := &cobra.Command{
		Use:   "show [ROLE|FILE]",
		Short: "Show metadata in plain words",
		Long: `Shows the metadata of a ROLE, of a FILE anywhere, or all that is published (with
--staged: all that waits) in plain words. The signatures are listed, not checked:
tailsbuild trust status does that.`,
		Example: `  tailsbuild trust show
  tailsbuild trust show mqtt --staged
  tailsbuild trust show trust/metadata/1.root.json`,
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&staged, "staged", false, "what waits for signatures, not what is published")
	return leaf(cmd, cobra.MaximumNArgs(1), func(_ context.Context, args []string) error {
		role := ""
		if len(args) == 1 {
			role = args[0]
		}
		if strings.HasSuffix(role, ".json") {
			return a.showFile(role)
		}
		return f.with(true, func(r *trustroot.Repo) error {
			all, err := r.Show(role, staged)
			if err != nil {
				return err
			}
			for _, d := range all {
				if err := a.out.print(description{d}); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func (a *app) showFile(path string) error {
	b, err := regular.Read(path, 5_000_000)
	if err != nil {
		return err
	}
	m := metadataFile.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return usagef("%q is not called as metadata is: 1.root.json", path)
	}
	d, err := trustroot.Describe(m[1], b)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return a.out.print(description{d})
}

type differences struct {
	Changes []trustroot.Change `json:"changes"`
}

func (d differences) kind() string { return "diff" }

func (d differences) text(w io.Writer) {
	if len(d.Changes) == 0 {
		fmt.Fprintln(w, "no differences")
	}
	writeChanges(w, d.Changes)
}

func (a *app) trustDiffCommand() *cobra.Command {
	var f trustFlag
	cmd := &cobra.Command{
		Use:   "diff [OLD NEW]",
		Short: "Show what changes, in plain words",
		Long: `Shows what all that is staged changes against what is published or, with the
folders of two trust roots, how what NEW has published differs from OLD. What takes
protection away, or can't be taken back, has a "!". Signatures are not compared.`,
		Example: `  tailsbuild trust diff
  tailsbuild trust diff yesterday/trust trust`,
	}
	f.add(cmd)
	return leaf(cmd, cobra.ArbitraryArgs, func(_ context.Context, args []string) error {
		switch len(args) {
		case 0:
			return f.with(true, func(r *trustroot.Repo) error {
				if len(r.Staged()) == 0 {
					if err := wantPublished(f.dir, r); err != nil {
						return err
					}
				}
				return a.out.print(differences{emptyNotNil(r.DiffStaged())})
			})
		case 2:
			return withTrustRoot(args[0], true, func(before *trustroot.Repo) error {
				if err := wantPublished(args[0], before); err != nil {
					return err
				}
				return withTrustRoot(args[1], true, func(after *trustroot.Repo) error {
					if err := wantPublished(args[1], after); err != nil {
						return err
					}
					return a.out.print(differences{emptyNotNil(before.Diff(after))})
				})
			})
		}
		return usagef("name no folder, or two")
	})
}

func emptyNotNil(changes []trustroot.Change) []trustroot.Change {
	return append([]trustroot.Change{}, changes...)
}
