package cli

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/sigstore"
)

// tokenVariable has the identity token, as for cosign.
const tokenVariable = "SIGSTORE_ID_TOKEN"

// serviceFlags say which services are asked about what is signed, and who signs
// when there is no key.
type serviceFlags struct{ config, root, token string }

func (f *serviceFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.config, "signing-config", "", "`FILE` that names the services to ask about what is signed")
	flags.StringVar(&f.root, "trusted-root", "", "`FILE` with the keys of these services, sigstore's trusted root")
	flags.StringVar(&f.token, "identity-token", "", "`FILE` with the identity token to sign by (default: "+tokenVariable+")")
}

// check says what is wrong with the flags, for a command that signs with key, which
// may be "".
func (f *serviceFlags) check(key string) error {
	switch {
	case (f.config == "") != (f.root == ""):
		return usagef("--signing-config and --trusted-root belong together")
	case f.token != "" && f.config == "":
		return usagef("--identity-token is of use with --signing-config alone, which names who takes it")
	case f.token != "" && key != "":
		return usagef("--identity-token is for signing without --key")
	}
	return nil
}

// signs reports whether anything is signed.
func (f *serviceFlags) signs(key string) bool { return key != "" || f.config != "" }

// open reads the files, and the token if there is no key.
func (f *serviceFlags) open(now time.Time) (*sign.Services, error) {
	file, err := regular.Read(f.root, sign.MaxTrustedRoot)
	if err != nil {
		return nil, err
	}
	trusted, err := sign.OpenTrustedRoot(f.root, file)
	if err != nil {
		return nil, &keyFileError{f.root, err}
	}
	config, err := regular.Read(f.config, sign.MaxTrustedRoot)
	if err != nil {
		return nil, err
	}
	post, err := sigstore.New(sigstore.Options{})
	if err != nil {
		return nil, err
	}
	services, err := sign.OpenServices(config, trusted, post, now)
	if err != nil {
		return nil, &keyFileError{f.config, err}
	}
	return services, nil
}

// identity returns the key that signs as whom the token names.
func (f *serviceFlags) identity(s *sign.Services, now time.Time) (*sign.Key, error) {
	raw := []byte(os.Getenv(tokenVariable))
	if f.token != "" {
		var err error
		if raw, err = regular.Read(f.token, sign.MaxToken); err != nil {
			return nil, err
		}
	}
	if len(raw) == 0 {
		return nil, usagef("--key FILE is missing, or who signs without one: an identity token in %s, or --identity-token FILE", tokenVariable)
	}
	token, err := sign.OpenToken(raw, now)
	if err != nil {
		return nil, err
	}
	key, err := s.Keyless(token)
	var wrong *sign.ConfigError
	if errors.As(err, &wrong) {
		return nil, &keyFileError{f.config, err}
	}
	return key, err
}

// askForSigner is askForKey, for who signs with services or, when path is "",
// without a key. Nothing of that is sent anywhere yet.
func (a *app) askForSigner(ctx context.Context, path string, pass passphraseFlag, f serviceFlags) (func(context.Context) (*sign.Key, error), error) {
	if f.config == "" {
		return a.askForKey(ctx, path, pass)
	}
	now := time.Now()
	services, err := f.open(now)
	if err != nil {
		return nil, err
	}
	if path == "" {
		key, err := f.identity(services, now)
		return func(context.Context) (*sign.Key, error) { return key, nil }, err
	}
	open, err := a.askForKey(ctx, path, pass)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (*sign.Key, error) {
		key, err := open(ctx)
		if err != nil {
			return nil, err
		}
		return key.With(services), nil
	}, nil
}
