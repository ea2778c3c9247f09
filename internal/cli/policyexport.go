package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/enforce"
)

// An exportedFile is a file of another program's configuration.
type exportedFile struct {
	Path    string `json:"path"`
	Mode    string `json:"mode"` // octal
	Content string `json:"content"`
	// written is where the file is, or "".
	written string
}

func (f exportedFile) kind() string { return "file" }

func (f exportedFile) text(w io.Writer) {
	if f.written != "" {
		fmt.Fprintln(w, f.written)
		return
	}
	fmt.Fprintf(w, "-- %s --\n%s", f.Path, f.Content)
}

// An exportNote says what a configuration doesn't do.
type exportNote struct{ enforce.Note }

func (n exportNote) kind() string   { return "note" }
func (n exportNote) text(io.Writer) {}

func (a *app) policyExportCommand() *cobra.Command {
	var (
		engine, output string
		o              enforce.Options
	)
	cmd := &cobra.Command{
		Use:   "export FILE --for ENGINE",
		Short: "Write a policy as the configuration of another program",
		Long: `Writes the configuration with which another program enforces what it can of the
policy in FILE: podman, containerd, policy-controller or kyverno. Says on stderr,
and in the files, what it can't. A scope that the program can't be told of as the
policy means it is an error: nothing is written, and the exit code is 3.

With --output, the files are written to a new folder, laid out as they are to be
installed. Without it, they are printed.`,
		Example: `  tailsbuild policy export policy.hcl --for podman --output podman
  sudo cp -r podman/etc/. /etc/
  tailsbuild policy export policy.hcl --for kyverno --image registry.example/tails/mqtt
  tailsbuild policy export policy.hcl --for containerd --format json`,
	}
	cmd.Flags().Var(newOptionalChoice(&engine, enforce.Engines()...), "for", "`ENGINE`: podman, containerd, policy-controller or kyverno (required)")
	cmd.Flags().StringVar(&output, "output", "", "new `DIR` for the files")
	cmd.Flags().StringArrayVar(&o.Images, "image", nil, "allow this image only, `REF` without a tag; may be repeated")
	cmd.Flags().StringVar(&o.Prefix, "prefix", "/", "absolute `DIR` below which the files will be")
	return leaf(cmd, cobra.ExactArgs(1), func(_ context.Context, args []string) error {
		if engine == "" {
			return usagef("--for ENGINE is missing")
		}
		if engine == string(enforce.Containerd) && len(o.Images) > 0 {
			return usagef("--image is not for containerd, which asks tailsbuild about every image")
		}
		p, src, err := a.openPolicy(args[0])
		if err != nil {
			return err
		}
		e, err := enforce.Write(p, src, enforce.Engine(engine), o)
		if err != nil {
			return err
		}
		return a.printExport(e, output)
	})
}

func (a *app) printExport(e *enforce.Export, output string) error {
	if output != "" {
		if err := writeFiles(output, e.Files); err != nil {
			return err
		}
	}
	for _, n := range e.Notes {
		a.warn("%s", n)
		if !a.out.json() {
			continue
		}
		if err := a.out.print(exportNote{n}); err != nil {
			return err
		}
	}
	for _, f := range e.Files {
		out := exportedFile{Path: f.Path, Mode: fmt.Sprintf("%04o", f.Mode), Content: string(f.Content)}
		if output != "" {
			out.written = filepath.Join(output, filepath.FromSlash(f.Path))
		}
		if err := a.out.print(out); err != nil {
			return err
		}
	}
	return nil
}

// writeFiles makes the folder dir of files: all of them, or none.
func writeFiles(dir string, files []enforce.File) (err error) {
	switch _, err := os.Lstat(dir); {
	case err == nil:
		return &fs.PathError{Op: "mkdir", Path: dir, Err: fs.ErrExist}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(temp) // err says why
		}
	}()
	for _, f := range files {
		path := filepath.Join(temp, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := writeFile(path, f.Content, f.Mode); err != nil {
			return err
		}
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	return os.Rename(temp, dir)
}
