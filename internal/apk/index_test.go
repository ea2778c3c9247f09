package apk

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rsa"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const fullEntry = `C:Q1eJ+zHwWsbDeVxbpH9kqZyxI8VPw=
P:foo
V:1.2_p3-r4
A:aarch64
S:123
I:4096
T:An example: with = signs
U:https://example.org/
L:MIT AND BSD-2-Clause
o:foo-src
m:A Person <a@example.org>
t:1714521600
c:0123456789abcdef0123456789abcdef01234567
D:bar>1 !baz so:libc.musl-aarch64.so.1
p:cmd:foo=1.2_p3-r4 foo-virtual
i:docs foo=1.2_p3-r4
k:10
q:later

`

func TestReadIndex(t *testing.T) {
	x, err := ReadIndex("i", signed(t, indexArchive(t, fullEntry+entryText("bar", "1-r0"))), testKeys())
	check(t, err)
	sum, err := parseChecksum("Q1eJ+zHwWsbDeVxbpH9kqZyxI8VPw=")
	check(t, err)
	want := &Index{
		Description: "v1-test", Key: testKey, Time: 1718724996,
		Packages: []Package{{
			Name: "foo", Version: "1.2_p3-r4", Arch: "aarch64", Size: 123, InstalledSize: 4096, Checksum: sum,
			Description: "An example: with = signs", URL: "https://example.org/", License: "MIT AND BSD-2-Clause",
			Origin: "foo-src", Maintainer: "A Person <a@example.org>", BuildTime: 1714521600,
			Commit:  "0123456789abcdef0123456789abcdef01234567",
			Depends: []string{"bar>1", "!baz", "so:libc.musl-aarch64.so.1"}, Provides: []string{"cmd:foo=1.2_p3-r4", "foo-virtual"},
			InstallIf: []string{"docs", "foo=1.2_p3-r4"}, ProviderPriority: 10,
		}, {Name: "bar", Version: "1-r0", Arch: "x86_64", Size: 1}},
	}
	if diff := cmp.Diff(want, x, cmpopts.IgnoreUnexported(Index{})); diff != "" {
		t.Errorf("index (-want +got):\n%s", diff)
	}
	if s := x.Packages[0].Checksum.String(); s != "Q1eJ+zHwWsbDeVxbpH9kqZyxI8VPw=" {
		t.Errorf("checksum %s", s)
	}
}

func TestFind(t *testing.T) {
	var list strings.Builder
	for _, version := range []string{"1.2-r0", "1.10-r0", "1.9_rc1", "not.one", "1.9"} {
		list.WriteString(entryText("foo", version))
	}
	x, err := ReadIndex("i", signed(t, indexArchive(t, list.String()+entryText("bar", "1"))), testKeys())
	check(t, err)
	var got []string
	for _, p := range x.Find("foo") {
		got = append(got, p.Version)
	}
	if diff := cmp.Diff([]string{"1.10-r0", "1.9", "1.9_rc1", "1.2-r0", "not.one"}, got); diff != "" {
		t.Errorf("newest first (-want +got):\n%s", diff)
	}
	if x.Find("baz") != nil || len(x.Packages) != 6 {
		t.Errorf("found %v of %d", x.Find("baz"), len(x.Packages))
	}
}

func TestEmptyIndex(t *testing.T) {
	x, err := ReadIndex("i", signed(t, indexArchive(t, "")), testKeys())
	if err != nil || len(x.Packages) != 0 {
		t.Error(x, err)
	}
}

func TestUninstallable(t *testing.T) {
	x, err := ReadIndex("i", signed(t, indexArchive(t, strings.TrimSuffix(entryText("foo", "1"), "\n")+"X:new\n")), testKeys())
	check(t, err)
	if !x.Packages[0].Uninstallable {
		t.Error("a field that apk 2 doesn't know was overlooked")
	}
}

func TestSignatures(t *testing.T) {
	archive := indexArchive(t, entryText("foo", "1"))
	mine, other := privateKeys()[0], privateKeys()[1]
	with := func(key *rsa.PrivateKey, names ...string) []byte {
		return append(sign(t, key, archive, names...), archive...)
	}
	const stranger = ".SIGN.RSA.else@example.org-1.rsa.pub"
	for name, b := range map[string][]byte{
		"SHA-1": with(mine, sha1Name), "SHA-256": with(mine, sha256Name), "both": with(mine, sha1Name, sha256Name),
		"one of a stranger too": with(mine, stranger, sha1Name), "an unknown kind too": with(mine, ".SIGN.DSA."+testKey, sha256Name),
	} {
		if x, err := ReadIndex("i", b, testKeys()); err != nil || x.Key != testKey {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, test := range map[string]struct {
		b    []byte
		keys Keys
		want SignatureError
	}{
		"not signed":        {archive, testKeys(), SignatureError{File: "i"}},
		"no signatures":     {append(gz(t, tarball(t, false)), archive...), testKeys(), SignatureError{File: "i"}},
		"stranger":          {with(mine, stranger), testKeys(), SignatureError{File: "i", Signers: []string{stranger[10:]}, Keys: []string{testKey}}},
		"no keys":           {with(mine, sha1Name), nil, SignatureError{File: "i", Signers: []string{testKey}}},
		"another's key":     {with(other, sha1Name), testKeys(), SignatureError{File: "i", Signers: []string{testKey}, Keys: []string{testKey}, Key: testKey}},
		"another's SHA-256": {with(other, sha256Name), testKeys(), SignatureError{File: "i", Signers: []string{testKey}, Keys: []string{testKey}, Key: testKey}},
		"key of another repository": {
			with(mine, sha1Name),
			Keys{"b.rsa.pub": &other.PublicKey},
			SignatureError{File: "i", Signers: []string{testKey}, Keys: []string{"b.rsa.pub"}},
		},
		"only an unknown kind": {with(mine, ".SIGN.DSA."+testKey), testKeys(), SignatureError{File: "i", Signers: []string{testKey}, Keys: []string{testKey}}},
		"one right, one wrong": {
			append(gz(t, append(tarball(t, true, file{name: sha256Name, content: "x"}), ungz(t, sign(t, mine, archive, sha1Name))...)), archive...), testKeys(),
			SignatureError{File: "i", Signers: []string{testKey, testKey}, Keys: []string{testKey}, Key: testKey},
		},
		"other bytes": {append(sign(t, mine, archive[1:], sha1Name), archive...), testKeys(), SignatureError{File: "i", Signers: []string{testKey}, Keys: []string{testKey}, Key: testKey}},
		"more bytes":  {append(with(mine, sha1Name), 0), testKeys(), SignatureError{File: "i", Signers: []string{testKey}, Keys: []string{testKey}, Key: testKey}},
	} {
		_, err := ReadIndex("i", test.b, test.keys)
		got := wantError[*SignatureError](t, err)
		if diff := cmp.Diff(&test.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if !strings.HasPrefix(got.Error(), "i: ") || strings.Contains(got.Error(), "%!") {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func ungz(tb testing.TB, b []byte) []byte {
	tb.Helper()
	_, content, _, err := splitMember("test", b, 1<<20)
	check(tb, err)
	return content
}

func TestSigners(t *testing.T) {
	archive := indexArchive(t, "")
	got, err := SignersUnsafe("i", append(sign(t, privateKeys()[1], archive, ".SIGN.RSA.b.rsa.pub", sha256Name), archive...))
	if diff := cmp.Diff([]string{"b.rsa.pub", testKey}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	_, err = SignersUnsafe("i", archive)
	wantError[*SignatureError](t, err)
	for _, name := range []string{".SIGN.RSA.", ".SIGN.RSA", ".SIGN.RSA.../../key", ".SIGN.RSA.a/b", ".SIGN.RSA..", ".SIGN.RSA.a\x1b[2J", ".SIGN.RSA.a b"} {
		_, err := SignersUnsafe("i", sign(t, privateKeys()[1], archive, name))
		wantError[*FormatError](t, err)
	}
}

// What is signed and still no index.
func TestIndexRefused(t *testing.T) {
	minimal := entryText("foo", "1")
	list := func(s string) []byte { return indexArchive(t, s) }
	with := func(field string) []byte { return list(strings.TrimSuffix(minimal, "\n") + field + "\n\n") }
	without := func(letter string) []byte {
		var kept []string
		for line := range strings.SplitSeq(minimal, "\n") {
			if !strings.HasPrefix(line, letter+":") {
				kept = append(kept, line)
			}
		}
		return list(strings.Join(kept, "\n"))
	}
	whole := list(minimal)
	index := file{name: "APKINDEX", content: minimal}
	raw := tarball(t, false, index)
	cases := map[string][]byte{
		"empty": {}, "not gzip": []byte("APKINDEX"), "truncated": whole[:len(whole)-9], "gzip header only": whole[:10],
		"broken checksum":  flip(whole, len(whole)-5),
		"trailing byte":    append(bytes.Clone(whole), 0),
		"a second index":   append(bytes.Clone(whole), whole...),
		"after the tar":    gz(t, append(bytes.Clone(raw), 'x')),
		"truncated tar":    gz(t, raw[:540]),
		"no APKINDEX":      gz(t, tarball(t, false, file{name: "DESCRIPTION"})),
		"two APKINDEX":     gz(t, tarball(t, false, index, index)),
		"another entry":    gz(t, tarball(t, false, index, file{name: "x"})),
		"a signature":      gz(t, tarball(t, false, file{name: sha1Name}, index)),
		"a link":           gz(t, tarball(t, false, file{name: "APKINDEX", typ: tar.TypeSymlink, link: "/etc/passwd"})),
		"sparse":           gz(t, sparse(t, "APKINDEX")),
		"description":      gz(t, tarball(t, false, file{name: "DESCRIPTION", content: "\x1b[2J"}, index)),
		"no name":          without("P"),
		"no version":       without("V"),
		"no architecture":  without("A"),
		"no size":          without("S"),
		"no checksum":      without("C"),
		"field twice":      with("P:foo"),
		"no field":         with("hello"),
		"no letter":        with("1:x"),
		"one letter":       with("T"),
		"control":          with("T:a\tb"),
		"carriage return":  with("T:a\r"),
		"terminal":         with("T:\x1b]0;x\x07"),
		"negative size":    with("I:-1"),
		"no number":        with("t:1x"),
		"large number":     with("k:9223372036854775808"),
		"SHA-256 checksum": list(strings.Replace(minimal, "C:Q1", "C:Q2", 1)),
		"short checksum":   list(strings.Replace(minimal, "C:Q1AA", "C:Q1", 1)),
		"21 bytes":         list(strings.Replace(minimal, "A=\nP", "AA\nP", 1)),
		"no base64":        list(strings.Replace(minimal, "C:Q1AA", "C:Q1!!", 1)),
		"within a line":    list("C:Q1"),
		"two empty lines":  list(minimal + "\n" + minimal),
		"twice":            list(minimal + minimal),
	}
	for _, name := range []string{"", "../foo", "foo/bar", ".foo", "-foo", "foo bar", "foo\u202e", "fö", "%2e", strings.Repeat("a", 256)} {
		cases["name "+name] = list(entryText(name, "1"))
		cases["version "+name] = list(entryText("foo", name))
	}
	for name, b := range cases {
		_, err := ReadIndex("i", signed(t, b), testKeys())
		if err == nil {
			t.Errorf("%s was read", name)
			continue
		}
		if got := wantError[*FormatError](t, err); !strings.HasPrefix(got.File, "i") || strings.ContainsAny(err.Error(), "\x1b\t\r") {
			t.Errorf("%s: %q", name, err)
		}
	}
}

func TestIndexLine(t *testing.T) {
	_, err := ReadIndex("i", signed(t, indexArchive(t, entryText("foo", "1")+"C:x\n")), testKeys())
	if got, want := fmt.Sprint(err), `i, line 7: field C: "x" is no SHA-1 checksum of apk's`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// zeroMember returns a gzip member of before and n zeros, without holding them.
