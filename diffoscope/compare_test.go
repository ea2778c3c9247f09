package diffoscope

import (
	"archive/tar"
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"
)

// Each case changes one thing of the image. The comparison has to find exactly
// that, in either order: "kind path: A | B".
var oneDifference = []struct {
	name   string
	change func(*testImage)
	want   string
}{
	{
		"manifest annotation", func(i *testImage) { i.annotations = map[string]string{"org.opencontainers.image.version": "2.0"} },
		`member manifest > annotations["org.opencontainers.image.version"]: "1.0" | "2.0"`,
	},
	{
		"manifest annotations gone", func(i *testImage) { i.annotations = nil },
		`member manifest > annotations: {"org.opencontainers.image.version":"1.0"} | -`,
	},
	{
		"layer annotation", func(i *testImage) { i.layers[0].annotations = map[string]string{"a": "b"} },
		`member manifest > layers[0].annotations: - | {"a":"b"}`,
	},
	{
		"manifest white space", func(i *testImage) { i.rawManifest = func(b []byte) []byte { return append(b, '\n') } },
		`unexplained manifest > white space or order of members: document | document`,
	},
	{
		"created", func(i *testImage) { i.config.Created = ptr(testTime.Add(time.Second)) },
		`member config > created: "2024-05-01T00:00:00Z" | "2024-05-01T00:00:01Z"`,
	},
	{
		"env", func(i *testImage) { i.config.Config.Env = []string{"PATH=/usr/bin"} },
		`member config > config.Env[0]: "PATH=/bin" | "PATH=/usr/bin"`,
	},
	{
		"env added", func(i *testImage) { i.config.Config.Env = append(i.config.Config.Env, "A=b") },
		`member config > config.Env[1]: - | "A=b"`,
	},
	{
		"user", func(i *testImage) { i.config.Config.User = "0" },
		`member config > config.User: "1000" | "0"`,
	},
	{
		"label", func(i *testImage) { i.config.Config.Labels = map[string]string{"org.x": "z"} },
		`member config > config.Labels["org.x"]: "y" | "z"`,
	},
	{
		"architecture", func(i *testImage) { i.config.Architecture = "arm64" },
		`member config > architecture: "amd64" | "arm64"`,
	},
	{
		"history", func(i *testImage) { i.config.History[1].CreatedBy = "other" },
		`member config > history[1].created_by: "service" | "other"`,
	},
	{"config order", func(i *testImage) {
		i.rawConfig = func(b []byte) []byte {
			b = bytes.Replace(b, []byte(`"architecture":"amd64",`), nil, 1)
			return bytes.Replace(b, []byte(`"os":"linux"`), []byte(`"os":"linux","architecture":"amd64"`), 1)
		}
	}, `unexplained config > white space or order of members: document | document`},
	{
		"mode", entryChange(func(e *testEntry) { e.Mode = 0o755 }),
		`header layer 1 > usr/bin/x > mode: 0644 | 0755`,
	},
	{
		"set-uid", entryChange(func(e *testEntry) { e.Mode = 0o4644 }),
		`header layer 1 > usr/bin/x > mode: 0644 | 4644`,
	},
	{"uid", entryChange(func(e *testEntry) { e.Uid = 7 }), `header layer 1 > usr/bin/x > uid: 0 | 7`},
	{"gid", entryChange(func(e *testEntry) { e.Gid = 7 }), `header layer 1 > usr/bin/x > gid: 0 | 7`},
	{"uname", entryChange(func(e *testEntry) { e.Uname = "root" }), `header layer 1 > usr/bin/x > uname:  | root`},
	{"gname", entryChange(func(e *testEntry) { e.Gname = "wheel" }), `header layer 1 > usr/bin/x > gname:  | wheel`},
	{
		"mtime", entryChange(func(e *testEntry) { e.ModTime = testTime.Add(98 * time.Second) }),
		`header layer 1 > usr/bin/x > mtime: 2024-05-01T00:00:00Z | 2024-05-01T00:01:38Z`,
	},
	{
		"mtime nanoseconds", entryChange(func(e *testEntry) { e.ModTime, e.Format = testTime.Add(5), tar.FormatPAX }),
		`header layer 1 > usr/bin/x > mtime: 2024-05-01T00:00:00Z | 2024-05-01T00:00:00.000000005Z`,
	},
	{
		"atime", entryChange(func(e *testEntry) { e.AccessTime, e.Format = testTime, tar.FormatPAX }),
		`header layer 1 > usr/bin/x > atime: - | 2024-05-01T00:00:00Z`,
	},
	{
		"xattr", entryChange(func(e *testEntry) { e.PAXRecords = map[string]string{"SCHILY.xattr.user.a": "b"} }),
		`header layer 1 > usr/bin/x > pax SCHILY.xattr.user.a: - | b`,
	},
	{
		"format", entryChange(func(e *testEntry) { e.Format = tar.FormatGNU }),
		`header layer 1 > usr/bin/x > format: USTAR | GNU`,
	},
	{
		"link target", func(i *testImage) { i.layers[1].entries[4].Linkname = "bin/y" },
		`header layer 1 > usr/link > linkname: bin/x | bin/y`,
	},
	{
		"header bytes", func(i *testImage) { i.layers[1].rawTar = func(b []byte) []byte { return spaceInChecksum(b, 0) } },
		`unexplained layer 1 > usr/ > header: 512 | 512`,
	},
	{"padding", func(i *testImage) {
		i.layers[0].rawTar = func(b []byte) []byte { b[2*512+500] = 'x'; return b[:len(b):len(b)] }
	}, `unexplained layer 0 > etc/os-release > padding after the content: 0 | 502`},
	{
		"text", entryChange(func(e *testEntry) { e.body = "#!/bin/sh\necho 3\necho 2\n" }),
		`content layer 1 > usr/bin/x > content: "echo 1\necho 2\n" | "echo 3\necho 2\n" at 15 line 2`,
	},
	{
		"longer text", entryChange(func(e *testEntry) { e.body += "echo 3\n" }),
		`content layer 1 > usr/bin/x > content: "" | "echo 3\n" at 24 line 4`,
	},
	{
		"empty", entryChange(func(e *testEntry) { e.body = "" }),
		`content layer 1 > usr/bin/x > content: "#!/bin/sh\necho 1\necho 2\n" | "" at 0 line 1`,
	},
	{"binary", func(i *testImage) {
		b := []byte(i.layers[1].entries[3].body)
		b[33_000] ^= 0x80
		i.layers[1].entries[3].body = string(b)
	}, `content layer 1 > usr/data > content: 48 | 48 at 33000 line 0`},
	{
		"entry added", func(i *testImage) { i.layers[1].entries = append(i.layers[1].entries, file("z", "")) },
		`entry layer 1 > z: - | file`,
	},
	{
		"link added", func(i *testImage) { i.layers[1].entries = append(i.layers[1].entries, link("z", "a")) },
		`entry layer 1 > z: - | symlink to "a"`,
	},
	{"entry twice", func(i *testImage) {
		i.layers[1].entries = append(i.layers[1].entries, i.layers[1].entries[2])
	}, `entry layer 1 > usr/bin/x: - | file`},
	{"order", func(i *testImage) {
		e := i.layers[1].entries
		e[2], e[3] = e[3], e[2]
	}, `order layer 1 > order of entries (1 of 5 moved): usr/bin/x | usr/data`},
	{"more zeros", func(i *testImage) {
		i.layers[1].rawTar = func(b []byte) []byte { return append(b, make([]byte, 512)...) }
	}, `trailer layer 1 > bytes after the last entry: 1024 zero bytes | 1536 zero bytes`},
	{"bytes after the tar", func(i *testImage) {
		i.layers[1].rawTar = func(b []byte) []byte { return append(b, "hidden"...) }
	}, `trailer layer 1 > bytes after the last entry: 1024 zero bytes | 1030 bytes`},
	{"layer added", func(i *testImage) {
		i.layers = append(i.layers, testLayer{compression: "zstd", entries: []testEntry{file("a", "b")}})
	}, `layer layer 2: - | entries: 1`},
	{
		"compression", func(i *testImage) { i.layers[1].compression = "none" },
		`member manifest > layers[1].mediaType: "application/vnd.oci.image.layer.v1.tar+gzip" | "application/vnd.oci.image.layer.v1.tar"` + "\n" +
			`compression layer 1 > compression: gzip | none`,
	},
	{
		"gzip mtime", func(i *testImage) { i.layers[1].gzip.ModTime = time.Unix(1700000000, 0) },
		`compression layer 1 > gzip mtime: 0 | 1700000000`,
	},
	{
		"gzip operating system", func(i *testImage) { i.layers[1].gzip.OS = 3 },
		`compression layer 1 > gzip operating system: 255 | 3`,
	},
	{
		"gzip level", func(i *testImage) { i.layers[1].level = 1 },
		`compression layer 1 > gzip extra flags: 0 | 4` + "\n" + `compression layer 1 > compressed bytes: 48 | 48`,
	},
}

