// Sigstore-kms-hashivault signs with keys in the transit engine of HashiCorp Vault or OpenBao. It speaks sigstore's
// plugin protocol; see docs/keys.md.
package main

import (
	"context"
	"crypto"
	"os"

	"github.com/sigstore/sigstore/pkg/signature/kms"
	"github.com/sigstore/sigstore/pkg/signature/kms/hashivault"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"gitlab.com/tailsbuild/tailsbuild/kms/cloud/internal/plugin"
)

func main() {
	os.Exit(plugin.Run(hashivault.ReferenceScheme, load, os.Args, os.Stdin, os.Stdout))
}

func load(ctx context.Context, reference string, hash crypto.Hash) (kms.SignerVerifier, error) {
	return hashivault.LoadSignerVerifier(reference, hash, options.WithContext(ctx))
}
