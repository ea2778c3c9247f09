package apk

import (
	"archive/tar"
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseKey(t *testing.T) {
	want := &privateKeys()[0].PublicKey
	text := pemKey(t, want)
	got, err := ParseKey("k.rsa.pub", append(text, "\n \n"...))
	if err != nil || !got.Equal(want) {
		t.Fatal(got, err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	check(t, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(privateKeys()[0])})
	for name, b := range map[string][]byte{
		"nothing": nil, "text": []byte("key"), "two keys": append(bytes.Clone(text), text...), "truncated": text[:100],
		"1024 bits": pemKey(t, crypto.PublicKey(&small.PublicKey)), "elliptic": pemKey(t, &curve.PublicKey), "private": private,
		"other content": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}),
	} {
		_, err := ParseKey("k.rsa.pub", b)
		if got := wantError[*KeyError](t, err); got.Name != "k.rsa.pub" {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = ParseKey("k.rsa.pub", bytes.Repeat([]byte("x"), maxKey+1))
	wantError[*LimitError](t, err)
}

func TestRootfsKeys(t *testing.T) {
	a, b := string(pemKey(t, &privateKeys()[0].PublicKey)), string(pemKey(t, &privateKeys()[1].PublicKey))
	link := func(name, target string) file { return file{name: name, typ: tar.TypeSymlink, link: target} }
	keys := func(files ...file) (Keys, error) {
		return RootfsKeys("rootfs", bytes.NewReader(gz(t, tarball(t, false, files...))), "aarch64")
	}
	for name, test := range map[string]struct {
		files []file
		want  []string
	}{
		"etc alone":      {[]file{{name: "etc/apk/keys/a.rsa.pub", content: a}, {name: "./etc/apk/keys/b.rsa.pub", content: b}, {name: "etc/apk/keys/README"}}, []string{"a.rsa.pub", "b.rsa.pub"}},
		"another folder": {[]file{{name: "etc/apk/keys/a.rsa.pub", content: a}, {name: "etc/apk/keys/old/b.rsa.pub", content: b}}, []string{"a.rsa.pub"}},
		"narrowed": {[]file{
			{name: "etc/apk/keys/a.rsa.pub", content: a},
			{name: "etc/apk/keys/b.rsa.pub", content: b},
			{name: "usr/share/apk/keys/b.rsa.pub", content: b},
			link("usr/share/apk/keys/aarch64/b.rsa.pub", "../b.rsa.pub"),
			link("usr/share/apk/keys/x86/a.rsa.pub", "../a.rsa.pub"),
		}, []string{"b.rsa.pub"}},
		"absolute link": {[]file{link("etc/apk/keys/a.rsa.pub", "/usr/share/apk/keys/a.rsa.pub"), {name: "usr/share/apk/keys/a.rsa.pub", content: a}}, []string{"a.rsa.pub"}},
		"only shared":   {[]file{{name: "etc/apk/keys/a.rsa.pub", content: a}, {name: "usr/share/apk/keys/aarch64/a.rsa.pub", content: a}, {name: "usr/share/apk/keys/aarch64/c.rsa.pub", content: b}}, []string{"a.rsa.pub"}},
	} {
		got, err := keys(test.files...)
		check(t, err)
		if diff := cmp.Diff(test.want, got.Names()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, files := range map[string][]file{
		"none":        {{name: "etc/passwd"}},
		"other arch":  {{name: "etc/apk/keys/a.rsa.pub", content: a}, {name: "usr/share/apk/keys/aarch64/b.rsa.pub", content: b}},
		"two differ":  {{name: "etc/apk/keys/a.rsa.pub", content: a}, {name: "usr/share/apk/keys/aarch64/a.rsa.pub", content: b}},
		"no key":      {{name: "etc/apk/keys/a.rsa.pub", content: "x"}},
		"twice":       {{name: "etc/apk/keys/a.rsa.pub", content: a}, {name: "./etc/apk/keys/a.rsa.pub", content: b}},
		"dead link":   {link("etc/apk/keys/a.rsa.pub", "../../../../root/a.rsa.pub")},
		"link chain":  {link("etc/apk/keys/a.rsa.pub", "b.rsa.pub"), link("etc/apk/keys/b.rsa.pub", "a.rsa.pub")},
		"a folder":    {{name: "etc/apk/keys/a.rsa.pub", typ: tar.TypeDir}},
		"hidden name": {{name: "etc/apk/keys/.a.rsa.pub", content: a}},
		"odd name":    {{name: "etc/apk/keys/a\x1b[2J.rsa.pub", content: a}},
	} {
		_, err := keys(files...)
		if err == nil {
			t.Errorf("%s: keys were read", name)
			continue
		}
		wantError[*KeyError](t, err)
		if strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %q", name, err)
		}
	}
}

func TestRootfsFormat(t *testing.T) {
	raw := tarball(t, false, file{name: "etc/apk/keys/a.rsa.pub", content: string(pemKey(t, &privateKeys()[0].PublicKey))})
	for name, b := range map[string][]byte{
		"empty": nil, "no gzip": raw, "truncated": gz(t, raw)[:200], "no tar": gz(t, bytes.Repeat([]byte("x"), 1024)),
	} {
		_, err := RootfsKeys("rootfs", bytes.NewReader(b), "x86_64")
		if got := wantError[*FormatError](t, err); got.File != "rootfs" {
			t.Errorf("%s: %v", name, err)
		}
	}
	large := tarball(t, false, file{name: "etc/apk/keys/a.rsa.pub", content: strings.Repeat("x", maxKey+1)})
	_, err := RootfsKeys("rootfs", bytes.NewReader(gz(t, large)), "x86_64")
	wantError[*LimitError](t, err)
}
