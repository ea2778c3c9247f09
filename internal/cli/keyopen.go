package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/kms"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// keyHelp is the help of a flag that takes a private key.
const keyHelp = "`FILE` with the private key, or SCHEME://KEY of one that a program holds"

// privateKey opens the private key at path, or the one that path refers to.
func (a *app) privateKey(ctx context.Context, path string, pass passphraseFlag) (*sign.Key, error) {
	if path == "" {
		return nil, usagef("--key FILE is missing")
	}
	open, err := a.askForKey(ctx, path, pass)
	if err != nil {
		return nil, err
	}
	return open(ctx)
}

// askForKey finds the private key at path, or the program that holds it, and asks
// for its passphrase or PIN. What it returns opens the key, which takes a while.
func (a *app) askForKey(ctx context.Context, path string, pass passphraseFlag) (func(context.Context) (*sign.Key, error), error) {
	if kms.IsReference(path) {
		return a.askForProgramKey(ctx, path, pass)
	}
	file, err := regular.Read(path, keyLimit)
	if err != nil {
		return nil, err
	}
	password, err := a.passphrase(ctx, pass, path, false)
	if err != nil {
		return nil, err
	}
	return func(context.Context) (*sign.Key, error) {
		key, err := sign.OpenKey(file, password)
		if err != nil {
			return nil, &keyFileError{path, err}
		}
		return key, nil
	}, nil
}

// askForProgramKey does so for a reference. Nothing is asked, and no program is run,
// unless the configuration names one.
func (a *app) askForProgramKey(ctx context.Context, reference string, pass passphraseFlag) (func(context.Context) (*sign.Key, error), error) {
	config, err := kms.ReadConfig(kms.ConfigFiles()...)
	if err != nil {
		return nil, err
	}
	program, err := config.Key(reference)
	if err != nil {
		return nil, err
	}
	if program.NeedsPIN() {
		pin, err := a.passphrase(ctx, pass, reference, false)
		if err != nil {
			return nil, err
		}
		program = program.WithPIN(pin)
	}
	return func(ctx context.Context) (*sign.Key, error) {
		key, err := sign.OpenProgramKey(ctx, program)
		var wrong *sign.KeyError
		if errors.As(err, &wrong) {
			return nil, &keyFileError{reference, err} // others say which key it is
		}
		return key, err
	}, nil
}

func (a *app) keyShowCommand() *cobra.Command {
	var pass passphraseFlag
	cmd := &cobra.Command{
		Use:   "show FILE|REF",
		Short: "Print the public key of a private one",
		Long: `Prints the public part of a private key, in PEM, and its id on stderr: of a key
file, or of a key that another program holds, a KMS client or a PKCS#11 token, which
is referred to as SCHEME://KEY.

Which program speaks for which scheme is in keys.hcl, in the folder tailsbuild of
the user's configuration or in /etc/tailsbuild. A program is never looked for
elsewhere.`,
		Example: `  tailsbuild key show tbhsm://officer/root > alice.pub
  tailsbuild key show my.key`,
	}
	pass.add(cmd)
	return leaf(cmd, cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		key, err := a.privateKey(ctx, args[0], pass)
		if err != nil {
			return err
		}
		shown := shownKey{Public: string(key.Public().PEM()), ID: key.Public().ID()}
		if !a.out.json() {
			fmt.Fprintf(a.stderr, "id  %s\n", shown.ID)
		}
		return a.out.print(shown)
	})
}

// A shownKey is the public part of a key.
type shownKey struct {
	Public string `json:"public"` // PEM
	ID     string `json:"id"`
}

func (k shownKey) kind() string { return "public-key" }

func (k shownKey) text(w io.Writer) { fmt.Fprint(w, k.Public) }
