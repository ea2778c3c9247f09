package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
)

// recipeLimit is more than package recipe reads, so that it is the one to say so.
const recipeLimit = 4 << 20

// An unformattedError reports files that fmt --check would change.
type unformattedError struct{ Files []string }

func (e *unformattedError) Error() string {
	return "not in the form that fmt gives: " + strings.Join(e.Files, ", ")
}

type formatted struct {
	File string `json:"file"`
}

func (f formatted) kind() string     { return "unformatted" }
func (f formatted) text(w io.Writer) { fmt.Fprintln(w, progress.Line(f.File)) }

func (a *app) fmtCommand() *cobra.Command {
	var (
		dir   string
		check bool
	)
	cmd := &cobra.Command{
		Use:   "fmt [FILE...]",
		Short: "Write recipes in their one form",
		Long: `Rewrites recipes in their one form: indentation, spaces around "=", and "="
aligned. Without a FILE, every recipe of the project and its tailsbuild.hcl. The
files that it changed are printed.`,
		Example: `  tailsbuild fmt
  tailsbuild fmt recipes/mqtt/recipe.hcl
  tailsbuild fmt --check`,
	}
	cmd.Flags().StringVar(&dir, "recipes", "recipes", "`DIR` with the recipes and tailsbuild.hcl")
	cmd.Flags().BoolVar(&check, "check", false, "change nothing; exit with 3 when a file would change")
	return leaf(cmd, cobra.ArbitraryArgs, func(_ context.Context, files []string) error {
		if len(files) == 0 {
			var err error
			if files, err = recipeFiles(dir); err != nil {
				return err
			}
		}
		return a.format(files, check)
	})
}

// recipeFiles returns the project file and the recipes in dir. They are not
// decoded: fmt is for files that are not right yet, too.
func recipeFiles(dir string) ([]string, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(globEscape(dir), "*", recipe.FileName))
	if err != nil {
		return nil, err
	}
	project := filepath.Join(dir, recipe.ProjectFile)
	if _, err := os.Stat(project); !errors.Is(err, fs.ErrNotExist) {
		files = append(files, project)
	}
	return files, nil
}

// globEscape makes filepath.Glob take s as it is.
func globEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

func (a *app) format(files []string, check bool) error {
	var unformatted []string
	for _, file := range files {
		changed, err := a.formatFile(file, check)
		if err != nil {
			return err
		}
		if !changed {
			continue
		}
		unformatted = append(unformatted, file)
		if err := a.out.print(formatted{file}); err != nil {
			return err
		}
	}
	if check && len(unformatted) > 0 {
		return &unformattedError{unformatted}
	}
	return nil
}

// formatFile reports whether file is in another form than it should be, which it
// no longer is afterwards unless check is set.
func (a *app) formatFile(file string, check bool) (bool, error) {
	info, err := os.Stat(file)
	if err != nil {
		return false, err
	}
	src, err := regular.Read(file, recipeLimit)
	if err != nil {
		return false, err
	}
	out, diags := recipe.Format(file, src)
	if err := a.checkSource(file, src, diags); err != nil {
		return false, err
	}
	if bytes.Equal(src, out) || check {
		return !bytes.Equal(src, out), nil
	}
	return true, writeFile(file, out, info.Mode().Perm())
}

// checkSource is check for diags about a single file.
func (a *app) checkSource(file string, src []byte, diags hcl.Diagnostics) error {
	return a.check(diags, func(w io.Writer) {
		// When stderr fails there is nowhere to say so.
		_ = hclschema.WriteDiagnostics(w, map[string][]byte{file: src}, diags, a.color())
	})
}
