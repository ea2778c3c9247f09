package sign

import (
	"bytes"
	"context"
	"crypto/elliptic"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitlab.com/tailsbuild/tailsbuild/internal/kms"
	"gitlab.com/tailsbuild/tailsbuild/internal/kms/kmstest"
)

// TestMain is a program that holds a key, too.
func TestMain(m *testing.M) {
	if os.Getenv(kmstest.ModeVariable) != "" {
		os.Exit(kmstest.Fake(os.Args))
	}
	os.Exit(m.Run())
}

// program returns the key on curve that a fake program in mode holds.
func program(t *testing.T, mode string, curve elliptic.Curve) *kms.Key {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := kmstest.NewKey(filepath.Join(dir, "key"), curve); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "keys.hcl")
	src := fmt.Sprintf("scheme \"fake\" {\n  program = %q\n  environment = {\n    %s = %q\n    %s = %q\n  }\n}\n",
		self, kmstest.ModeVariable, mode, kmstest.KeyVariable, filepath.Join(dir, "key"))
	if err := os.WriteFile(config, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := kms.ReadConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	key, err := c.Key("fake://key")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestProgramKey: a key that a program holds signs the same things as one in memory.
func TestProgramKey(t *testing.T) {
	key, err := OpenProgramKey(context.Background(), program(t, kmstest.Good, elliptic.P256()))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := OpenPublicKey(key.Public().PEM())
	if err != nil {
		t.Fatal(err)
	}
	v, err := pub.Verify(signed(t, key, statementOf(image)), image)
	if err != nil || !bytes.Equal(v.Statement, statementOf(image)) {
		t.Errorf("statement: %v", err)
	}
	metadata := map[string]any{"_type": "root", "version": 1}
	sig, err := key.SignMetadata(context.Background(), metadata)
	if err != nil {
		t.Fatal(err)
	}
	if err := pub.VerifyMetadata(metadata, sig); err != nil {
		t.Error(err)
	}
	payload, sig, err := key.SignReference(context.Background(), "host/mqtt:1-r0", image)
	if err != nil {
		t.Fatal(err)
	}
	if err := pub.VerifyReference(payload, sig, "host/mqtt:1-r0", image); err != nil {
		t.Error(err)
	}
	var statement *StatementError
	if _, err := key.Sign(context.Background(), []byte("x")); !errors.As(err, &statement) {
		t.Errorf("what is no statement: %v", err)
	}
	var no *MetadataError
	if _, err := key.SignMetadata(context.Background(), "x"); !errors.As(err, &no) {
		t.Errorf("what is no metadata: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := key.Sign(ctx, statementOf(image)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestProgramKeyRefuses: a program that isn't what it was is no key.
func TestProgramKeyRefuses(t *testing.T) {
	var wrong *KeyError
	if k, err := OpenProgramKey(context.Background(), program(t, kmstest.Good, elliptic.P384())); k != nil ||
		!errors.As(err, &wrong) || !strings.Contains(err.Error(), "curve P-384, want P-256") {
		t.Errorf("P-384: %v", err)
	}
	var failed *kms.ProgramError
	if k, err := OpenProgramKey(context.Background(), program(t, kmstest.Junk, elliptic.P256())); k != nil || !errors.As(err, &failed) {
		t.Errorf("junk: %v", err)
	}
	key, err := OpenProgramKey(context.Background(), program(t, kmstest.Other, elliptic.P256()))
	if err != nil {
		t.Fatal(err)
	}
	var other *AnswerError
	if b, err := key.Sign(context.Background(), statementOf(image)); b != nil || !errors.As(err, &other) {
		t.Errorf("statement: %v", err)
	}
	if _, b, err := key.SignReference(context.Background(), "host/mqtt:1-r0", image); b != nil || !errors.As(err, &other) {
		t.Errorf("reference: %v", err)
	}
	if b, err := key.SignMetadata(context.Background(), map[string]any{"_type": "root", "version": 1}); b != nil || !errors.As(err, &other) {
		t.Errorf("metadata: %v", err)
	}
}
