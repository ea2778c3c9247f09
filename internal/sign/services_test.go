package sign

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

var testTime = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// asked is what a test's services were asked.
type asked struct{ requests []Request }

// answers returns what sends requests to nobody: answer says what comes back.
func (a *asked) answers(answer func(r Request) ([]byte, error)) Post {
	return func(_ context.Context, r Request) ([]byte, error) {
		a.requests = append(a.requests, r)
		return answer(r)
	}
}

func servicesOf(t testing.TB, post Post, edit func(o object)) (*Services, error) {
	t.Helper()
	config := testFile(t, "signing_config.json")
	if edit != nil {
		config = change(t, config, edit)
	}
	return OpenServices(config, rootOf(t, "ours", nil), post, testTime)
}

func testToken(t testing.TB) *Token {
	t.Helper()
	return must[*Token](t)(OpenToken([]byte(webToken(`{"sub":"me","exp":1800000000}`)), testTime))
}

func webToken(claims string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

// TestRequests: the services are asked for what they have to be, with what they need
// to know and nothing else, and the token goes to the authority alone.
func TestRequests(t *testing.T) {
	var a asked
	fail := errors.New("closed")
	services := must[*Services](t)(servicesOf(t, a.answers(func(Request) ([]byte, error) { return nil, fail }), nil))
	key := must[*Key](t)(generate())
	var wrong *ServiceError
	_, err := key.With(services).Sign(context.Background(), statementOf(image))
	if !errors.As(err, &wrong) || wrong.Service != TransparencyLog || wrong.URL != "http://127.0.0.1:3003/api/v2/log/entries" || !errors.Is(err, fail) {
		t.Errorf("log: %v", err)
	}
	var entry struct {
		R struct {
			Digest    []byte
			Signature struct {
				Content  []byte
				Verifier struct {
					KeyDetails string
					PublicKey  struct{ RawBytes []byte }
				}
			}
		} `json:"hashedRekordRequestV002"`
	}
	if err := json.Unmarshal(a.requests[0].Body, &entry); err != nil {
		t.Fatal(err)
	}
	public, err := x509.ParsePKIXPublicKey(entry.R.Signature.Verifier.PublicKey.RawBytes)
	if err != nil || !key.public.ecdsa.Equal(public) || len(entry.R.Digest) != 32 || len(entry.R.Signature.Content) == 0 {
		t.Errorf("entry: %+v", entry)
	}

	a = asked{}
	services = must[*Services](t)(servicesOf(t, a.answers(func(Request) ([]byte, error) { return nil, fail }), without("rekorTlogUrls")))
	_, err = key.With(services).Sign(context.Background(), statementOf(image))
	if !errors.As(err, &wrong) || wrong.Service != TimestampAuthority || wrong.URL != "http://127.0.0.1:3006/api/v1/timestamp" {
		t.Errorf("timestamp: %v", err)
	}
	var stamp timestampRequest
	if rest, err := asn1.Unmarshal(a.requests[0].Body, &stamp); err != nil || len(rest) > 0 || stamp.Version != 1 || len(stamp.Imprint.Message) != 32 {
		t.Errorf("%+v, %v", stamp, err)
	}

	a = asked{}
	services = must[*Services](t)(servicesOf(t, a.answers(func(Request) ([]byte, error) { return nil, fail }), nil))
	_, err = must[*Key](t)(services.Keyless(testToken(t))).Sign(context.Background(), statementOf(image))
	if !errors.As(err, &wrong) || wrong.Service != CertificateAuthority || wrong.URL != "http://127.0.0.1:3011/api/v2/signingCert" {
		t.Errorf("certificate: %v", err)
	}
	var q certificateRequest
	if err := json.Unmarshal(a.requests[0].Body, &q); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(q.Request.Key.Content))
	if block == nil || q.Request.Key.Algorithm != "ECDSA" || a.requests[0].Token != webToken(`{"sub":"me","exp":1800000000}`) {
		t.Errorf("%+v", q)
	}
	for _, r := range a.requests {
		if r.Limit != maxAnswer || strings.Contains(err.Error(), r.Token) {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// TestAnswers: whatever a service answers but the truth, there is no bundle.
func TestAnswers(t *testing.T) {
	key := must[*Key](t)(generate())
	logged, err := json.Marshal(entry(material(t, "keyed.json")))
	if err != nil {
		t.Fatal(err)
	}
	stamp, err := base64.StdEncoding.DecodeString(stamps(material(t, "keyed.json"))[0].(object)["signedTimestamp"].(string))
	if err != nil {
		t.Fatal(err)
	}
	der := material(t, "keyless.json")["certificate"].(object)["rawBytes"].(string)
	chain := fmt.Sprintf(`{"signedCertificateEmbeddedSct":{"chain":{"certificates":[%q]}}}`, "-----BEGIN CERTIFICATE-----\n"+der+"\n-----END CERTIFICATE-----\n")
	for name, c := range map[string]struct {
		config  func(o object)
		answer  string
		keyless bool
		service Service
		other   bool // an OtherServiceError
	}{
		"a log's nonsense":            {without("tsaUrls"), "x", false, TransparencyLog, false},
		"a log's empty entry":         {without("tsaUrls"), "{}", false, "", false},
		"a log's other entry":         {without("tsaUrls"), string(logged), false, TransparencyLog, true},
		"an unknown member":           {without("tsaUrls"), `{"more":1}`, false, TransparencyLog, false},
		"a timestamp that is none":    {without("rekorTlogUrls"), "x", false, TimestampAuthority, true},
		"an empty timestamp":          {without("rekorTlogUrls"), "", false, TimestampAuthority, true},
		"another timestamp":           {without("rekorTlogUrls"), string(stamp), false, TimestampAuthority, true},
		"an authority's nonsense":     {nil, "x", true, CertificateAuthority, false},
		"no certificate":              {nil, "{}", true, CertificateAuthority, false},
		"a certificate that is none":  {nil, `{"signedCertificateDetachedSct":{"chain":{"certificates":["x"]}}}`, true, CertificateAuthority, false},
		"the certificate of another":  {without("rekorTlogUrls"), chain, true, TimestampAuthority, true},
		"a certificate, then nothing": {nil, chain, true, TransparencyLog, false},
	} {
		var a asked
		services := must[*Services](t)(servicesOf(t, a.answers(func(Request) ([]byte, error) { return []byte(c.answer), nil }), c.config))
		by := key.With(services)
		if c.keyless {
			by = must[*Key](t)(services.Keyless(testToken(t)))
		}
		b, err := by.Sign(context.Background(), statementOf(image))
		var service *ServiceError
		var other *OtherServiceError
		switch {
		case err == nil || b != nil:
			t.Errorf("%s: a bundle", name)
		case c.other:
			if !errors.As(err, &other) || other.Service != c.service {
				t.Errorf("%s: %v", name, err)
			}
		case c.service != "":
			if !errors.As(err, &service) || service.Service != c.service {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestDuplicate: a log that has the very signature already is asked once more, with
// another.
func TestDuplicate(t *testing.T) {
	var a asked
	services := must[*Services](t)(servicesOf(t, a.answers(func(Request) ([]byte, error) { return nil, &StatusError{Code: 409} }), nil))
	_, err := must[*Key](t)(generate()).With(services).Sign(context.Background(), statementOf(image))
	var status *StatusError
	if !errors.As(err, &status) || len(a.requests) != 2 || string(a.requests[0].Body) == string(a.requests[1].Body) {
		t.Errorf("asked %d times: %v", len(a.requests), err)
	}
}

// TestKeylessSignsStatementsAlone: a name in a registry and the trust root's metadata
// need a key that somebody has.
func TestKeylessSignsStatementsAlone(t *testing.T) {
	services := must[*Services](t)(servicesOf(t, new(asked).answers(nil), nil))
	key := must[*Key](t)(services.Keyless(testToken(t)))
	var wrong *KeyError
	if _, err := key.SignMetadata(context.Background(), map[string]any{"_type": "root"}); !errors.As(err, &wrong) {
		t.Error(err)
	}
	if _, _, err := key.SignReference(context.Background(), "a/b:1", image); !errors.As(err, &wrong) {
		t.Error(err)
	}
	if key.Public() != nil || key.Services() != services || must[*Key](t)(generate()).Services() != nil || (*Key)(nil).Services().String() != "" {
		t.Error("a key made for each statement has a public part")
	}
	if got := services.String(); got != "a transparency log and a timestamp authority" {
		t.Error(got)
	}
}

func TestOpenServicesRefuses(t *testing.T) {
	post := new(asked).answers(nil)
	url := func(member, value string) func(object) {
		return func(o object) { first(o, member)["url"] = value }
	}
	for name, edit := range map[string]func(o object){
		"another version":           func(o object) { o["mediaType"] = "application/vnd.dev.sigstore.signingconfig.v0.1+json" },
		"unknown member":            func(o object) { o["more"] = 1 },
		"no service":                func(o object) { delete(o, "rekorTlogUrls"); delete(o, "tsaUrls") },
		"no selector of logs":       without("rekorTlogConfig"),
		"no selector of stamps":     without("tsaConfig"),
		"more than there are":       func(o object) { o["tsaConfig"] = object{"selector": "EXACT", "count": 2} },
		"a log of version 1":        func(o object) { first(o, "rekorTlogUrls")["majorApiVersion"] = 1 },
		"an authority of version 2": func(o object) { first(o, "caUrls")["majorApiVersion"] = 2 },
		"services of the past":      func(o object) { first(o, "tsaUrls")["validFor"].(object)["end"] = "2026-11-01T00:00:00Z" },
		"services of the future":    func(o object) { first(o, "rekorTlogUrls")["validFor"].(object)["start"] = "2027-01-01T00:00:00Z" },
		"a log in plain":            url("rekorTlogUrls", "http://log.example"),
		"an authority in plain":     url("caUrls", "http://ca.example"),
		"a name of this machine":    url("tsaUrls", "http://127.0.0.1.example/"),
		"a user":                    url("tsaUrls", "https://a:b@tsa.example"),
		"a query":                   url("tsaUrls", "https://tsa.example/?a"),
		"a file":                    url("tsaUrls", "file:///etc/passwd"),
		"no host":                   url("tsaUrls", "https:///x"),
	} {
		var wrong *ConfigError
		if s, err := servicesOf(t, post, edit); !errors.As(err, &wrong) || s != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	var wrong *ConfigError
	for _, bad := range []string{"", "x", "null", "{}", `{"rekorTlogUrls":[null]}`} {
		if _, err := OpenServices([]byte(bad), rootOf(t, "x", nil), post, testTime); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	var limit *LimitError
	if _, err := OpenServices(make([]byte, MaxTrustedRoot+1), rootOf(t, "x", nil), post, testTime); !errors.As(err, &limit) {
		t.Error(err)
	}
	if _, err := OpenServices(testFile(t, "signing_config.json"), nil, post, testTime); !errors.As(err, &wrong) {
		t.Error(err)
	}
	for name, edit := range map[string]func(o object){"no authority": without("caUrls"), "no timestamps": without("tsaUrls")} {
		s := must[*Services](t)(servicesOf(t, post, edit))
		if _, err := s.Keyless(testToken(t)); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, good := range []string{"https://tsa.example/a/b", "http://localhost:1/", "http://[::1]:1", "http://127.0.0.2:1"} {
		if _, err := servicesOf(t, post, url("tsaUrls", good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestOpenToken(t *testing.T) {
	good := webToken(`{"sub":"me","exp":1800000000}`)
	if token, err := OpenToken([]byte(" "+good+"\n"), testTime); err != nil || token.raw != good || token.subject != "me" {
		t.Errorf("%v, %v", token, err)
	}
	if token, err := OpenToken([]byte(webToken(`{"sub":"me","email":"a@b.example","email_verified":true,"exp":1800000000}`)), testTime); err != nil || token.subject != "a@b.example" {
		t.Errorf("%v, %v", token, err)
	}
	for name, c := range map[string]struct {
		token   string
		expired bool
	}{
		"empty":               {"", false},
		"a word":              {"token", false},
		"four parts":          {good + ".x", false},
		"no base64":           {"a.!.c", false},
		"no JSON":             {"a.YQ.c", false},
		"no subject":          {webToken(`{"exp":1800000000}`), false},
		"an unverified email": {webToken(`{"sub":"me","email":"a@b.example","exp":1800000000}`), false},
		"no end":              {webToken(`{"sub":"me"}`), true},
		"expired":             {webToken(`{"sub":"me","exp":1764547200}`), true},
		"expires now":         {webToken(fmt.Sprintf(`{"sub":"me","exp":%d}`, testTime.Unix())), true},
	} {
		var wrong *TokenError
		token, err := OpenToken([]byte(c.token), testTime)
		if !errors.As(err, &wrong) || token != nil || wrong.Expired != c.expired {
			t.Errorf("%s: %v", name, err)
		}
	}
	var limit *LimitError
	if _, err := OpenToken(make([]byte, MaxToken+1), testTime); !errors.As(err, &limit) {
		t.Error(err)
	}
}
