package cause

import (
	"strings"
	"testing"
	"time"
)

var testEpoch int64 = 1_700_000_000

var testBuilds = Builds{
	Epoch:   &testEpoch,
	Started: [2]time.Time{time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC), time.Date(2026, 11, 28, 10, 0, 1, 0, time.UTC)},
	Varied: map[string]Variation{
		"hostname": {"alder", "birch-with-a-longer-name"}, "umask": {"0022", "0077"}, "cpus": {"2", "1"},
		"home": {"/run/tailsbuild/home", "/run/tailsbuild/another/home"}, "filesystem": {"disk", "tmpfs"},
		"env.TZ": {"UTC0", "XYZ-13:30"}, "env.LC_ALL": {"C.UTF-8", "et_EE.UTF-8"}, "env.USER": {"root", "packager"},
		"env.TERM": {"xterm", "vt100"}, "env.CAPTURE_ENVIRONMENT": {"", "i_capture_the_environment"}, "uname": {"as it is", "2.6"},
	},
}

// at returns a leaf of a text file.
func at(file, a, b string) Leaf {
	return Leaf{Kind: "content", Path: []string{file, "content"}, A: a, B: b}
}

func part(format, file, field, a, b string) Leaf {
	return Leaf{Kind: "part", Path: []string{file, field}, Formats: strings.Split(format, "/"), A: a, B: b}
}

func header(field, a, b string) Leaf {
	return Leaf{Kind: "header", Path: []string{"usr/bin/x", field}, A: a, B: b}
}

