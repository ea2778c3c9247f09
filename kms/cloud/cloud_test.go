// Package cloud tests the programs beside it. No cloud is at hand: it checks that
// each is built and answers as the protocol says, and Vault's against a server that
// answers as the documentation of its transit engine says.
package cloud

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/common"
)

// bin has the programs, which TestMain builds.
var bin string

func TestMain(m *testing.M) { os.Exit(test(m)) }

func test(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cloud")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", dir+"/", "./...")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	bin = dir
	return m.Run()
}

// run runs a program, without a network but for 127.0.0.1, and returns its answer.
func run(t *testing.T, name string, env []string, message string, args ...string) (common.PluginResp, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "sigstore-kms-"+name), args...)
	cmd.Stdin = strings.NewReader(message)
	cmd.Env = append([]string{
		"HOME=" + t.TempDir(), "HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=127.0.0.1",
		"AWS_EC2_METADATA_DISABLED=true", "GCE_METADATA_HOST=127.0.0.1:1",
	}, env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	t.Logf("%s %q: %v\n%s%s", name, args, err, stdout.String(), stderr.String())
	if ctx.Err() != nil {
		t.Fatal(ctx.Err())
	}
	var resp common.PluginResp
	dec := json.NewDecoder(&stdout)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&resp); err != nil || dec.More() {
		t.Fatalf("%s: no answer: %v", name, err)
	}
	return resp, cmd.ProcessState.ExitCode()
}

func request(resource, method string) []string {
	return []string{"v1", fmt.Sprintf(
		`{"initOptions":{"ctxDeadline":%q,"protocolVersion":"v1","keyResourceID":%q,"hashFunc":5,"rpcOptions":{}},"methodName":%q,`+
			`"publicKey":{"publicKeyOptions":{"rpcOptions":{}}},"signMessage":{"signOptions":{"rpcOptions":{},"messageOptions":{}}}}`,
		time.Now().Add(4*time.Second).Format(time.RFC3339Nano), resource, method)}
}

// keys has a reference of each program's, and what it needs to begin with.
var keys = map[string]struct {
	resource string
	env      []string
}{
	"aws":        {"/alias/release", []string{"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x", "AWS_MAX_ATTEMPTS=1"}},
	"gcp":        {"projects/p/locations/l/keyRings/r/cryptoKeys/k/versions/1", nil},
	"azure":      {"vault.vault.azure.net/release", []string{"AZURE_TENANT_ID=x", "AZURE_CLIENT_ID=x", "AZURE_CLIENT_SECRET=x"}},
	"hashivault": {"release", []string{"VAULT_ADDR=http://127.0.0.1:1", "VAULT_TOKEN=x", "VAULT_MAX_RETRIES=0"}},
}

// TestAnswers: each program speaks the protocol, and says so when it can't get at
// the key.
func TestAnswers(t *testing.T) {
	for name, key := range keys {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, code := run(t, name, key.env, "message", request(key.resource, "signMessage")...)
			if resp.ErrorMessage == "" || resp.SignMessage != nil {
				t.Errorf("signMessage without a service: %+v, exit code %d", resp, code)
			}
			for what, args := range map[string][]string{
				"nothing":          nil,
				"no JSON":          {"v1", "x"},
				"no options":       {"v1", `{"methodName":"publicKey","publicKey":{}}`},
				"no method":        {"v1", `{"initOptions":{"protocolVersion":"v1"}}`},
				"another protocol": {"v2", strings.Replace(request(key.resource, "publicKey")[1], `"v1"`, `"v2"`, 1)},
				"no key":           request("", "publicKey"),
			} {
				if resp, code := run(t, name, key.env, "", args...); resp.ErrorMessage == "" || code != 1 {
					t.Errorf("%s: %+v, exit code %d", what, resp, code)
				}
			}
		})
	}
}

// TestVault signs with a key of a server that answers as Vault's transit engine.
func TestVault(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var data map[string]any
		switch {
		case r.Header.Get("X-Vault-Token") != "s.token":
			w.WriteHeader(http.StatusForbidden)
			return
		case r.URL.Path == "/v1/transit/keys/release":
			data = map[string]any{"latest_version": 1, "keys": map[string]any{"1": map[string]any{"name": "P-256", "public_key": public}}}
		case strings.HasPrefix(r.URL.Path, "/v1/transit/sign/release"):
			var req struct {
				Input     string
				Prehashed bool
			}
			if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&req); err != nil || !req.Prehashed {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			digest, err := base64.StdEncoding.DecodeString(req.Input)
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			sig, err := ecdsa.SignASN1(rand.Reader, key, digest)
			if err != nil {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			data = map[string]any{"signature": "vault:v1:" + base64.StdEncoding.EncodeToString(sig)}
		default:
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
	}))
	defer s.Close()
	env := []string{"VAULT_ADDR=" + s.URL, "VAULT_TOKEN=s.token", "VAULT_MAX_RETRIES=0"}
	resp, code := run(t, "hashivault", env, "", request("release", "publicKey")...)
	if code != 0 || resp.PublicKey == nil || string(resp.PublicKey.PublicKeyPEM) != public {
		t.Errorf("publicKey: %+v, exit code %d", resp, code)
	}
	resp, code = run(t, "hashivault", env, "message", request("release", "signMessage")...)
	if code != 0 || resp.SignMessage == nil {
		t.Fatalf("signMessage: %+v, exit code %d", resp, code)
	}
	sum := sha256.Sum256([]byte("message"))
	if !ecdsa.VerifyASN1(&key.PublicKey, sum[:], resp.SignMessage.Signature) {
		t.Error("it is no signature of the message")
	}
	env[1] = "VAULT_TOKEN=s.other"
	if resp, _ := run(t, "hashivault", env, "message", request("release", "signMessage")...); resp.ErrorMessage == "" || resp.SignMessage != nil {
		t.Errorf("without permission: %+v", resp)
	}
}
