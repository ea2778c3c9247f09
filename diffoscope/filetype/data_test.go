package filetype

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"
)

func TestSqlite(t *testing.T) {
	need(t, "sqlite3")
	dir := run(t, `sqlite3 d.db "PRAGMA user_version = 7; CREATE TABLE t(a INTEGER PRIMARY KEY, b, c); CREATE INDEX i ON t(b);
INSERT INTO t VALUES(1, 'it''s', x'00ff'), (2, NULL, -1.5), (3, -70000, 1), (4, 123456789012345, 0);
INSERT INTO t VALUES(9, replace(hex(zeroblob(5000)), '0', 'y'), '');
CREATE TABLE many(n); WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x < 5000) INSERT INTO many SELECT x*x FROM c;
CREATE TABLE keyed(v, k TEXT PRIMARY KEY) WITHOUT ROWID; WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x < 5000) INSERT INTO keyed SELECT x*x, printf('k%04d', x) FROM c;
INSERT INTO keyed VALUES(1, 'k' || replace(hex(zeroblob(5000)), '0', 'y'));"
sqlite3 u.db "PRAGMA encoding = 'UTF-16'; CREATE TABLE t(a); INSERT INTO t VALUES('grün');"`)
	f := parse(t, "d.db", read(t, dir, "d.db"))
	want(t, f, "user version", "7", "page size", "4096", "encoding", "UTF-8")
	if got := content(t, f, "schema"); !strings.Contains(got, "CREATE TABLE t(a INTEGER PRIMARY KEY, b, c)") || !strings.Contains(got, "'index' 'i' on 't'") {
		t.Errorf("got %s", got)
	}
	got := content(t, f, "table t")
	wantRows := "1|NULL|'it''s'|x'00ff'\n2|NULL|NULL|-1.5\n3|NULL|-70000|1\n4|NULL|123456789012345|0\n9|NULL|'" + strings.Repeat("y", 10000) + "'|''\n"
	if got != wantRows {
		t.Errorf("got %.200q", got)
	}
	if got := content(t, f, "table many"); strings.Count(got, "\n") != 5000 || !strings.HasSuffix(got, "\n5000|25000000\n") {
		t.Errorf("got %.200q", got)
	}
	// Without ids, the key comes first.
	got = content(t, f, "table keyed")
	if strings.Count(got, "\n") != 5001 || !strings.HasPrefix(got, "'k0001'|1\n'k0002'|4\n") || !strings.HasSuffix(got, "\n'k5000'|25000000\n'k"+strings.Repeat("y", 10000)+"'|1\n") {
		t.Errorf("got %.200q", got)
	}
	if got := content(t, parse(t, "u.db", read(t, dir, "u.db")), "table t"); got != "1|'grün'\n" {
		t.Errorf("got %q", got)
	}
}

func TestMo(t *testing.T) {
	need(t, "msgfmt")
	dir := run(t, `cat >a.po <<'EOF'
msgid ""
msgstr ""
"PO-Revision-Date: 2026-11-28 10:00+0000\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

msgid "yes"
msgstr "ja"

msgid "one"
msgid_plural "many"
msgstr[0] "eins"
msgstr[1] "viele"
EOF
msgfmt -o a.mo a.po; msgfmt --endianness=big -o b.mo a.po`)
	for _, name := range []string{"a.mo", "b.mo"} {
		f := parse(t, name, read(t, dir, name))
		want(t, f, "PO-Revision-Date", "2026-11-28 10:00+0000")
		if got := content(t, f, "messages"); got != "msgid \"one\"\nmsgid \"many\"\nmsgstr \"eins\"\nmsgstr \"viele\"\n\nmsgid \"yes\"\nmsgstr \"ja\"\n\n" {
			t.Errorf("got %s", got)
		}
	}
}

// pngByHand returns an image with a time, a text, and something after its end.
func pngByHand(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 30, 20))); err != nil {
		t.Fatal(err)
	}
	data := b.String()
	end := len(data) - 12
	return data[:end] + "\x00\x00\x00\x07tIME\x07\xea\x0b\x1c\x0a\x01\x02crc." + "\x00\x00\x00\x0ftEXtSoftware\x00GD 1.0crc." + data[end:] + "rest"
}

func TestPNG(t *testing.T) {
	f := parse(t, "x.png", []byte(pngByHand(t)))
	want(t, f, "IHDR", "30 x 20, 8 bits, colour type 0, interlace 0", "tIME", "2026-11-28T10:01:02Z", "tEXt Software", "GD 1.0", "pixels/compression", "default")
	if got := content(t, f, "pixels"); len(got) != 31*20 {
		t.Errorf("got %d bytes", len(got))
	}
	if got := content(t, f, "trailer"); got != "rest" {
		t.Errorf("got %q", got)
	}
}
