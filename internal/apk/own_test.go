package apk

import (
	"bytes"
	"fmt"
	"testing"
)

// ownIndex is an index signed with key under each of the names.
func ownIndex(tb testing.TB, which int, names ...string) []byte {
	tb.Helper()
	archive := indexArchive(tb, entryText("foo", "1-r0"))
	return append(sign(tb, privateKeys()[which], archive, names...), archive...)
}

func TestReadOwnIndex(t *testing.T) {
	key := string(pemKey(t, &privateKeys()[1].PublicKey))
	const name = "own@example.org-1.rsa.pub"
	index, keys, err := ReadOwnIndex("own", ownIndex(t, 1, ".SIGN.RSA."+name), key)
	check(t, err)
	if index.Key != name || len(index.Packages) != 1 || fmt.Sprint(keys.Names()) != "["+name+"]" {
		t.Errorf("signed by %s, keys %v, %d packages", index.Key, keys.Names(), len(index.Packages))
	}

	// One of several signatures is the key's.
	archive := indexArchive(t, entryText("foo", "1-r0"))
	var both []file
	for which, name := range []string{testKey, name} {
		s, _, err := cutSignatures("x", append(sign(t, privateKeys()[which], archive, ".SIGN.RSA."+name), archive...))
		check(t, err)
		both = append(both, file{name: ".SIGN.RSA." + name, content: string(s[0].sig)})
	}
	signed := append(gz(t, tarball(t, true, both...)), archive...)
	index, _, err = ReadOwnIndex("own", signed, key)
	check(t, err)
	if index.Key != name {
		t.Errorf("signed by %s, want %s", index.Key, name)
	}
}

func TestReadOwnIndexRefuses(t *testing.T) {
	key := string(pemKey(t, &privateKeys()[1].PublicKey))
	const name = ".SIGN.RSA.own@example.org-1.rsa.pub"
	wrong := func(b []byte) {
		t.Helper()
		index, keys, err := ReadOwnIndex("own", b, key)
		wantError[*SignatureError](t, err)
		if index != nil || keys != nil {
			t.Error("an index beside the error")
		}
	}
	wrong(ownIndex(t, 0, name))                      // another key of the same name
	wrong(ownIndex(t, 0, sha1Name))                  // a key of another repository
	wrong(ownIndex(t, 0))                            // no signature in the archive
	wrong(indexArchive(t, entryText("foo", "1-r0"))) // no signatures at all
	signed := ownIndex(t, 1, name)
	if _, _, err := ReadOwnIndex("own", flip(signed, len(signed)-9), key); err == nil {
		t.Error("a flipped bit is taken")
	}
	if _, _, err := ReadOwnIndex("own", signed, "no key"); err == nil {
		t.Error("no key is taken for one")
	}
	for _, name := range []string{"own", "own.pub", "a b.rsa.pub", "$(x).rsa.pub", "-x.rsa.pub", ".rsa.pub", "../x.rsa.pub", "/x.rsa.pub", "'.rsa.pub"} {
		if _, _, err := ReadOwnIndex("own", ownIndex(t, 1, ".SIGN.RSA."+name), key); err == nil {
			t.Errorf("%q is taken for the name of a key", name)
		}
	}
	if bytes.Equal(pemKey(t, &privateKeys()[0].PublicKey), []byte(key)) {
		t.Error("the test's keys are the same")
	}
}
