package sigstore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	ct "github.com/google/certificate-transparency-go"
	"github.com/google/certificate-transparency-go/tls"
	ctx509 "github.com/google/certificate-transparency-go/x509"
)

// listen serves h at an address of this machine, until the process ends.
func listen(address string, h http.Handler) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	go func() { _ = (&http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}).Serve(l) }()
	return nil
}

func answer(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

// An issuer hands out identity tokens as a GitLab instance does (OpenID Connect
// Discovery 1.0; RFC 7519).
type issuer struct {
	url string
	key *rsa.PrivateKey
}

func newIssuer(address string) (*issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	i := &issuer{"http://" + address, key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": i.url, "jwks_uri": i.url + "/keys",
			"authorization_endpoint": i.url + "/none", "token_endpoint": i.url + "/none",
			"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "one",
			"n": part(key.N.Bytes()), "e": part(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	return i, listen(address, mux)
}

func part(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// token returns one with the claims of a job of GitLab's, but for those in change.
// One that is nil is left out.
func (i *issuer) token(t testing.TB, change map[string]any) string {
	t.Helper()
	now := time.Now()
	claims := map[string]any{
		"iss": i.url, "aud": "sigstore", "jti": "1", "sub": "project_path:tails/images:ref_type:branch:ref:main",
		"iat": now.Unix(), "nbf": now.Add(-5 * time.Second).Unix(), "exp": now.Add(10 * time.Minute).Unix(),
		"namespace_id": "1", "namespace_path": "tails", "project_id": "7", "project_path": "tails/images", "project_visibility": "public",
		"user_id": "1", "user_login": "ci", "user_email": "ci@example.org",
		"pipeline_id": "100", "pipeline_source": "push", "job_id": "200", "runner_id": 3, "runner_environment": "self-hosted",
		"ref": "main", "ref_type": "branch", "ref_path": "refs/heads/main", "ref_protected": "true",
		"sha":               "714a629c0b401fdce83e847fc9589983fc6f46bc",
		"ci_config_ref_uri": "gitlab.example.org/tails/images//.gitlab-ci.yml@refs/heads/main",
		"ci_config_sha":     "714a629c0b401fdce83e847fc9589983fc6f46bc",
		"environment":       "release", "environment_protected": "true", "deployment_tier": "production",
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	signed := part(must[[]byte](t)(json.Marshal(map[string]string{"alg": "RS256", "typ": "JWT", "kid": "one"}))) +
		"." + part(must[[]byte](t)(json.Marshal(claims)))
	sum := sha256.Sum256([]byte(signed))
	return signed + "." + part(must[[]byte](t)(rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])))
}

// serveCertificateLog stands in for a log of certificates (RFC 6962, 4.1 and 4.2): it
// promises to list whatever it is shown, and has no tree. A real one needs a
// database. It returns the log's public key in PEM.
func serveCertificateLog(address string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/ct/v1/", func(w http.ResponseWriter, r *http.Request) {
		promise, err := promise(key, sha256.Sum256(der), r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer(w, promise)
	})
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), listen(address, mux)
}

func promise(key *ecdsa.PrivateKey, id [sha256.Size]byte, r *http.Request) (*ct.AddChainResponse, error) {
	var asked ct.AddChainRequest
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		return nil, err
	}
	var chain []*ctx509.Certificate
	for _, der := range asked.Chain {
		c, err := ctx509.ParseCertificate(der)
		if ctx509.IsFatal(err) {
			return nil, err
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return nil, errors.New("no certificate")
	}
	kind := ct.X509LogEntryType
	if strings.HasSuffix(r.URL.Path, "/add-pre-chain") {
		kind = ct.PrecertLogEntryType
	}
	sct := ct.SignedCertificateTimestamp{SCTVersion: ct.V1, LogID: ct.LogID{KeyID: id}, Timestamp: uint64(time.Now().UnixMilli())}
	leaf, err := ct.MerkleTreeLeafFromChain(chain, kind, sct.Timestamp)
	if err != nil {
		return nil, err
	}
	input, err := ct.SerializeSCTSignatureInput(sct, ct.LogEntry{Leaf: *leaf})
	if err != nil {
		return nil, err
	}
	sig, err := tls.CreateSignature(*key, tls.SHA256, input)
	if err != nil {
		return nil, err
	}
	encoded, err := tls.Marshal(sig)
	if err != nil {
		return nil, err
	}
	return &ct.AddChainResponse{SCTVersion: ct.V1, ID: id[:], Timestamp: sct.Timestamp, Signature: encoded}, nil
}
