package kms

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/kms/kmstest"
)

// token returns a token in software, or skips the test.
func token(t *testing.T) *kmstest.Token {
	t.Helper()
	made, err := kmstest.NewToken("../..", t.TempDir())
	var missing *kmstest.MissingError
	if errors.As(err, &missing) && os.Getenv("TAILSBUILD_REQUIRE_ALL") == "" && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	check(t, err)
	return made
}

// TestToken: what a real PKCS#11 token answers.
func TestToken(t *testing.T) {
	made := token(t)
	c, err := ReadConfig(made.Config)
	check(t, err)
	open := func(reference, pin string) *Key {
		k, err := c.Key(reference)
		check(t, err)
		if !k.NeedsPIN() {
			t.Error("it needs no PIN")
		}
		return k.WithPIN([]byte(pin))
	}
	k := open(kmstest.TokenKey, kmstest.TokenPIN)
	first, err := k.PublicKey(ctx)
	check(t, err)
	again, err := k.PublicKey(ctx)
	check(t, err)
	if !bytes.Equal(first, again) || !bytes.HasPrefix(first, []byte("-----BEGIN PUBLIC KEY-----\n")) {
		t.Errorf("got %q and %q", first, again)
	}
	if sig, err := k.SignMessage(ctx, []byte("message")); err != nil || len(sig) < 64 {
		t.Errorf("got %x, %v", sig, err)
	}
	for want, k := range map[string]*Key{
		"wrong PIN":                              open(kmstest.TokenKey, "00000"),
		"want TOKEN/KEY":                         open("tbhsm://officer", kmstest.TokenPIN),
		"could not find PKCS#11":                 open("tbhsm://other/key", kmstest.TokenPIN),
		`the token has 0 keys labelled "absent"`: open(kmstest.TokenAbsent, kmstest.TokenPIN),
		`"p384" is no ECDSA P-256 key`:           open(kmstest.TokenP384, kmstest.TokenPIN),
	} {
		var said *AnswerError
		if b, err := k.SignMessage(ctx, []byte("message")); b != nil || !errors.As(err, &said) || !strings.Contains(said.Message, want) {
			t.Errorf("%s: %v, want %q", k, err, want)
		}
	}
}

// TestTokenAlone: without tailsbuild the PIN comes from a file that is the user's
// alone, or from a terminal, which there isn't, and never from a variable.
func TestTokenAlone(t *testing.T) {
	made := token(t)
	run := func(env ...string) string {
		args, err := encodeArguments("officer/signing%20key", methodPublicKey, time.Now().Add(time.Minute))
		check(t, err)
		cmd := exec.Command(made.Program, args...)
		cmd.Env, cmd.SysProcAttr = env, &syscall.SysProcAttr{Setsid: true}
		out, _ := cmd.Output() // an error is in the answer
		return string(out)
	}
	with, without := made.Environment, made.Environment[:2]
	if out := run(with...); !strings.Contains(out, "publicKeyPEM") {
		t.Error(out)
	}
	for want, env := range map[string][]string{
		"there is no terminal to ask on": append(without[:2:2], "TBHSM_PIN="+kmstest.TokenPIN),
		"no descriptor from 3 on":        append(with[:3:3], PINVariable+"=0"),
		"not the absolute path":          append(with[:3:3], "TBHSM_MODULE=libsofthsm2.so"),
	} {
		if out := run(env...); !strings.Contains(out, want) || strings.Contains(out, "publicKeyPEM") {
			t.Errorf("%s, want %q", out, want)
		}
	}
	check(t, os.Chmod(made.PINFile, 0o644))
	if out := run(with...); !strings.Contains(out, "others can read it") {
		t.Error(out)
	}
}
