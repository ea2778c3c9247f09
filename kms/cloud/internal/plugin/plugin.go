// Package plugin is what the programs here share: sigstore's plugin protocol v1
// (sigstore/pkg/signature/kms/cliplugin, README.md), over one of its own KMS
// clients.
package plugin

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"io"
	"time"

	"github.com/sigstore/sigstore/pkg/signature/kms"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/common"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/handler"
)

// patience is how long a request may take that has no deadline.
const patience = 2 * time.Minute

// A Load opens the key that reference names, scheme and all, for use with hash.
type Load func(ctx context.Context, reference string, hash crypto.Hash) (kms.SignerVerifier, error)

// Run answers the one request that args are, with keys of scheme, such as
// "awskms://". It returns the exit code; what is wrong is in the answer, too.
func Run(scheme string, load Load, args []string, stdin io.Reader, stdout io.Writer) int {
	answer, err := run(scheme, load, args, stdin)
	if err == nil {
		_, err = stdout.Write(answer)
	}
	if err != nil {
		// The protocol has no other way to say it.
		_ = handler.WriteErrorResponse(stdout, err)
		return 1
	}
	return 0
}

func run(scheme string, load Load, args []string, stdin io.Reader) ([]byte, error) {
	req, err := handler.GetPluginArgs(args)
	if err != nil {
		return nil, err
	}
	if req.InitOptions == nil || req.MethodArgs == nil {
		return nil, errors.New("arguments without initOptions or methodName")
	}
	if v := req.InitOptions.ProtocolVersion; v != common.ProtocolVersion {
		return nil, errors.New("another protocol than " + common.ProtocolVersion)
	}
	deadline := time.Now().Add(patience)
	if d := req.InitOptions.CtxDeadline; d != nil {
		deadline = *d
	}
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	type result struct {
		answer []byte
		err    error
	}
	done := make(chan result, 1)
	go func() { // not every client looks at its context
		var b bytes.Buffer
		key, err := load(ctx, scheme+req.InitOptions.KeyResourceID, req.InitOptions.HashFunc)
		if err == nil {
			_, err = handler.Dispatch(&b, stdin, req, key)
		}
		done <- result{b.Bytes(), err}
	}()
	select {
	case r := <-done:
		return r.answer, r.err
	case <-ctx.Done():
		return nil, errors.New("the service has not answered before the deadline")
	}
}