func TestOf(t *testing.T) {
	for _, c := range []struct {
		name   string
		leaf   Leaf
		builds Builds
		want   Name
		sure   Confidence
		mend   string // a part of it
	}{
		{"mtime", header("mtime", "2026-11-28T10:00:00Z", "2026-11-28T10:01:38Z"), Builds{}, Timestamp, Certain, "--mtime=@$SOURCE_DATE_EPOCH"},
		{"mtime in another zone", header("mtime", "2026-11-28T10:00:00Z", "2026-11-28T23:30:01Z"), Builds{}, Timestamp, Certain, "touch"},
		{"mtime of one", Leaf{Kind: "header", Path: []string{"x", "atime"}, B: "2026-11-28T10:01:38Z", OnlyB: true}, Builds{}, Timestamp, Certain, "touch"},
		{"mode by umask", header("mode", "0644", "0600"), Builds{}, Umask, Likely, "umask 022"},
		{"mode by known umask", header("mode", "0755", "0700"), testBuilds, Umask, Certain, "umask 022"},
		{"executable", header("mode", "0755", "0644"), Builds{}, Umask, Possible, ""},
		{"uid", header("uid", "0", "1000"), Builds{}, Ownership, Certain, "--owner=0"},
		{"gname", header("gname", "root", "users"), Builds{}, Ownership, Certain, "--numeric-owner"},
		{"order of a layer", Leaf{Kind: "order", Path: []string{"order of entries (3 of 5 moved)"}, A: "a", B: "b"}, Builds{}, Order, Likely, "tar --sort=name"},

		{"gzip mtime", part("gzip", "usr/share/x.gz", "mtime", "2026-11-28T10:00:00Z", "2026-11-28T10:01:38Z"), Builds{}, Timestamp, Certain, "gzip -n"},
		{"gzip name", part("gzip", "usr/share/x.gz", "name", "a", "b"), Builds{}, Compression, Certain, "gzip -n"},
		{"gzip level", part("gzip", "usr/share/x.gz", "xfl", "2", "4"), Builds{}, Compression, Certain, "gzip -n"},
		{"zip mtime", part("zip", "x.zip", "a.txt/modified", "2026-11-28T10:00:00Z", "2026-11-28T10:01:38Z"), Builds{}, Timestamp, Certain, "zip -X"},
		{"zip in another zone", part("zip", "x.zip", "a.txt/modified", "2026-11-28 10:00:00", "2026-11-28 12:00:00"), Builds{}, TimeZone, Likely, "TZ=UTC"},
		{"ar mtime", part("ar", "x.a", "x.o/mtime", "1764324000", "1764324098"), Builds{}, Timestamp, Certain, "ar D"},
		{"pyc mtime", part("pyc", "x.pyc", "mtime", "2026-11-28T10:00:00Z", "2026-11-28T10:01:38Z"), Builds{}, Timestamp, Certain, "unchecked-hash"},
		{"build ID", part("elf", "bin/x", ".note.gnu.build-id", "abc", "abd"), Builds{}, BuildID, Certain, "--build-id=sha1"},
		{"shadow's day", part("shadow", "etc/shadow", "root: last change", "20420", "20421"), Builds{}, ShadowDay, Certain, "chage"},
		{"signature", at(".SIGN.RSA.key.rsa.pub", "\x01\x02", "\x03\x04"), Builds{}, Signature, Certain, "keep signatures apart"},
		{"machine ID", at("etc/machine-id", "8e0ee32ee9b9408b81ea1c77d2a1ef32", "e9e3f1c93cd5424a8ea2d44cf8e63b65"), Builds{}, Random, Certain, "leave /etc/machine-id empty"},
		{"host key", at("etc/ssh/ssh_host_rsa_key", "a", "b"), Builds{}, Random, Certain, "ssh-keygen -A"},

		{"date", at("a", "built Sat Nov 28 10:00:00 UTC 2026\n", "built Sat Nov 28 10:01:38 UTC 2026\n"), Builds{}, Timestamp, Likely, "SOURCE_DATE_EPOCH"},
		{"date with an epoch", at("a", "Sat Nov 28 10:00:00 UTC 2026\n", "Sat Nov 28 10:00:02 UTC 2026\n"), testBuilds, Epoch, Certain, "SOURCE_DATE_EPOCH"},
		{"RFC 3339", at("a", "2026-11-28T10:00:00Z", "2026-11-28T10:01:38Z"), Builds{}, Timestamp, Likely, "date -u"},
		{"RFC 1123", at("a", "Sat, 28 Nov 2026 10:00:00 GMT", "Sat, 28 Nov 2026 10:01:38 GMT"), Builds{}, Timestamp, Likely, "date -u"},
		{"date -R", at("a", "Sat, 28 Nov 2026 10:00:00 +0000", "Sat, 28 Nov 2026 10:01:38 +0000"), Builds{}, Timestamp, Likely, "date -u"},
		{"__DATE__", part("elf", "bin/x", ".rodata", "built Nov 28 2026", "built Nov 29 2026"), Builds{}, Timestamp, Likely, "-Wdate-time"},
		{"__TIME__", part("elf", "bin/x", ".rodata", "10:00:00", "10:00:01"), Builds{}, Timestamp, Likely, "-Wdate-time"},
		{"Unix seconds", at("a", "t=1764324000", "t=1764324098"), Builds{}, Timestamp, Likely, "date -u"},
		{"milliseconds", at("a", "1764324000123", "1764324098456"), Builds{}, Timestamp, Likely, "date -u"},
		{"gettext", part("mo", "x.mo", "POT-Creation-Date", "2026-11-28 10:00+0000", "2026-11-28 10:02+0000"), Builds{}, Timestamp, Certain, "POT-Creation-Date"},
		{"a day", at("a", "20261128", "20261129"), Builds{}, Timestamp, Likely, ""},
		{"ASN.1", at("a", "20261128100000Z", "20261128100138Z"), Builds{}, Timestamp, Likely, ""},
		{"German day", at("a", "28.11.2026", "29.11.2026"), Builds{}, Timestamp, Likely, ""},
		{"binary seconds", at("x.bin", "abc\x00\xe0\x73\x29\x69zz\x01", "abc\x00\x02\x74\x29\x69zz\x01"), Builds{}, Timestamp, Possible, ""},

		{"one instant", at("a", "Sat Nov 28 10:00:00 UTC 2026", "Sat Nov 28 12:00:00 EET 2026"), Builds{}, TimeZone, Likely, ""},
		{"one instant with offsets", at("a", "2026-11-28T10:00:00+00:00", "2026-11-28T12:00:00+02:00"), Builds{}, TimeZone, Certain, "TZ=UTC"},
		{"local time", at("a", "2026-11-28 10:00:00", "2026-11-28 23:30:00"), testBuilds, TimeZone, Likely, "TZ=UTC"},
		{"clock in local time", at("a", "Sat Nov 28 10:00:00 UTC 2026", "Sat Nov 28 23:30:01 XYZ 2026"), testBuilds, Epoch, Certain, "date -u"},
		{"zone", at("a", "zone: UTC", "zone: CEST"), Builds{}, TimeZone, Likely, "TZ=UTC"},
		{"TZ", at("a", "TZ=UTC0", "TZ=XYZ-13:30"), testBuilds, TimeZone, Certain, "TZ=UTC"},

		{"known host", at("a", "made on alder", "made on birch-with-a-longer-name"), testBuilds, Hostname, Certain, "hostname(1)"},
		{"host", at("a", "hostname=one", "hostname=two"), Builds{}, Hostname, Likely, "hostname(1)"},
		{"root@host", at("a", "(root@one)", "(root@two)"), Builds{}, Hostname, Likely, "KBUILD_BUILD_HOST"},
		{"user", at("a", "built by: alice", "built by: bob"), Builds{}, User, Likely, "KBUILD_BUILD_USER"},
		{"known user", at("a", "USER=root", "USER=packager"), testBuilds, User, Certain, "whoami"},
		{"terminal", at("a", "TERM=xterm", "TERM=vt100"), testBuilds, Environment, Certain, "env -i"},
		{"id", at("a", "uid=0(root) gid=0(root)", "uid=1000(u) gid=1000(u)"), Builds{}, User, Certain, "id(1)"},
		{"home", at("a", "/home/alice/.cache", "/home/bob/.cache"), Builds{}, User, Likely, ""},
		{"umask", at("a", "umask 0022", "umask 0077"), Builds{}, Umask, Certain, "umask 022"},
		{"bare umask", at("a", "0022\n", "0077\n"), testBuilds, Umask, Certain, "umask 022"},
		{"ls -l", at("a", "-rw-r--r-- 1 root", "-rw------- 1 root"), Builds{}, Umask, Likely, "umask"},
		{"CPUs", at("a", "jobs=2", "jobs=1"), Builds{}, Parallelism, Likely, "number of CPUs"},
		{"known CPUs", at("nproc.txt", "2\n", "1\n"), testBuilds, Parallelism, Certain, "number of CPUs"},
		{"make -j", at("a", "MAKEFLAGS=-j8", "MAKEFLAGS=-j4"), Builds{}, Parallelism, Likely, "make -j1"},
		{"kernel", at("a", "Linux a 6.18.0 #1 SMP x86_64 Linux", "Linux a 5.10.1 #1 SMP x86_64 Linux"), Builds{}, Kernel, Certain, "uname(1)"},
		{"uname -r", at("a", "6.18.0-generic", "2.6.78-generic"), Builds{}, Kernel, Likely, "uname(1)"},
		{"machine", at("a", "arch: x86_64", "arch: i686"), Builds{}, Architecture, Likely, "-march=native"},

		{"path", at("a", "/build/one/src/x.c", "/build/two/src/x.c"), Builds{}, BuildPath, Likely, "same folder"},
		{"path in a program", part("elf", "bin/x", ".debug_str", "\x00\x01/build/one/src\x00", "\x00\x01/build/twooo/src\x00"), Builds{}, BuildPath, Likely, "-ffile-prefix-map"},
		{"path in Go", part("elf/go", "bin/x", "paths", "/build/one/x.go", "/build/two/x.go"), Builds{}, BuildPath, Likely, "-trimpath"},
		{"known home", at("a", "/run/tailsbuild/home/x", "/run/tailsbuild/another/home/x"), testBuilds, BuildPath, Certain, "same folder"},
		{"temporary", at("a", "/tmp/tmp.AbCdEf1234", "/tmp/tmp.ZyXwVu9876"), Builds{}, Random, Likely, "no mktemp"},
		{"object", at("a", "/tmp/ccAb12Cd.o", "/tmp/ccZy98Xw.o"), Builds{}, Random, Likely, "mktemp"},
		{"UUID", at("a", "id f81d4fae-7dec-41d0-a765-00a0c91e6bf6", "id 0e37df36-f698-41e6-8f6c-4d8b9d3f5ecd"), Builds{}, Random, Certain, "uuidgen"},
		{"address", at("a", "<object at 0x7f3a5c0d1e80>", "<object at 0x7fb21c4f0e80>"), Builds{}, Random, Likely, ""},
		{"digest", at("a", strings.Repeat("0a", 20), strings.Repeat("b1", 20)), Builds{}, Random, Possible, ""},
		{"shadow's line", at("etc/shadow", "bin:*::0:::::\nanna:!:20785::::::", "bin:*::0:::::\nanna:!:20793::::::"), Builds{}, ShadowDay, Certain, "chage"},
		{"ls -l's time", at("list", "-rw-r--r-- 1 root root 8 Nov 28 22:43 x.txt", "-rw-r--r-- 1 root root 8 Nov 28 22:45 x.txt"), Builds{}, Timestamp, Likely, ""},
		{"a line more", at("x.d", "x.o: /build/one/src/x.c", "x.o: \\\n /build/two/src/x.c"), Builds{}, BuildPath, Likely, ""},
		{"one line moved", at("list", "B.txt\nC.txt\na.txt\nd.txt\n", "a.txt\nB.txt\nC.txt\nd.txt\n"), Builds{}, Locale, Certain, ""},
		{"salt", at("etc/shadow", "root:$6$abcdefgh$"+strings.Repeat("x", 86)+":1::", "root:$6$bcdefghi$"+strings.Repeat("y", 86)+":1::"), Builds{}, Random, Certain, ""},
		{"letters", at("a", "secret=UAb/IOkUKkIBfEGIAfTABjbQWsMhzvbk", "secret=WiIAauUYixWk0Gs0AdLNq8ERuJSFzsA7"), Builds{}, Random, Likely, "mktemp"},
		{"process", at("a", "pid 123", "pid 4567"), Builds{}, Random, Likely, ""},

		{"locale's order", at("a", "B\nD\na\nc\n", "a\nB\nc\nD\n"), Builds{}, Locale, Certain, "LC_ALL=C sort"},
		{"folder's order", at("a", "./b.txt\n./a.txt\n./c.txt\n", "./a.txt\n./c.txt\n./b.txt\n"), Builds{}, Order, Likely, "LC_ALL=C sort"},
		{"map's order", at("a.py", "one = 1\ntwo = 2\nthree = 3\n", "three = 3\none = 1\ntwo = 2\n"), Builds{}, HashOrder, Likely, "PYTHONHASHSEED=0"},
		{"set's order", at("a", "{'x', 'y', 'z'}", "{'z', 'x', 'y'}"), Builds{}, HashOrder, Likely, "PYTHONHASHSEED=0"},
		{"jobs' order", at("a", "job 1 done\njob 2 done\n", "job 2 done\njob 1 done\n"), Builds{}, Parallelism, Likely, "make -j1"},
		{"decimal point", at("a", "3.14", "3,14"), Builds{}, Locale, Certain, "LC_ALL=C"},
		{"quotes", at("a", "can't open 'x'", "can’t open ‘x’"), Builds{}, Locale, Likely, "LC_ALL=C"},
		{"German date", at("a", "Sat Nov 28 10:00:00 2026", "Sa 28. Nov 10:00:00 2026"), Builds{}, Locale, Likely, "LC_ALL=C"},
		{"German day and month", at("a", "Tuesday 14 November", "Dienstag 14 November"), Builds{}, Locale, Likely, "LC_ALL=C"},
		{"name of a zone", at("a", "TZ=UTC", "TZ=Europe/Berlin"), Builds{}, TimeZone, Likely, "TZ=UTC"},
		{"file in a temporary folder", at("a", "/tmp/tmpAb12Cd/foo/x.c", "/tmp/tmpZz98Qq/foo/x.c"), Builds{}, Random, Likely, "mktemp"},
		{"source of a pyc", part("pyc", "x.pyc", "filename", "one/x.py", "two/x.py"), Builds{}, BuildPath, Likely, "compileall -s"},
		{"rows", inside("sqlite", "x.db > table t", "1|'one'\n2|'two'\n3|'three'\n", "1|'three'\n2|'one'\n3|'two'\n"), Builds{}, HashOrder, Likely, "ORDER BY"},
		{"annotation of one", Leaf{Kind: "member", Path: []string{"manifest", `annotations["org.opencontainers.image.created"]`}, B: `"2026-11-28T10:00:00Z"`, OnlyB: true}, Builds{}, Timestamp, Certain, "image's times"},
		{"annotations of one", Leaf{Kind: "member", Path: []string{"manifest", "annotations"}, B: `{"org.opencontainers.image.created":"2026-11-28T10:00:00Z"}`, OnlyB: true}, Builds{}, Timestamp, Certain, "image's times"},
		{"name of a locale", at("a", "LANG=C.UTF-8", "LANG=de_DE.UTF-8"), Builds{}, Locale, Likely, "LC_ALL=C"},
		{"compression", Leaf{Kind: "compression", Path: []string{"compression"}, A: "gzip", B: "zstd"}, Builds{}, Compression, Certain, ""},
		{"temporary entry", Leaf{Kind: "entry", Path: []string{"tmp/tmp.AbCdEf1234"}, A: "file", OnlyA: true}, Builds{}, Random, Likely, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Of(c.leaf, c.builds)
			if got.Name != c.want || got.Confidence != c.sure {
				t.Errorf("got %+v, want %s, %s", got, c.want, c.sure)
			}
			if !strings.Contains(got.Mend, c.mend) || got.Mend == "" {
				t.Errorf("mend %q, want %q in it", got.Mend, c.mend)
			}
			if got.Detail == "" || got.A == got.B {
				t.Errorf("no evidence: %+v", got)
			}
		})
	}
}

