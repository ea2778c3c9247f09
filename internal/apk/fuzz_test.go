package apk

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"testing"
)

// FuzzIndex parses any text as an APKINDEX: an error, or packages that are safe to
// name files after.
func FuzzIndex(f *testing.F) {
	f.Add(fullEntry)
	f.Add(entryText("foo", "1.2-r3") + entryText("bar", "1"))
	f.Add("")
	f.Add("C:\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		packages, err := parseIndex("i", text, "", maxIndexPackages)
		if err != nil {
			return
		}
		lines := strings.Count(text, "\n")
		if len(packages)*6 > lines+1 {
			t.Fatalf("%d packages in %d lines", len(packages), lines)
		}
		for _, p := range packages {
			if p.Size < 0 || strings.ContainsAny(p.String()+".apk", "/\\ \x00\n%") || strings.HasPrefix(p.String()+".apk", ".") {
				t.Fatalf("accepted %+v", p)
			}
			for _, s := range p.Depends {
				c, err := ParseConstraint(s)
				if err != nil {
					continue
				}
				again, err := ParseConstraint(c.String())
				if err != nil || again != c {
					t.Fatalf("%q became %q, %v", s, c, err)
				}
			}
		}
	})
}

// FuzzInstalled parses any text as a database of installed packages: an error, or
// packages of different names.
func FuzzInstalled(f *testing.F) {
	f.Add(withFiles(fullEntry) + withFiles(entryText("bar", "1-r0")))
	f.Add(entryText("bar", "1-r0") + entryText("bar", "1-r0"))
	f.Add(files)
	f.Fuzz(func(t *testing.T, text string) {
		packages, err := ParseInstalled("db", text)
		if err != nil {
			return
		}
		names := map[string]bool{}
		for _, p := range packages {
			if names[p.Name] || checkIdentity(p.Name, p.Version, p.Arch) != nil || hasControl(p.License+p.Description+p.Maintainer+p.Origin) {
				t.Fatalf("accepted %+v", p)
			}
			names[p.Name] = true
		}
	})
}

func FuzzInfo(f *testing.F) {
	f.Add("pkgname = foo\npkgver = 1\narch = noarch\ndatahash = " + strings.Repeat("00", 32) + "\n")
	f.Add("# x\n\ndepend = a b\ndepend = c\n")
	f.Fuzz(func(t *testing.T, text string) {
		info, err := parseInfo("i", text)
		if err != nil {
			return
		}
		if checkIdentity(info.Name, info.Version, info.Arch) != nil || len(info.DataHash) != 64 || info.InstalledSize < 0 {
			t.Fatalf("accepted %+v", info)
		}
	})
}

// FuzzVersion: a version is equal to itself, and order doesn't depend on the side.
func FuzzVersion(f *testing.F) {
	for i, s := range ordered {
		f.Add(s, ordered[len(ordered)-1-i])
	}
	for _, s := range append(odd, invalid...) {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		v, errA := ParseVersion(a)
		w, errB := ParseVersion(b)
		if errA != nil || errB != nil {
			return
		}
		if v.Compare(w) != -w.Compare(v) || v.Compare(v) != 0 || w.Compare(w) != 0 {
			t.Fatalf("%q and %q: %d and %d", a, b, v.Compare(w), w.Compare(v))
		}
	})
}

// FuzzVerify reads any bytes as an index and a package, neither of which can be
// verified.
func FuzzVerify(f *testing.F) {
	_, b := newTestPackage(f).build(f)
	f.Add(b)
	f.Add(signed(f, indexArchive(f, fullEntry)))
	f.Add(gz(f, tarball(f, false)))
	keys := Keys{testKey: &privateKeys()[1].PublicKey}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := ReadIndex("i", b, keys); err == nil {
			t.Fatal("an index was verified")
		}
		p := &Package{Name: "foo", Version: "1", Arch: "x86_64", Size: int64(len(b))}
		if _, _, rest, err := splitMember("i", b, maxControl); err == nil {
			if control, _, _, err := splitMember("i", rest, maxControl); err == nil {
				p.Checksum = sha1Sum(control)
			}
		}
		if _, err := p.Verify(bytes.NewReader(b), p.Size, keys); err == nil {
			t.Fatal("a package was verified")
		}
	})
}

// FuzzTree: a link that is taken never points above the root, and an entry's path
// stays what it is when it is cleaned.
func FuzzTree(f *testing.F) {
	f.Add("a/b", "../c")
	f.Add("a", "../c")
	f.Add("a/../b", "")
	f.Fuzz(func(t *testing.T, name, target string) {
		if badPath(name) == "" && (strings.HasPrefix(name, "/") || strings.Contains("/"+name+"/", "/../") || strings.Contains(name, "\x00")) {
			t.Fatalf("accepted %q", name)
		}
		if badPath(name) == "" && badTarget(name, target) == "" && !strings.HasPrefix(target, "/") {
			depth := strings.Count(name, "/")
			for element := range strings.SplitSeq(target, "/") {
				if element == ".." {
					depth--
				} else if element != "" && element != "." {
					depth++
				}
				if depth < 0 {
					t.Fatalf("%q points to %q", name, target)
				}
			}
		}
	})
}

// FuzzDeflate: any data is refused, or is content of as many bytes.
func FuzzDeflate(f *testing.F) {
	for _, member := range [][]byte{gz(f, []byte("hello, hello, hello")), gz(f, make([]byte, 1000)), sign(f, privateKeys()[0], nil, sha1Name)} {
		_, content, _, err := splitMember("seed", member, maxSignatureTar)
		check(f, err)
		f.Add(member[10:len(member)-8], content)
	}
	f.Fuzz(func(t *testing.T, b, content []byte) {
		if checkDeflate(b, content, true) != nil {
			return
		}
		got, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b)), maxSignatureTar))
		if err == nil && len(got) != len(content) {
			t.Errorf("taken for %d bytes, and decompresses to %d", len(content), len(got))
		}
	})
}
