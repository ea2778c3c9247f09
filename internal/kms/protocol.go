package kms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// The methods of the protocol that are used, and its version.
const (
	protocolVersion   = "v1"
	methodPublicKey   = "publicKey"
	methodSignMessage = "signMessage"
)

// arguments are what the program gets as its second argument
// (cliplugin/common/interface.go). They have nothing that is secret.
type arguments struct {
	InitOptions initOptions  `json:"initOptions"`
	MethodName  string       `json:"methodName"`
	PublicKey   *publicKey   `json:"publicKey,omitempty"`
	Signing     *signMessage `json:"signMessage,omitempty"`
}

type initOptions struct {
	CtxDeadline     time.Time  `json:"ctxDeadline"`
	ProtocolVersion string     `json:"protocolVersion"`
	KeyResourceID   string     `json:"keyResourceID"`
	HashFunc        uint       `json:"hashFunc"`
	RPCOptions      rpcOptions `json:"rpcOptions"`
}

type rpcOptions struct {
	CtxDeadline *time.Time `json:"ctxDeadline,omitempty"`
}

type publicKey struct {
	PublicKeyOptions struct {
		RPCOptions rpcOptions `json:"rpcOptions"`
	} `json:"publicKeyOptions"`
}

type signMessage struct {
	SignOptions struct {
		RPCOptions     rpcOptions `json:"rpcOptions"`
		MessageOptions struct{}   `json:"messageOptions"`
	} `json:"signOptions"`
}

// encodeArguments returns the arguments with which the program is run.
func encodeArguments(resource, method string, deadline time.Time) ([]string, error) {
	deadline = deadline.UTC()
	rpc := rpcOptions{CtxDeadline: &deadline}
	args := arguments{
		MethodName: method,
		InitOptions: initOptions{
			CtxDeadline: deadline, ProtocolVersion: protocolVersion,
			KeyResourceID: resource, HashFunc: uint(hashFunc), RPCOptions: rpc,
		},
	}
	switch method {
	case methodPublicKey:
		args.PublicKey = &publicKey{}
		args.PublicKey.PublicKeyOptions.RPCOptions = rpc
	case methodSignMessage:
		args.Signing = &signMessage{}
		args.Signing.SignOptions.RPCOptions = rpc
	default:
		return nil, fmt.Errorf("no method %q", method)
	}
	b, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	return []string{protocolVersion, string(b)}, nil
}

// A response is what the program answers.
type response struct {
	ErrorMessage string `json:"errorMessage"`
	PublicKey    *struct {
		PublicKeyPEM []byte `json:"publicKeyPEM"`
	} `json:"publicKey"`
	Signing *struct {
		Signature []byte `json:"signature"`
	} `json:"signMessage"`
}

// decodeResponse reads one JSON object, after which nothing follows. Members that
// it doesn't know are of later versions of the protocol.
func decodeResponse(b []byte) (*response, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	var r response
	if err := dec.Decode(&r); err != nil {
		return nil, fmt.Errorf("no answer: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the answer")
	}
	return &r, nil
}
