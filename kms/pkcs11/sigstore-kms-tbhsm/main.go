// Sigstore-kms-tbhsm signs with ECDSA P-256 keys in PKCS#11 tokens: smart cards,
// YubiKeys, HSMs, SoftHSM. It speaks sigstore's plugin protocol v1
// (sigstore/pkg/signature/kms/cliplugin, README.md); a key is tbhsm://TOKEN/KEY, by
// the labels of both. See docs/keys.md.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/common"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/handler"
)

func main() { os.Exit(run(os.Args, os.Stdin, os.Stdout)) }

// run answers the one request that args are. What is wrong is in the answer, too.
func run(args []string, stdin io.Reader, stdout io.Writer) int {
	if err := answer(args, stdin, stdout); err != nil {
		// The protocol has no other way to say it.
		_ = handler.WriteErrorResponse(stdout, err)
		return 1
	}
	return 0
}

func answer(args []string, stdin io.Reader, stdout io.Writer) (err error) {
	req, err := handler.GetPluginArgs(args)
	if err != nil {
		return err
	}
	if req.InitOptions == nil || req.MethodArgs == nil {
		return fmt.Errorf("arguments without initOptions or methodName")
	}
	if v := req.InitOptions.ProtocolVersion; v != common.ProtocolVersion {
		return fmt.Errorf("protocol %q, want %s", v, common.ProtocolVersion)
	}
	ctx := context.Background()
	if d := req.InitOptions.CtxDeadline; d != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, *d)
		defer cancel()
	} else {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
	}
	t, err := openToken(ctx, req.InitOptions.KeyResourceID)
	if err != nil {
		return err
	}
	defer t.close()
	_, err = handler.Dispatch(stdout, stdin, req, t)
	return err
}
