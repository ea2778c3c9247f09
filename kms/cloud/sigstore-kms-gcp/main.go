// Sigstore-kms-gcp signs with keys in Google Cloud KMS. It speaks sigstore's
// plugin protocol; see docs/keys.md.
package main

import (
	"context"
	"crypto"
	"os"

	"github.com/sigstore/sigstore/pkg/signature/kms"
	"github.com/sigstore/sigstore/pkg/signature/kms/gcp"

	"gitlab.com/tailsbuild/tailsbuild/kms/cloud/internal/plugin"
)

func main() {
	os.Exit(plugin.Run(gcp.ReferenceScheme, load, os.Args, os.Stdin, os.Stdout))
}

func load(ctx context.Context, reference string, _ crypto.Hash) (kms.SignerVerifier, error) {
	return gcp.LoadSignerVerifier(ctx, reference)
}
