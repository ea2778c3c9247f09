package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	kmsserver "github.com/nsmithuk/local-kms/src"
	"github.com/nsmithuk/local-kms/src/config"
	"github.com/nsmithuk/local-kms/src/data"
	"github.com/sirupsen/logrus"

	"gitlab.com/tailsbuild/tailsbuild/internal/kms"
	"gitlab.com/tailsbuild/tailsbuild/internal/release/releasetest"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// A service is a key management service, and a user whose configuration names the
// program for it.
type service struct {
	t      *testing.T
	scheme string
}

// newService builds the program for a scheme, which gets the variables of the
// environment.
func newService(t *testing.T, scheme, program string, variables ...string) *service {
	t.Helper()
	setup(t)
	dir := t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", dir+"/", "./"+program)
	build.Dir = "../../kms/cloud"
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("XDG_CONFIG_HOME", dir)
	check(t, os.Mkdir(filepath.Join(dir, "tailsbuild"), 0o755))
	names, err := json.Marshal(append(variables, "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"))
	check(t, err)
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1") // no network
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("NO_PROXY", "127.0.0.1,localhost")
	src := fmt.Sprintf("scheme %q {\n  program   = %q\n  variables = %s\n}\n", scheme, filepath.Join(dir, program), names)
	check(t, os.WriteFile(filepath.Join(dir, "tailsbuild", "keys.hcl"), []byte(src), 0o644))
	return &service{t, scheme}
}

// key opens a key of the service, as the command line does.
func (s *service) key(name string) *sign.Key {
	s.t.Helper()
	config, err := kms.ReadConfig(kms.ConfigFiles()...)
	check(s.t, err)
	program, err := config.Key(s.scheme + "://" + name)
	check(s.t, err)
	key, err := sign.OpenProgramKey(ctx, program)
	check(s.t, err)
	return key
}

// show writes the public part of a key to a file.
func (s *service) show(name string) string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "my.pub")
	check(s.t, os.WriteFile(path, []byte(tailsbuild(s.t, 0, "key", "show", s.scheme+"://"+name)), 0o644))
	return path
}

// signs has a release, and its name in a registry, signed by a key of the service.
// Those of bad are names of keys that can't be used, with exit codes.
func (s *service) signs(name, another string, bad map[string]int) {
	s.t.Helper()
	public, dir := s.show(name), filepath.Join(s.t.TempDir(), "mqtt")
	_, err := releasetest.Release(ctx, dir, "good", s.key(name))
	check(s.t, err)
	tailsbuild(s.t, 0, "verify", dir, "--key", public)
	tailsbuild(s.t, 4, "verify", dir, "--key", s.show(another))
	repo := distribution(s.t) + "/tails/mqtt"
	tailsbuild(s.t, 0, "push", dir, repo+":2.7.9-r1", "--key", s.scheme+"://"+name)
	tailsbuild(s.t, 0, "verify", repo+":2.7.9-r1", "--key", public)
	tailsbuild(s.t, 4, "push", dir, repo+"x/mqtt:2.7.9-r1", "--key", s.scheme+"://"+another)
	for name, code := range bad {
		tailsbuild(s.t, code, "key", "show", s.scheme+"://"+name)
	}
}

// TestAWS signs with the program for AWS and local-kms, which answers as AWS's
// service does.
func TestAWS(t *testing.T) {
	config.AWSAccountId, config.AWSRegion = "111122223333", "eu-central-1"
	logrus.SetOutput(io.Discard)
	database := data.NewDatabase(t.TempDir())
	defer database.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kmsserver.HandleRequest(w, r, database)
	}))
	defer server.Close()
	call := func(method string, request map[string]any) map[string]any {
		t.Helper()
		body, err := json.Marshal(request)
		check(t, err)
		r, err := http.NewRequest(http.MethodPost, server.URL, bytes.NewReader(body))
		check(t, err)
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", "TrentService."+method)
		// Local-kms takes any credentials.
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x/20261128/eu-central-1/kms/aws4_request, SignedHeaders=host, Signature=x")
		resp, err := http.DefaultClient.Do(r)
		check(t, err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		check(t, err)
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s\n%s", method, resp.Status, b)
		}
		var answer map[string]any
		if len(b) > 0 {
			check(t, json.Unmarshal(b, &answer))
		}
		return answer
	}
	ids := map[string]string{}
	for alias, spec := range map[string]string{"release": "ECC_NIST_P256", "another": "ECC_NIST_P256", "p384": "ECC_NIST_P384", "rsa": "RSA_2048"} {
		made := call("CreateKey", map[string]any{"KeySpec": spec, "KeyUsage": "SIGN_VERIFY"})
		ids[alias], _ = made["KeyMetadata"].(map[string]any)["KeyId"].(string)
		call("CreateAlias", map[string]any{"AliasName": "alias/" + alias, "TargetKeyId": ids[alias]})
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
		"AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	s := newService(t, "awskms", "sigstore-kms-aws", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID",
		"AWS_SECRET_ACCESS_KEY", "AWS_MAX_ATTEMPTS", "AWS_EC2_METADATA_DISABLED")
	s.signs("/alias/release", "/alias/another", map[string]int{"/alias/p384": 2, "/alias/rsa": 2, "/alias/none": 4})
	if !strings.Contains(tailsbuild(t, 0, "key", "show", "awskms:///"+ids["release"]), "BEGIN PUBLIC KEY") {
		t.Error("a key by its id is none")
	}
	call("DisableKey", map[string]any{"KeyId": ids["release"]})
	tailsbuild(t, 4, "key", "show", "awskms:///alias/release")
}
