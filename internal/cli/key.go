package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/kms"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// keyLimit bounds key files, which have a few hundred bytes.
const keyLimit = 64 << 10

func (a *app) keyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Make and show keys that sign",
		Long:  "Makes the keys that sign releases and the trust root, and shows their public part.",
		Args:  noArgs,
		RunE:  noCommand,
	}
	cmd.AddCommand(a.keyNewCommand(), a.keyShowCommand())
	return cmd
}

func (a *app) keyNewCommand() *cobra.Command {
	var (
		prefix string
		pass   passphraseFlag
	)
	cmd := &cobra.Command{
		Use:   "new --out PREFIX",
		Short: "Make a key pair",
		Long: `Makes an ECDSA P-256 key pair: PREFIX.key, encrypted with a passphrase in the
form that cosign reads, and PREFIX.pub, to give to those who verify. Files that
exist are never overwritten.

The passphrase is asked for, or comes from --password-file or the variable
` + passwordVariable + `. It may be empty.`,
		Example: `  tailsbuild key new --out my
  tailsbuild build mqtt --key my.key
  tailsbuild verify dist/mqtt --key my.pub`,
	}
	cmd.Flags().StringVar(&prefix, "out", "", "`PREFIX` of the two files (required)")
	pass.add(cmd)
	return leaf(cmd, cobra.NoArgs, func(ctx context.Context, _ []string) error {
		if prefix == "" {
			return usagef("--out PREFIX is missing")
		}
		return a.newKey(ctx, prefix, pass)
	})
}

type newKey struct {
	Private string `json:"private"`
	Public  string `json:"public"`
	ID      string `json:"id"`
}

func (k newKey) kind() string { return "key" }

func (k newKey) text(w io.Writer) {
	fmt.Fprintf(w, "private  %s\npublic   %s\nid       %s\n", progress.Line(k.Private), progress.Line(k.Public), k.ID)
}

func (a *app) newKey(ctx context.Context, prefix string, pass passphraseFlag) error {
	out := newKey{Private: prefix + ".key", Public: prefix + ".pub"}
	for _, path := range []string{out.Private, out.Public} {
		// Said before anyone is asked for a passphrase; createFile is what prevents it.
		if _, err := os.Lstat(path); err == nil {
			return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
		}
	}
	password, err := a.passphrase(ctx, pass, out.Private, true)
	if err != nil {
		return err
	}
	if len(password) == 0 {
		a.warn("the passphrase is empty: whoever reads %s can sign", out.Private)
	}
	private, public, err := sign.GenerateKey(password)
	if err != nil {
		return err
	}
	key, err := sign.OpenPublicKey(public)
	if err != nil {
		return err
	}
	out.ID = key.ID()
	if err := createFile(out.Private, private, 0o600); err != nil {
		return err
	}
	if err := createFile(out.Public, public, 0o644); err != nil {
		return errors.Join(err, os.Remove(out.Private))
	}
	return a.out.print(out)
}

// createFile makes the file at path, which must not exist, with content b.
func createFile(path string, b []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// A keyFileError says which file a key's error is about.
type keyFileError struct {
	Path string
	Err  error
}

func (e *keyFileError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *keyFileError) Unwrap() error { return e.Err }

// openPublicKey reads the public key at path.
func openPublicKey(path string) (*sign.PublicKey, error) {
	b, err := regular.Read(path, keyLimit)
	if err != nil {
		return nil, err
	}
	k, err := sign.OpenPublicKey(b)
	if err != nil {
		return nil, &keyFileError{path, err}
	}
	return k, nil
}

// publicPath guesses where the public key beside the private one at path is.
func publicPath(path string) string {
	if kms.IsReference(path) {
		return "PUB"
	}
	return strings.TrimSuffix(path, ".key") + ".pub"
}

// warn says something on stderr that is no error.
func (a *app) warn(format string, args ...any) {
	a.say("warning", fmt.Sprintf(format, args...))
}
