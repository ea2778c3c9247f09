package kmstest

import (
	"context"
	"crypto/elliptic"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A MissingError says what a token in software needs and this machine lacks.
type MissingError struct{ What string }

func (e *MissingError) Error() string { return "no " + e.What }

// The token of a [Token]: its PIN and the references of its keys.
const (
	TokenPIN    = "98765"
	TokenKey    = "tbhsm://officer/signing%20key"
	TokenAbsent = "tbhsm://officer/absent"
	TokenP384   = "tbhsm://officer/p384"
)

// A Token is a PKCS#11 token in software, SoftHSM's, with an ECDSA P-256 key and one
// on P-384.
type Token struct {
	Config  string // path of a configuration that names the program
	Program string
	PINFile string
	// Environment is what the program needs when it is run by others, the PIN's
	// file included.
	Environment []string
}

// modules are where distributions put SoftHSM's module.
var modules = []string{
	"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so",
	"/usr/lib64/pkcs11/libsofthsm2.so", "/usr/lib/pkcs11/libsofthsm2.so",
}

// NewToken builds the program of the module kms/pkcs11 below root, this
// repository's folder, and makes a token in dir. It returns a *[MissingError] when
// SoftHSM or a C compiler isn't there.
func NewToken(root, dir string) (*Token, error) {
	i := slices.IndexFunc(modules, func(path string) bool { _, err := os.Stat(path); return err == nil })
	if i < 0 {
		return nil, &MissingError{"SoftHSM: apt-get install softhsm2"}
	}
	for _, name := range []string{"softhsm2-util", "gcc"} {
		if _, err := exec.LookPath(name); err != nil {
			return nil, &MissingError{name}
		}
	}
	t := &Token{
		Config: filepath.Join(dir, "keys.hcl"), Program: filepath.Join(dir, "sigstore-kms-tbhsm"),
		PINFile: filepath.Join(dir, "pin"),
	}
	conf, p384 := filepath.Join(dir, "softhsm2.conf"), filepath.Join(dir, "p384.pem")
	t.Environment = []string{"TBHSM_MODULE=" + modules[i], "SOFTHSM2_CONF=" + conf, "TBHSM_PIN_FILE=" + t.PINFile}
	files := map[string]string{
		conf:      "directories.tokendir = " + filepath.Join(dir, "tokens") + "\nlog.level = ERROR\n",
		t.PINFile: TokenPIN + "\n",
		t.Config: fmt.Sprintf(`scheme "tbhsm" {
  program     = %q
  pin         = true
  environment = {
    TBHSM_MODULE  = %q
    SOFTHSM2_CONF = %q
  }
}
`, t.Program, modules[i], conf),
	}
	for path, content := range files {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "tokens"), 0o700); err != nil {
		return nil, err
	}
	if err := NewKey(p384, elliptic.P384()); err != nil {
		return nil, err
	}
	return t, t.make(filepath.Join(root, "kms/pkcs11"), p384)
}

// make builds the program, and makes the token and its keys.
func (t *Token) make(module, p384 string) error {
	create := `{"initOptions":{"protocolVersion":"v1","keyResourceID":"officer/signing%20key","hashFunc":5,"rpcOptions":{}},` +
		`"methodName":"createKey","createKey":{"algorithm":"ecdsa-p256-sha256"}}`
	for _, args := range [][]string{
		{"go", "build", "-trimpath", "-buildvcs=false", "-o", t.Program, "./sigstore-kms-tbhsm"},
		{"softhsm2-util", "--init-token", "--free", "--label", "officer", "--so-pin", "12345678", "--pin", TokenPIN},
		{"softhsm2-util", "--import", p384, "--token", "officer", "--label", "p384", "--id", "02", "--pin", TokenPIN},
		{t.Program, "v1", create},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Dir, cmd.Env = module, append(append(os.Environ(), "CGO_ENABLED=1"), t.Environment...)
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "errorMessage") {
			return fmt.Errorf("%s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}
