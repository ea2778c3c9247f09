package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"maps"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
)

func TestVerifyCertificate(t *testing.T) {
	v, err := VerifyCertificate(testFile(t, "keyless.json"), image, []*TrustedRoot{rootOf(t, "ours", nil)})
	if err != nil {
		t.Fatal(err)
	}
	want := &Certificate{
		Roots: []string{"ours"}, Issuer: "http://127.0.0.1:3010",
		Subject: "https://gitlab.example.org/tails/images//.gitlab-ci.yml@refs/heads/main",
		Extensions: map[string]string{
			"build-trigger": "push", "deployment-environment": "release", "runner-environment": "self-hosted",
			"source-repository-ref": "refs/heads/main", "source-repository-uri": "https://gitlab.example.org/tails/images",
			"subject": "project_path:tails/images:ref_type:branch:ref:main",
		},
	}
	if diff := cmp.Diff(want, v.Certificate); diff != "" {
		t.Error(diff)
	}
	if m := v.Marks[0]; !m.Logged || !m.Timestamped() || !bytes.Equal(v.Statement, statementOf(image)) {
		t.Errorf("%+v %s", m, v.Statement)
	}
	if id, err := BundleKey(testFile(t, "keyless.json")); id != "" || err != nil {
		t.Errorf("BundleKey: %q, %v", id, err)
	}
	if c, err := BundleCertificate(testFile(t, "keyless.json")); err != nil || c.Subject != want.Subject || c.Roots != nil {
		t.Errorf("BundleCertificate: %v, %v", c, err)
	}
	if _, err := BundleCertificate(testFile(t, "keyed.json")); err == nil {
		t.Error("BundleCertificate of a key")
	}
	// The key in a certificate is no key that signs by itself.
	if _, err := v.Key.Verify(testFile(t, "keyless.json"), image); err == nil {
		t.Error("verified by the certificate's key")
	}
}