// entryChange changes the entry usr/bin/x.
func entryChange(f func(*testEntry)) func(*testImage) {
	return func(i *testImage) { f(&i.layers[1].entries[2]) }
}

// spaceInChecksum writes the header's checksum as some archivers do: the number
// is the same, the bytes are not.
func spaceInChecksum(b []byte, at int) []byte {
	b[at+148+7] = 0
	return b
}

func ptr[T any](v T) *T { return &v }

func TestOneDifference(t *testing.T) {
	for _, test := range oneDifference {
		t.Run(test.name, func(t *testing.T) {
			changed := newTestImage()
			test.change(changed)
			a, b := open(t, newTestImage().write(t)), open(t, changed.write(t))
			if diff := cmp.Diff(strings.Split(test.want, "\n"), leaves(compareTest(t, a, b), false)); diff != "" {
				t.Errorf("A, B (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(strings.Split(test.want, "\n"), leaves(compareTest(t, b, a), true)); diff != "" {
				t.Errorf("B, A (-want +got):\n%s", diff)
			}
		})
	}
}

// leaves writes c's leaves as the cases do, with B first when swapped.
func leaves(c *Comparison, swapped bool) []string {
	var list []string
	for _, top := range c.Differences {
		for path, d := range top.Leaves() {
			a, b := leafValue(d, d.A), leafValue(d, d.B)
			if swapped {
				a, b = b, a
			}
			s := fmt.Sprintf("%s %s: %s | %s", d.Kind, strings.Join(path, " > "), a, b)
			if d.Kind == KindContent {
				s += fmt.Sprintf(" at %d line %d", d.Offset, d.Line)
			}
			list = append(list, s)
		}
	}
	return list
}

func leafValue(d *Difference, v *Value) string {
	switch {
	case v == nil:
		return "-"
	case v.Text != "" || d.Kind == KindHeader:
		return v.Text
	case d.Line > 0:
		return fmt.Sprintf("%q", v.Excerpt)
	case d.Kind == KindUnexplained && strings.HasPrefix(d.Name, "white"):
		return "document" // its size depends on where the difference is
	case d.Kind == KindUnexplained:
		return fmt.Sprint(v.Size)
	}
	return fmt.Sprint(len(v.Excerpt))
}

func TestIdentical(t *testing.T) {
	a, b := open(t, newTestImage().write(t)), open(t, newTestImage().write(t))
	c := compareTest(t, a, b)
	if !c.Identical() || !c.Distinct() || c.A().Digest != a.Digest() || c.B().Digest != a.Digest() {
		t.Errorf("identical %t, distinct %t, A %v, B %v, want identical and distinct", c.Identical(), c.Distinct(), c.A(), c.B())
	}
	if c := compareTest(t, a, open(t, a.path)); c.Distinct() {
		t.Error("one folder compared with itself is distinct")
	}
	if new(Comparison).Identical() || (*Comparison)(nil).Identical() {
		t.Error("a comparison that was never made is identical")
	}
}

// Entries in another order are paired by name, so that one other content is found
// among them.
func TestShuffled(t *testing.T) {
	a, b := newTestImage(), newTestImage()
	for i := range 300 {
		e := file(fmt.Sprintf("f/%03d", i), fmt.Sprint(i))
		a.layers[1].entries = append(a.layers[1].entries, e)
		if i == 123 {
			e.body = "other"
		}
		b.layers[1].entries = append(b.layers[1].entries, e)
	}
	slices.Reverse(b.layers[1].entries)
	got := leaves(compareTest(t, open(t, a.write(t)), open(t, b.write(t))), false)
	want := []string{
		"order layer 1 > order of entries (304 of 305 moved): usr/ | f/299",
		`content layer 1 > f/123 > content: "123" | "other" at 0 line 1`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A flood of one kind neither hides the others nor is lost.
func TestLimit(t *testing.T) {
	a, b := newTestImage(), newTestImage()
	for i := range 200 {
		e := file(fmt.Sprintf("f/%03d", i), "same")
		a.layers[1].entries = append(a.layers[1].entries, e)
		e.ModTime = e.ModTime.Add(time.Hour)
		if i == 199 {
			e.body = "else"
		}
		b.layers[1].entries = append(b.layers[1].entries, e)
	}
	x, err := Open(a.write(t), Limits{Differences: 100})
	check(t, err)
	defer x.Close()
	c := compareTest(t, x, open(t, b.write(t)))
	if got := len(leaves(c, false)); got != 11 || c.Unlisted != 190 {
		t.Errorf("%d listed and %d not, want 11 and 190", got, c.Unlisted)
	}
	want := []Count{{KindHeader, "mtime", 200}, {KindContent, "", 1}}
	if diff := cmp.Diff(want, c.Counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// TestSpill: so many entries in another order that they wait in a file are compared as
// a few are.
func TestSpill(t *testing.T) {
	const entries = maxWaiting + 5_000
	write := func(change func([]testEntry)) *Input {
		var list []testEntry
		for i := range entries {
			list = append(list, file(fmt.Sprintf("f/%06d", i), ""))
		}
		list[7].PAXRecords = map[string]string{"SCHILY.xattr.user.a": "b"}
		list = append(list, file("twice", "1"), file("twice", "2"))
		change(list)
		i := newTestImage()
		i.layers[1].entries = list
		return openAny(t, writeFile(t, i.rawLayer(t), ""))
	}
	a := write(func([]testEntry) {})
	b := write(func(list []testEntry) {
		list[7].PAXRecords = map[string]string{"SCHILY.xattr.user.a": "c"}
		list[123].body = "other\n"
		list[124].Name = "new"
		slices.Reverse(list[:entries])
	})
	c, err := CompareAny(t.Context(), a, b, cause.Builds{})
	check(t, err)
	want := []string{
		fmt.Sprintf("order order of entries (%d of %d moved): f/000000 | f/%06d", entries-2, entries+1, entries-1),
		"header f/000007 > pax SCHILY.xattr.user.a: b | c",
		`content f/000123 > content: "" | "other\n" at 0 line 1`,
		"entry f/000124: file | -",
		"entry new: - | file",
	}
	if diff := cmp.Diff(want, leaves(c, false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
