package sign

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
	"errors"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

var image = digest.FromString("an image")

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func statementOf(d digest.Digest) []byte {
	return []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"` +
		d.Encoded() + `"}}],"predicateType":"https://example.org/p","predicate":{"a":1}}`)
}

func newKey(t testing.TB) *Key {
	t.Helper()
	private, _, err := GenerateKey([]byte("pass"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := OpenKey(private, []byte("pass"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signed(t testing.TB, key *Key, statement []byte) []byte {
	t.Helper()
	b, err := key.Sign(context.Background(), statement)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	for _, password := range []string{"", "correct horse"} {
		private, public, err := GenerateKey([]byte(password))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(private, []byte("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n")) {
			t.Errorf("private key starts with %.50q", private)
		}
		key, err := OpenKey(private, []byte(password))
		if err != nil {
			t.Fatal(err)
		}
		pub, err := OpenPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(key.Public().PEM(), public) || pub.ID() != key.Public().ID() {
			t.Error("the two files hold different keys")
		}
		v, err := pub.Verify(signed(t, key, statementOf(image)), image)
		if err != nil {
			t.Fatal(err)
		}
		if id, err := BundleKey(signed(t, key, statementOf(image))); err != nil || id != pub.ID() {
			t.Errorf("BundleKey: %q, %v", id, err)
		}
		if !bytes.Equal(v.Statement, statementOf(image)) || v.PredicateType != "https://example.org/p" {
			t.Errorf("got %s of type %s", v.Statement, v.PredicateType)
		}
	}
}

// TestBundleShape asks for exactly the members that docs/evidence.md shows.
func TestBundleShape(t *testing.T) {
	key := newKey(t)
	var b map[string]any
	if err := json.Unmarshal(signed(t, key, statementOf(image)), &b); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(key.public.der)
	material := b["verificationMaterial"].(map[string]any)
	if got := material["publicKey"].(map[string]any)["hint"]; got != base64.StdEncoding.EncodeToString(sum[:]) {
		t.Errorf("hint is %v", got)
	}
	if len(material) != 1 {
		t.Errorf("verificationMaterial has %v", material)
	}
	envelope := b["dsseEnvelope"].(map[string]any)
	if got := len(envelope["signatures"].([]any)); got != 1 {
		t.Errorf("%d signatures", got)
	}
	if envelope["payloadType"] != PayloadType || b["mediaType"] != BundleMediaType {
		t.Errorf("payloadType %v, mediaType %v", envelope["payloadType"], b["mediaType"])
	}
}

func TestSignRefuses(t *testing.T) {
	key := newKey(t)
	st := string(statementOf(image))
	for name, bad := range map[string]string{
		"no JSON":         "x",
		"v0.1":            strings.Replace(st, "Statement/v1", "Statement/v0.1", 1),
		"no subject":      strings.Replace(st, `[{"digest":{"sha256":"`+image.Encoded()+`"}}]`, "[]", 1),
		"sha512 only":     strings.Replace(st, `"sha256":"`+image.Encoded(), `"sha512":"`+strings.Repeat("a", 128), 1),
		"upper-case hex":  strings.Replace(st, image.Encoded(), strings.ToUpper(image.Encoded()), 1),
		"duplicate name":  strings.Replace(st, `"predicate":`, `"predicateType":"x","predicate":`, 1),
		"no predicate":    strings.Replace(st, `,"predicate":{"a":1}`, "", 1),
		"unknown member":  strings.Replace(st, `"predicate":`, `"more":1,"predicate":`, 1),
		"trailing object": st + "{}",
	} {
		var want *StatementError
		if b, err := key.Sign(context.Background(), []byte(bad)); !errors.As(err, &want) || b != nil {
			t.Errorf("%s: got bundle %.20q, error %v", name, b, err)
		}
	}
	var limit *LimitError
	if _, err := key.Sign(context.Background(), make([]byte, MaxStatement+1)); !errors.As(err, &limit) {
		t.Errorf("too large: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := key.Sign(ctx, statementOf(image)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestLargestStatement shows that what Sign takes, Verify takes.
func TestLargestStatement(t *testing.T) {
	key := newKey(t)
	st := string(statementOf(image))
	st = strings.Replace(st, `"a":1`, `"a":"`+strings.Repeat("x", MaxStatement-len(st)-2)+`"`, 1)
	if _, err := key.public.Verify(signed(t, key, []byte(st)), image); err != nil {
		t.Fatal(err)
	}
}

// edit returns bundle with change applied to its JSON.
func edit(t testing.TB, bundle []byte, change func(b, envelope, material map[string]any)) []byte {
	t.Helper()
	var b map[string]any
	if err := json.Unmarshal(bundle, &b); err != nil {
		t.Fatal(err)
	}
	change(b, b["dsseEnvelope"].(map[string]any), b["verificationMaterial"].(map[string]any))
	out, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestVerifyRefuses(t *testing.T) {
	key, other := newKey(t), newKey(t)
	good := signed(t, key, statementOf(image))
	payload := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	type object = map[string]any
	for name, change := range map[string]func(b, envelope, material object){
		"media type v0.2": func(b, _, _ object) { b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2" },
		"media type v0.4": func(b, _, _ object) { b["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.4+json" },
		"no media type":   func(b, _, _ object) { delete(b, "mediaType") },
		"unknown member":  func(b, _, _ object) { b["more"] = 1 },
		"payload type":    func(_, e, _ object) { e["payloadType"] = "text/plain" },
		"payload": func(_, e, _ object) {
			e["payload"] = payload(strings.Replace(string(statementOf(image)), `"a":1`, `"a":2`, 1))
		},
		"no signature":    func(_, e, _ object) { e["signatures"] = []any{} },
		"empty signature": func(_, e, _ object) { e["signatures"] = []any{object{"sig": ""}} },
		"two signatures": func(_, e, _ object) {
			s := e["signatures"].([]any)
			e["signatures"] = []any{s[0], s[0]}
		},
		"no hint":     func(_, _, m object) { m["publicKey"] = object{} },
		"other hint":  func(_, _, m object) { m["publicKey"] = object{"hint": other.public.ID()} },
		"no material": func(b, _, _ object) { delete(b, "verificationMaterial") },
		"no envelope": func(b, _, _ object) { delete(b, "dsseEnvelope") },
		"a message": func(b, _, _ object) {
			delete(b, "dsseEnvelope")
			b["messageSignature"] = object{"messageDigest": object{"algorithm": "SHA2_256", "digest": payload("x")}, "signature": payload("y")}
		},
		"a certificate": func(_, _, m object) {
			delete(m, "publicKey")
			m["certificate"] = object{"rawBytes": payload("not one")}
		},
	} {
		v, err := key.public.Verify(edit(t, good, change), image)
		var want *VerifyError
		if !errors.As(err, &want) || v != nil {
			t.Errorf("%s: got %v, error %v", name, v, err)
		}
	}
}

func TestVerifyOthers(t *testing.T) {
	key, other := newKey(t), newKey(t)
	good := signed(t, key, statementOf(image))

	var otherKey *OtherKeyError
	if _, err := other.public.Verify(good, image); !errors.As(err, &otherKey) || otherKey.Got != key.public.ID() {
		t.Errorf("other key: %v", err)
	}
	lie := edit(t, good, func(_, _, m map[string]any) { m["publicKey"] = map[string]any{"hint": other.public.ID()} })
	if _, err := other.public.Verify(lie, image); err == nil {
		t.Errorf("a hint that lies: %v", err)
	}
	if _, err := key.public.Verify(good, digest.FromString("another image")); err == nil {
		t.Error("the bundle of another image was accepted")
	}
	for _, d := range []digest.Digest{"", "sha256:", digest.SHA512.FromString("x"), "sha256:" + digest.Digest(strings.ToUpper(image.Encoded()))} {
		if _, err := key.public.Verify(good, d); err == nil {
			t.Errorf("subject %q was accepted", d)
		}
	}
	var limit *LimitError
	if _, err := key.public.Verify(make([]byte, MaxBundle+1), image); !errors.As(err, &limit) {
		t.Errorf("too large: %v", err)
	}
}

// TestManyValues: what is small, and would take a hundred times as much memory once
// it is decoded, is not decoded.
func TestManyValues(t *testing.T) {
	key := newKey(t)
	good := signed(t, key, statementOf(image))
	many := func(n int) []any {
		all := make([]any, n)
		for i := range all {
			all[i] = map[string]any{}
		}
		return all
	}
	st := func(n int) string {
		return base64.StdEncoding.EncodeToString([]byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[` + strings.Repeat(`{"name":"a,[{\\\"",`+"\"digest\":{}},", n) + `{}]}`))
	}
	for name, c := range map[string]struct {
		bad  []byte
		unit string // of the limit, "" when something else is wrong
	}{
		"signatures":     {edit(t, good, func(_, e, _ map[string]any) { e["signatures"] = many(5000) }), "values"},
		"log entries":    {edit(t, good, func(_, _, m map[string]any) { m["tlogEntries"] = many(5000) }), "values"},
		"some entries":   {edit(t, good, func(_, _, m map[string]any) { m["tlogEntries"] = many(1500) }), ""},
		"subjects":       {edit(t, good, func(_, e, _ map[string]any) { e["payload"] = st(15000) }), "values"},
		"fewer subjects": {edit(t, good, func(_, e, _ map[string]any) { e["payload"] = st(9000) }), ""},
		"nested": {edit(t, good, func(_, e, _ map[string]any) {
			e["payload"] = base64.StdEncoding.EncodeToString([]byte(strings.Repeat("[", 41000)))
		}), "values"},
		"commas in texts": {edit(t, good, func(b, _, _ map[string]any) { b["mediaType"] = strings.Repeat(`{[,\"`, 5000) }), ""},
	} {
		_, err := key.public.Verify(c.bad, image)
		var limit *LimitError
		if is := errors.As(err, &limit); err == nil || is != (c.unit != "") || is && limit.Unit != c.unit {
			t.Errorf("%s: %.200v", name, err)
		}
		if _, err := BundleKey(c.bad); errors.As(err, &limit) != (c.unit != "") {
			t.Errorf("%s: key: %.200v", name, err)
		}
	}
}

func pemOf(t *testing.T, kind string, key any, seal bool) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if seal {
		if der, err = encrypted.Encrypt(der, nil); err != nil {
			t.Fatal(err)
		}
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestOpenKey(t *testing.T) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{pemPrivate, pemPrivateLegacy} {
		if _, err := OpenKey(pemOf(t, kind, p256, true), nil); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	// sigstore's own library writes what OpenKey reads.
	theirs, _, err := cryptoutils.GeneratePEMEncodedECDSAKeyPair(elliptic.P256(), cryptoutils.StaticPasswordFunc([]byte("p")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKey(theirs, []byte("p")); err != nil {
		t.Errorf("sigstore's key: %v", err)
	}

	var passphrase *PassphraseError
	if _, err := OpenKey(theirs, []byte("q")); !errors.As(err, &passphrase) || passphrase.Empty {
		t.Errorf("wrong passphrase: %v", err)
	}
	if _, err := OpenKey(theirs, nil); !errors.As(err, &passphrase) || !passphrase.Empty {
		t.Errorf("no passphrase: %v", err)
	}

	sealed := func(old, new string) []byte {
		block, _ := pem.Decode(theirs)
		b := bytes.Replace(block.Bytes, []byte(old), []byte(new), 1)
		if bytes.Equal(b, block.Bytes) {
			t.Fatalf("%s is not in %s", old, block.Bytes)
		}
		return pem.EncodeToMemory(&pem.Block{Type: pemPrivate, Bytes: b})
	}
	for name, file := range map[string][]byte{
		"empty":       nil,
		"public":      mustPublic(t, p256),
		"unencrypted": pemOf(t, "PRIVATE KEY", p256, false),
		"P-384":       pemOf(t, pemPrivate, p384, true),
		"two blocks":  append(pemOf(t, pemPrivate, p256, true), pemOf(t, pemPrivate, p256, true)...),
		"dear scrypt": sealed(`"N":65536`, `"N":1073741824`),
		"other kdf":   sealed(`"scrypt"`, `"argon2"`),
		"other box":   sealed(`nacl/secretbox`, `aes`),
		"short nonce": sealed(`"nonce":"`, `"nonce":"","x":"`),
		"too large":   bytes.Repeat([]byte("\n"), maxKeyFile+1),
	} {
		var want *KeyError
		if k, err := OpenKey(file, []byte("p")); name != "P-384" && (!errors.As(err, &want) || k != nil) {
			t.Errorf("%s: %v", name, err)
		}
		if k, err := OpenKey(file, nil); !errors.As(err, &want) || k != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, file := range map[string][]byte{
		"empty":   nil,
		"private": theirs,
		"P-384":   mustPublic(t, p384),
		"twice":   append(mustPublic(t, p256), mustPublic(t, p256)...),
		"no DER":  pem.EncodeToMemory(&pem.Block{Type: pemPublic, Bytes: []byte("x")}),
	} {
		var want *KeyError
		if k, err := OpenPublicKey(file); !errors.As(err, &want) || k != nil {
			t.Errorf("public key, %s: %v", name, err)
		}
	}
}

func mustPublic(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	b, err := cryptoutils.MarshalPublicKeyToPEM(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBundleKeyRefuses(t *testing.T) {
	good := signed(t, newKey(t), statementOf(image))
	for name, bad := range map[string][]byte{
		"no JSON": []byte("x"),
		"no key":  edit(t, good, func(_, _, m map[string]any) { delete(m["publicKey"].(map[string]any), "hint") }),
		"large":   bytes.Repeat([]byte(" "), MaxBundle+1),
	} {
		if id, err := BundleKey(bad); err == nil {
			t.Errorf("%s: %q", name, id)
		}
	}
}

func TestStatementUnsafe(t *testing.T) {
	good := signed(t, newKey(t), statementOf(image))
	if got, err := StatementUnsafe(good); err != nil || !bytes.Equal(got, statementOf(image)) {
		t.Errorf("%s, %v", got, err)
	}
	for _, bad := range [][]byte{nil, []byte("{}"), bytes.Repeat([]byte(" "), MaxBundle+1), bytes.Replace(good, []byte("in-toto"), []byte("x"), 1)} {
		if got, err := StatementUnsafe(bad); err == nil {
			t.Errorf("%.80q has %s", bad, got)
		}
	}
}

func FuzzVerify(f *testing.F) {
	key := newKey(f)
	good := signed(f, key, statementOf(image))
	f.Add(good)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"mediaType":"` + BundleMediaType + `","verificationMaterial":{"publicKey":{}},"dsseEnvelope":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := key.public.Verify(b, image)
		if err == nil && !bytes.Equal(v.Statement, statementOf(image)) {
			t.Fatalf("accepted the statement %s", v.Statement)
		}
		// Nothing is verified by that, but it reads the same.
		if unsafe, unsafeErr := StatementUnsafe(b); err == nil && (unsafeErr != nil || !bytes.Equal(unsafe, v.Statement)) {
			t.Fatalf("%v: %s", unsafeErr, unsafe)
		}
	})
}

func FuzzOpenKey(f *testing.F) {
	private, public, err := GenerateKey(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(private)
	f.Add(public)
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := OpenPublicKey(b); err == nil && p.ecdsa.Curve != elliptic.P256() {
			t.Fatal("a key on another curve")
		}
		block, err := onePEM(b, pemPrivate)
		if err == nil {
			_ = checkSealed(block.Bytes)
		}
	})
}
