// Sigstore-kms-aws signs with keys in AWS KMS. It speaks sigstore's
// plugin protocol; see docs/keys.md.
package main

import (
	"context"
	"crypto"
	"os"

	"github.com/sigstore/sigstore/pkg/signature/kms"
	"github.com/sigstore/sigstore/pkg/signature/kms/aws"

	"gitlab.com/tailsbuild/tailsbuild/kms/cloud/internal/plugin"
)

func main() {
	os.Exit(plugin.Run(aws.ReferenceScheme, load, os.Args, os.Stdin, os.Stdout))
}

func load(ctx context.Context, reference string, _ crypto.Hash) (kms.SignerVerifier, error) {
	return aws.LoadSignerVerifier(ctx, reference)
}
