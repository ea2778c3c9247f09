package sigstore

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var ctx = context.Background()

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Where the services are: the tests have all ports of their namespace.
const (
	rekorURL  = "http://127.0.0.1:3003"
	tsaURL    = "http://127.0.0.1:3006/api/v1/timestamp"
	fulcioURL = "http://127.0.0.1:3011"
)

// Services are all that run for the tests, and the files that name them.
type services struct {
	dir    string
	issuer *issuer
	// root is the trusted root, config the signing configuration.
	root, config string
}

// start starts everything, once. What it started ends with this process.
var start = sync.OnceValues(func() (*services, error) {
	dir, err := os.MkdirTemp(os.Getenv(insideVariable), "services-") // removed from outside
	if err != nil {
		return nil, err
	}
	s := &services{dir: dir, root: filepath.Join(dir, "trusted_root.json"), config: filepath.Join(dir, "signing_config.json")}
	if s.issuer, err = newIssuer("127.0.0.1:3010"); err != nil {
		return nil, err
	}
	ctKey, err := serveCertificateLog("127.0.0.1:3014")
	if err != nil {
		return nil, err
	}
	rekorKey, err := s.writeKeys(ctKey)
	if err != nil {
		return nil, err
	}
	for _, run := range []func() error{s.rekor, s.tsa, s.fulcio} {
		if err := run(); err != nil {
			return nil, err
		}
	}
	for _, url := range []string{rekorURL + "/healthz", tsaURL + "/certchain", fulcioURL + "/api/v2/configuration"} {
		if err := await(url); err != nil {
			return nil, err
		}
	}
	return s, s.describe(rekorKey)
})

func setup(t testing.TB) *services {
	t.Helper()
	return must[*services](t)(start())
}

func (s *services) path(name string) string { return filepath.Join(s.dir, name) }

func (s *services) write(name string, content []byte) error {
	return os.WriteFile(s.path(name), content, 0o600)
}

// writeKeys writes the keys that the services are started with.
func (s *services) writeKeys(ctKey []byte) (rekorKey string, err error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", err
	}
	publicDER, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", err
	}
	for name, content := range map[string][]byte{
		"rekor.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER}),
		"rekor.pub": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER}),
		"ct.pub":    ctKey,
	} {
		if err := s.write(name, content); err != nil {
			return "", err
		}
	}
	return s.path("rekor.pub"), nil
}

func program(name string) string { return filepath.Join(os.Getenv(insideVariable), name) }

// run starts a service. The kernel kills it with this process, which is the first
// of its namespace.
func (s *services) run(name string, args ...string) error {
	log, err := os.Create(s.path(name + ".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(program(name), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
	cmd.Env = []string{"HOME=" + s.dir}
	return cmd.Start()
}

func (s *services) rekor() error {
	if err := os.Mkdir(s.path("log"), 0o700); err != nil {
		return err
	}
	return s.run("rekor-server", "serve", "--http-address", "127.0.0.1", "--http-port", "3003",
		"--grpc-address", "127.0.0.1", "--grpc-port", "3004", "--http-metrics-port", "3005",
		// The origin of checkpoints, which has to be the host of the log's URL.
		"--hostname", "127.0.0.1", "--storage-dir", "log", "--signer-filepath", "rekor.key",
		"--checkpoint-interval", "200ms", "--batch-max-age", "50ms", "--persistent-antispam=true", "--log-level", "warn")
}

func (s *services) tsa() error {
	return s.run("timestamp-server", "serve", "--host", "127.0.0.1", "--port", "3006",
		"--timestamp-signer", "memory", "--disable-ntp-monitoring")
}

func (s *services) fulcio() error {
	// As docs/keyless.md has it, but for the names.
	config := `oidc-issuers:
  ` + s.issuer.url + `:
    issuer-url: ` + s.issuer.url + `
    client-id: sigstore
    type: ci-provider
    ci-provider: gitlab
ci-issuer-metadata:
  gitlab:
    default-template-values:
      url: "https://gitlab.example.org"
    extension-templates:
      runner-environment: "runner_environment"
      source-repository-uri: "{{ .url }}/{{ .project_path }}"
      source-repository-ref: refs/{{if eq .ref_type "branch"}}heads/{{ else }}tags/{{end}}{{ .ref }}
      build-trigger: "pipeline_source"
      deployment-environment: "environment"
    subject-alternative-name-template: "https://{{ .ci_config_ref_uri }}"
`
	if err := s.write("fulcio.yaml", []byte(config)); err != nil {
		return err
	}
	return s.run("fulcio", "serve", "--ca", "ephemeralca", "--config-path", "fulcio.yaml",
		"--ct-log-url", "http://127.0.0.1:3014", "--ct-log-public-key-path", "ct.pub",
		"--host", "127.0.0.1", "--port", "3011", "--grpc-host", "127.0.0.1", "--grpc-port", "3012",
		"--metrics-port", "3013", "--legacy-unix-domain-socket", s.path("legacy.sock"))
}

// await waits until a service answers.
func await(url string) error {
	var last error
	for range 300 {
		if _, last = get(url); last == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return last
}

func get(url string) ([]byte, error) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, resp.Status, b)
	}
	return b, err
}

