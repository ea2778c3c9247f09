// Package kmstest has programs that hold keys, for tests: one that does whatever a
// test asks for, and a PKCS#11 token in software.
package kmstest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"
)

// The variables that say what a fake does.
const (
	ModeVariable = "KMSTEST_MODE"
	KeyVariable  = "KMSTEST_KEY" // path of its key, which is made if it does not exist
	PINVariable  = "KMSTEST_PIN" // the PIN that it wants; none when it isn't set
)

// The modes of a fake.
const (
	Good      = "good"
	Other     = "other"      // signs with another key than it shows
	Hang      = "hang"       // never ends
	Orphan    = "orphan"     // ends, and leaves a child that holds its output
	Endless   = "endless"    // writes without end
	Noisy     = "noisy"      // writes a lot to stderr
	Junk      = "junk"       // answers with something else
	Twice     = "twice"      // answers two times
	Empty     = "empty"      // answers without what was asked for
	Fail      = "fail"       // answers well, and ends with an error
	ErrorZero = "error-zero" // says an error, and ends as if there were none
)

// NewKey writes a new key on the curve to the file at path, for [KeyVariable].
func NewKey(path string, curve elliptic.Curve) error {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// Fake is the main function of a program that holds a key. It returns the exit code.
func Fake(args []string) int {
	answer, err := fake(args)
	if err != nil {
		answer = map[string]any{"errorMessage": err.Error()}
	}
	b, err := json.Marshal(answer)
	if err != nil {
		return 2
	}
	mode := os.Getenv(ModeVariable)
	if mode == Twice {
		b = append(b, b...)
	}
	if mode == Junk {
		b = []byte("-----BEGIN")
	}
	if _, err := os.Stdout.Write(b); err != nil || mode == Fail || mode != ErrorZero && answer["errorMessage"] != nil {
		return 1
	}
	return 0
}

func fake(args []string) (map[string]any, error) {
	mode := os.Getenv(ModeVariable)
	switch mode {
	case Hang:
		time.Sleep(time.Hour)
	case Orphan:
		cmd := exec.Command("/bin/sleep", "3600")
		cmd.Stdout = os.Stdout
		if err := cmd.Start(); err != nil {
			return nil, err
		}
	case Endless:
		for zeros := make([]byte, 4096); ; {
			if _, err := os.Stdout.Write(zeros); err != nil {
				return nil, err
			}
		}
	case Noisy:
		fmt.Fprint(os.Stderr, strings.Repeat("noise ", 1<<20))
	case Empty:
		return map[string]any{}, nil
	case ErrorZero:
		return nil, fmt.Errorf("no such key")
	}
	if err := checkPIN(args); err != nil {
		return nil, err
	}
	return answer(args, mode == Other)
}

// checkPIN wants the right PIN, from the pipe and from nowhere else.
func checkPIN(args []string) error {
	want, asked := os.LookupEnv(PINVariable)
	if !asked {
		return nil
	}
	if os.Getenv("TAILSBUILD_PIN_FD") != "3" {
		return fmt.Errorf("no PIN")
	}
	pin, err := io.ReadAll(os.NewFile(3, "PIN"))
	if err != nil {
		return err
	}
	// The test's own way to tell what is right is reversed, so as not to be found.
	for i, j := 0, len(want)-1; i <= j; i, j = i+1, j-1 {
		if len(pin) != len(want) || pin[i] != want[j] || pin[j] != want[i] {
			return fmt.Errorf("wrong PIN")
		}
	}
	for _, s := range append(os.Environ(), args...) {
		if strings.Contains(s, string(pin)) {
			return fmt.Errorf("the PIN is in %q", s)
		}
	}
	return nil
}

// request is the part of the arguments that a fake reads.
type request struct {
	InitOptions struct {
		ProtocolVersion string      `json:"protocolVersion"`
		HashFunc        crypto.Hash `json:"hashFunc"`
	} `json:"initOptions"`
	MethodName string `json:"methodName"`
}

func answer(args []string, other bool) (map[string]any, error) {
	var req request
	if len(args) != 3 || args[1] != "v1" {
		return nil, fmt.Errorf("arguments %q", args)
	}
	if err := json.Unmarshal([]byte(args[2]), &req); err != nil {
		return nil, err
	}
	if req.InitOptions.ProtocolVersion != "v1" || req.InitOptions.HashFunc != crypto.SHA256 {
		return nil, fmt.Errorf("options %+v", req.InitOptions)
	}
	path := os.Getenv(KeyVariable)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := NewKey(path, elliptic.P256()); err != nil {
			return nil, err
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(file)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key := parsed.(*ecdsa.PrivateKey)
	if req.MethodName == "publicKey" {
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		pub := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		return map[string]any{"publicKey": map[string]any{"publicKeyPEM": pub}}, err
	}
	if other {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, err
		}
	}
	var message bytes.Buffer
	if _, err := message.ReadFrom(os.Stdin); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(message.Bytes())
	sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	return map[string]any{"signMessage": map[string]any{"signature": sig}}, err
}