// TestCertificateRoots: a certificate counts under those roots that have all of who
// stands for it, whatever others say.
func TestCertificateRoots(t *testing.T) {
	closed := func(member string) func(object) {
		return func(o object) { first(o, member)["validFor"].(object)["end"] = "2026-11-27T00:00:00Z" }
	}
	for name, c := range map[string]struct {
		edit func(o object)
		ok   bool
	}{
		"all":                                {nil, true},
		"no log":                             {without("tlogs"), true},
		"no log of certificates":             {without("ctlogs"), true},
		"no authority":                       {without("certificateAuthorities"), false},
		"another authority":                  {func(o object) { o["certificateAuthorities"] = o["timestampAuthorities"] }, false},
		"an authority that was closed":       {closed("certificateAuthorities"), false},
		"no timestamp authority":             {without("timestampAuthorities"), false},
		"a timestamp authority that was":     {closed("timestampAuthorities"), false},
		"another log of certificates":        {func(o object) { id := first(o, "ctlogs")["logId"].(object); id["keyId"] = flipBase64(t, id["keyId"]) }, false},
		"a log of certificates, another key": {func(o object) { first(o, "ctlogs")["publicKey"] = p256(t) }, false},
	} {
		root := rootOf(t, "one", c.edit)
		v, err := VerifyCertificate(testFile(t, "keyless.json"), image, []*TrustedRoot{root})
		var wrong *VerifyError
		if (err == nil) != c.ok || !c.ok && (!errors.As(err, &wrong) || v != nil) {
			t.Errorf("%s: %v", name, err)
		}
		v, err = VerifyCertificate(testFile(t, "keyless.json"), image, []*TrustedRoot{root, rootOf(t, "all", nil)})
		want := []string{"all"}
		if c.ok {
			want = []string{"all", "one"}
		}
		if err != nil || !cmp.Equal(v.Certificate.Roots, want) || len(v.Marks) != 2 || !v.Marks[1].Logged {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
	if _, err := VerifyCertificate(testFile(t, "keyless.json"), image, nil); err == nil {
		t.Error("verified without a root")
	}
}

// p256 is the public key of a log, another one each time.
func p256(t testing.TB) object {
	t.Helper()
	key := must[*Key](t)(generate())
	return object{
		"rawBytes": base64.StdEncoding.EncodeToString(key.public.der), "keyDetails": "PKIX_ECDSA_P256_SHA_256",
		"validFor": object{"start": "2026-01-01T00:00:00Z"},
	}
}

func TestVerifyCertificateRefuses(t *testing.T) {
	roots := []*TrustedRoot{rootOf(t, "ours", nil)}
	for name, change := range map[string]func(b, envelope, material object){
		"no timestamp": func(_, _, m object) { delete(m, "timestampVerificationData") },
		"another timestamp": func(_, _, m object) {
			m["timestampVerificationData"] = material(t, "keyless_staging.json")["timestampVerificationData"]
		},
		"another's":       func(_, _, m object) { m["certificate"] = material(t, "keyless_staging.json")["certificate"] },
		"a key's":         func(_, _, m object) { delete(m, "certificate"); m["publicKey"] = object{"hint": testKey(t).ID()} },
		"another entry":   func(_, _, m object) { m["tlogEntries"] = material(t, "keyless_staging.json")["tlogEntries"] },
		"the entry twice": func(_, _, m object) { m["tlogEntries"] = []any{entry(m), entry(m)} },
		"no certificate":  func(_, _, m object) { m["certificate"] = object{"rawBytes": ""} },
		"an altered one":  func(_, _, m object) { c := m["certificate"].(object); c["rawBytes"] = flipBase64(t, c["rawBytes"]) },
		"another statement": func(_, e, _ object) {
			e["payload"] = base64.StdEncoding.EncodeToString(bytes.Replace(statementOf(image), []byte(`"a":1`), []byte(`"a":2`), 1))
		},
		"a chain in its place": func(_, _, m object) {
			m["x509CertificateChain"] = object{"certificates": []any{m["certificate"]}}
			delete(m, "certificate")
		},
	} {
		bundle := edit(t, testFile(t, "keyless.json"), func(b, e, m map[string]any) { change(b, e, m) })
		var wrong *VerifyError
		if v, err := VerifyCertificate(bundle, image, roots); !errors.As(err, &wrong) || v != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Without the entry it is the same signature, which no log has.
	bundle := edit(t, testFile(t, "keyless.json"), func(_, _, m map[string]any) { delete(m, "tlogEntries") })
	if v, err := VerifyCertificate(bundle, image, roots); err != nil || v.Marks[0].Logged {
		t.Errorf("without the entry: %v, %v", v, err)
	}
	if _, err := VerifyCertificate(testFile(t, "keyless.json"), digest.FromString("another image"), roots); err == nil {
		t.Error("the bundle of another image was accepted")
	}
}

// TestReadCertificate: what doesn't say in one way who signed is refused.
func TestReadCertificate(t *testing.T) {
	text := func(n int, value string) pkix.Extension {
		der, err := asn1.MarshalWithParams(value, "utf8")
		if err != nil {
			t.Fatal(err)
		}
		return pkix.Extension{Id: append(append(asn1.ObjectIdentifier{}, fulcioArc...), n), Value: der}
	}
	uri := func(s string) *url.URL {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	p256 := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	for name, c := range map[string]struct {
		key    crypto.Signer
		change func(c *x509.Certificate)
		want   string // the subject, or what is wrong
	}{
		"a URI":                         {p256, nil, "https://a.example//b@c"},
		"a mail address":                {p256, func(c *x509.Certificate) { c.URIs, c.EmailAddresses = nil, []string{"a@b.example"} }, "a@b.example"},
		"both":                          {p256, func(c *x509.Certificate) { c.EmailAddresses = []string{"a@b.example"} }, "2 alternative names"},
		"two":                           {p256, func(c *x509.Certificate) { c.URIs = append(c.URIs, uri("https://b.example")) }, "2 alternative names"},
		"none":                          {p256, func(c *x509.Certificate) { c.URIs = nil }, "no alternative name"},
		"a host":                        {p256, func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, []string{"a.example"} }, "neither a URI nor"},
		"no issuer":                     {p256, func(c *x509.Certificate) { c.ExtraExtensions = nil }, "who knows"},
		"an empty issuer":               {p256, func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{text(8, "")} }, "who knows"},
		"an issuer without an encoding": {p256, func(c *x509.Certificate) { c.ExtraExtensions[0].Value = []byte("https://a.example") }, "no text"},
		"an older issuer alone": {p256, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: text(1, "").Id, Value: []byte("https://a.example")}}
		}, "who knows"},
		"bytes after a text": {p256, func(c *x509.Certificate) { c.ExtraExtensions[0].Value = append(c.ExtraExtensions[0].Value, 0) }, "no text"},
		"P-384":              {must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)), nil, "P-256"},
		"RSA":                {must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048)), nil, "P-256"},
		"an unknown one":     {p256, func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, text(99, "x")) }, "https://a.example//b@c"},
	} {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), URIs: []*url.URL{uri("https://a.example//b@c")},
			ExtraExtensions: []pkix.Extension{text(8, "https://a.example"), text(23, "release")},
		}
		if c.change != nil {
			c.change(template)
		}
		der := must[[]byte](t)(x509.CreateCertificate(rand.Reader, template, template, c.key.Public(), c.key))
		got, _, err := readCertificate(der)
		if err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %s", name, err, c.want)
			}
			continue
		}
		extensions := map[string]string{"deployment-environment": "release"}
		if name == "an unknown one" {
			extensions["1.3.6.1.4.1.57264.1.99"] = "x"
		}
		if got.Subject != c.want || got.Issuer != "https://a.example" || !maps.Equal(got.Extensions, extensions) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, _, err := readCertificate([]byte("none")); err == nil {
		t.Error("read what is no certificate")
	}
}

func FuzzVerifyCertificate(f *testing.F) {
	good := testFile(f, "keyless.json")
	roots := []*TrustedRoot{rootOf(f, "ours", nil)}
	f.Add(good)
	f.Add(testFile(f, "keyed.json"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := VerifyCertificate(b, image, roots)
		if err == nil && (!bytes.Equal(v.Statement, statementOf(image)) || !strings.HasPrefix(v.Certificate.Subject, "https://gitlab.example.org/")) {
			t.Fatalf("accepted %+v", v)
		}
	})
}