// TestUnknown: what is no time, path or random number is not called one.
func TestUnknown(t *testing.T) {
	for _, c := range [][2]string{
		{"version 1.2.3", "version 1.2.4"},
		{"00:11:22:33:44:55", "00:11:22:33:44:56"},
		{"2024-13-01", "2024-13-02"},
		{"2024-02-30", "2024-02-31"},
		{"25:61:61", "25:61:62"},
		{"May be 2024", "May be 2025"},
		{"Mon Foo 12 10:00:00", "Mon Foo 13 10:00:00"},
		{"2000000000", "1000000000"}, // far from each other
		{"9876543210", "9876543211"},
		{"0000000001", "0000000002"},
		{"12345678", "12345679"},
		{"99991301", "99991302"},
		{"#define LIMIT 100", "#define LIMIT 200"},
		{"red", "blue"},
		{"each process ends", "each daemon ends"},
		{"unique process", "unique daemon"},
		{"the machine v2 has", "the machine v2.7.9 has"},
		{"used by one", "used by two"},
		{"a server that", "a server which"},
		{"of the user alone", "of the user himself"},
		{"says … what it is made from", "says what it was made from"},
		{"yes", "no"},
		{"1", "2"},
		{"a/b", "a/c"},
		{"std::map::at", "std::map::by"},
		{"3:4", "3:5"},
		{"mode of operation", "mode of failure"},
		{"10.0.0.1:8080", "10.0.0.2:8080"},
		{"address 10.0.0.1", "address 10.0.0.2"},
		{"opens 09:00:00", "opens 10:00:00"},
		{"id 1234567890", "id 1234567999"},
		{"size 20240101", "size 20240131"},
		{"\x00\x01\x02 ccXy12AB \x00\x01", "\x00\x01\x02 ccQw98Zz \x00\x01"},
		{"", "x"},
		{"\x00\x01\x02\x03\x04", "\x00\x01\x02\x03\x05"},
		{"a\nb\n", "a\nc\n"},
	} {
		if got := All(at("usr/share/x", c[0], c[1]), Builds{}); len(got) != 1 || got[0].Name != Unknown || got[0].Mend != "" {
			t.Errorf("%q and %q: got %+v", c[0], c[1], got)
		}
	}
}