func zeroMember(tb testing.TB, before []byte, n int) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	check(tb, err)
	_, err = w.Write(before)
	check(tb, err)
	block := make([]byte, 1<<20)
	for ; n > 0; n -= len(block) {
		_, err := w.Write(block)
		check(tb, err)
	}
	check(tb, w.Close())
	return b.Bytes()
}

func TestIndexLimits(t *testing.T) {
	minimal := entryText("foo", "1")
	header := tarball(t, true, file{name: "APKINDEX", content: minimal})
	for name, b := range map[string][]byte{
		"bomb":        signed(t, zeroMember(t, header, maxIndexUnpacked)),
		"long line":   signed(t, indexArchive(t, minimal+"T:"+strings.Repeat("a", maxIndexLine)+"\n")),
		"description": signed(t, gz(t, tarball(t, false, file{name: "DESCRIPTION", content: strings.Repeat("a", maxIndexDescription+1)}))),
		"three files": signed(t, gz(t, tarball(t, false, file{name: "DESCRIPTION"}, file{name: "APKINDEX", content: minimal}, file{name: "x"}))),
		"signatures":  sign(t, privateKeys()[0], nil, strings.Split(strings.Repeat(sha1Name+" ", maxSignatures)+sha1Name, " ")...),
		"signature":   gz(t, tarball(t, false, file{name: sha1Name, content: strings.Repeat("a", maxSignature+1)})),
		"first bomb":  zeroMember(t, tarball(t, true, file{name: sha1Name, content: "x"}), 1<<20),
		"file":        make([]byte, MaxIndex+1),
	} {
		_, err := ReadIndex("i", b, testKeys())
		if err == nil || wantError[*LimitError](t, err).Limit == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