// describe writes the trusted root and the signing configuration, with cosign, as
// docs/keyless.md has it.
func (s *services) describe(rekorKey string) error {
	chain, err := get(tsaURL + "/certchain")
	if err != nil {
		return err
	}
	bundle, err := get(fulcioURL + "/api/v2/trustBundle")
	if err != nil {
		return err
	}
	var fulcio struct {
		Chains []struct {
			Certificates []string `json:"certificates"`
		} `json:"chains"`
	}
	if err := json.Unmarshal(bundle, &fulcio); err != nil {
		return err
	}
	for name, content := range map[string]string{
		"tsa.pem": string(chain), "fulcio.pem": strings.Join(fulcio.Chains[0].Certificates, "\n"),
	} {
		if err := s.write(name, []byte(content)); err != nil {
			return err
		}
	}
	const since = "start-time=2026-01-01T00:00:00Z"
	if err := s.cosign("trusted-root", "create",
		"--rekor=url="+rekorURL+",public-key="+rekorKey+",origin=127.0.0.1,"+since,
		"--tsa=url="+tsaURL+",certificate-chain="+s.path("tsa.pem"),
		"--fulcio=url="+fulcioURL+",certificate-chain="+s.path("fulcio.pem"),
		"--ctfe=url=http://127.0.0.1:3014,public-key="+s.path("ct.pub")+","+since,
		"--out", s.root); err != nil {
		return err
	}
	return s.cosign("signing-config", "create",
		"--rekor=url="+rekorURL+",api-version=2,operator=us,"+since, "--rekor-config=ANY",
		"--tsa=url="+tsaURL+",api-version=1,operator=us,"+since, "--tsa-config=ANY",
		"--fulcio=url="+fulcioURL+",api-version=1,operator=us,"+since,
		"--oidc-provider=url="+s.issuer.url+",api-version=1,operator=us,"+since,
		"--out", s.config)
}

// cosign runs cosign, which finds nothing but what runs here.
func (s *services) cosign(args ...string) error {
	_, _, err := s.command(nil, "cosign", args...)
	return err
}

// command runs a program with more variables, and returns its output and exit code.
func (s *services) command(env []string, name string, args ...string) (out string, code int, err error) {
	limited, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(limited, program(name), args...)
	cmd.Dir = s.dir
	cmd.Env = append([]string{"HOME=" + s.dir, "PATH=" + os.Getenv("PATH"), "COSIGN_PASSWORD=", "TAILSBUILD_PASSWORD="}, env...)
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	if err = cmd.Run(); err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, both.String())
	}
	return both.String(), cmd.ProcessState.ExitCode(), err
}
