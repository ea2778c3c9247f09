// Sigstore-kms-azure signs with keys in Azure Key Vault. It speaks sigstore's
// plugin protocol; see docs/keys.md.
package main

import (
	"context"
	"crypto"
	"os"

	"github.com/sigstore/sigstore/pkg/signature/kms"
	"github.com/sigstore/sigstore/pkg/signature/kms/azure"

	"gitlab.com/tailsbuild/tailsbuild/kms/cloud/internal/plugin"
)

func main() {
	os.Exit(plugin.Run(azure.ReferenceScheme, load, os.Args, os.Stdin, os.Stdout))
}

func load(ctx context.Context, reference string, _ crypto.Hash) (kms.SignerVerifier, error) {
	return azure.LoadSignerVerifier(ctx, reference)
}