// TestAll: each of several causes in one text is found.
func TestAll(t *testing.T) {
	got := All(at("etc/build-info",
		"date: Sat Nov 28 10:00:00 UTC 2026\nhost: alder\nsrc: /build/a/x.c and 2\n",
		"date: Sat Nov 28 10:00:09 UTC 2026\nhost: birch-with-a-longer-name\nsrc: /build/b/x.c and 2\n"), testBuilds)
	var names []Name
	for _, c := range got {
		names = append(names, c.Name)
	}
	want := map[Name]bool{Epoch: true, Hostname: true, BuildPath: true}
	for _, n := range names {
		delete(want, n)
	}
	if len(want) > 0 || len(names) != 3 || rank(got[0].Confidence) > rank(got[2].Confidence) {
		t.Errorf("got %+v", got)
	}
}

// TestNotThat: fields that differ for another reason than what they are about.
func TestNotThat(t *testing.T) {
	for _, l := range []Leaf{
		header("mode", "0644", "4755"),
		part("ar", "x.a", "mode", "100644", "644"),
		{Kind: "order", Path: []string{"order of layers (1 of 3 moved)"}, A: "A", B: "B"},
	} {
		if got := Of(l, Builds{}); got.Name != Unknown || got.Mend != "" {
			t.Errorf("%+v: got %+v", l, got)
		}
	}
	got := Of(header("mtime", "2026-11-28T10:00:00.1Z", "2026-11-28T10:00:00Z"), Builds{})
	if got.Confidence != Possible || !strings.Contains(got.Detail, "whole seconds") {
		t.Errorf("got %+v", got)
	}
	// A number without a word for it may be a time.
	if got := Of(at("a", "x 1764324000 y", "x 1764324098 y"), Builds{}); got.Name != Timestamp || got.Confidence != Possible {
		t.Errorf("got %+v", got)
	}
}

func TestApart(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{1100 * time.Millisecond, "1.1 s apart"},
		{-98 * time.Second, "98 s apart"},
		{3 * time.Minute, "3 min apart"},
		{time.Hour, "1 h apart"},
		{125 * time.Second, "2 min 5 s apart"},
		{26*time.Hour + 30*time.Minute, "26 h apart"},
		{49 * time.Hour, "2 days 1 h apart"},
		{800 * 24 * time.Hour, "2 years 70 days apart"},
		{0, "the same time, written in two ways"},
	} {
		if got := apart(c.d, time.Second); got != c.want {
			t.Errorf("%s: got %q, want %q", c.d, got, c.want)
		}
	}
}

func TestPosixOffset(t *testing.T) {
	for tz, want := range map[string]time.Duration{
		"UTC0": 0, "XYZ-13:30": 13*time.Hour + 30*time.Minute, "NPT-5:45": 5*time.Hour + 45*time.Minute, "EST5EDT": -5 * time.Hour, "<+03>-3": 3 * time.Hour,
	} {
		if got, ok := posixOffset(tz); !ok || got != want {
			t.Errorf("%s: got %s, %t", tz, got, ok)
		}
	}
	if _, ok := posixOffset("Europe/Berlin"); ok {
		t.Error("a zone of the database has no offset by itself")
	}
}

func FuzzAll(f *testing.F) {
	f.Add("content", "a.gz", "mtime", "2026-11-28T10:00:00Z", "\x00\x01/build/one\x00", false)
	f.Add("part", "a", "x", "a b c", "c a b", true)
	f.Fuzz(func(t *testing.T, kind, file, field, a, b string, onlyA bool) {
		l := Leaf{Kind: kind, Path: []string{file, field}, Formats: []string{file}, A: a, B: b, OnlyA: onlyA}
		if a == b {
			return
		}
		for _, builds := range []Builds{{}, testBuilds} {
			list := All(l, builds)
			if len(list) == 0 {
				t.Fatal("no cause")
			}
			for _, c := range list {
				if c.Name == "" || rank(c.Confidence) < 0 {
					t.Fatalf("%+v", c)
				}
			}
		}
	})
}

// BenchmarkNames: long names, as hostile files have them, cost no more.
func BenchmarkNames(b *testing.B) {
	name := strings.Repeat("long/", 800)
	l := part("tar/gzip/tar/gzip", name, name, "x", "y")
	l.Path = append(l.Path, name, name, name, name)
	for b.Loop() {
		Of(l, testBuilds)
	}
}

func BenchmarkHeader(b *testing.B) {
	l := header("mtime", "2026-11-28T10:00:00Z", "2026-11-28T10:01:38Z")
	for b.Loop() {
		Of(l, testBuilds)
	}
}

func BenchmarkText(b *testing.B) {
	l := at("etc/x", strings.Repeat("x = /build/one/y 12\n", 300), strings.Repeat("x = /build/two/y 13\n", 300))
	for b.Loop() {
		Of(l, testBuilds)
	}
}
