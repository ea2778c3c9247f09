package filetype

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestPE(t *testing.T) {
	need(t, "gcc", "objcopy", "ld")
	if out, err := exec.Command("ld", "-V").Output(); err != nil || !strings.Contains(string(out), "i386pep") {
		t.Skip("ld makes no programs for Windows here")
	}
	dir := run(t, `printf 'const char path[] = "/opt/src/x.c"; int main(void) { return path[0]; }' >m.c
gcc -c m.c; objcopy -R .comment -R '.note*' -R .eh_frame -O pe-x86-64 m.o pe.o
ld -m i386pep -e main --insert-timestamp -o m.exe pe.o; ld -m i386pep -e main --no-insert-timestamp -o n.exe pe.o`)
	f := parse(t, "m.exe", read(t, dir, "m.exe"))
	want(t, f, "machine", "0x8664")
	if _, err := time.Parse(time.RFC3339, field(t, f, "timestamp")); err != nil {
		t.Error(err)
	}
	want(t, parse(t, "n.exe", read(t, dir, "n.exe")), "timestamp", "none")
	if got := content(t, f, ".rodata strings"); got != "/opt/src/\n" {
		t.Errorf("got %q", got)
	}
	covered(t, read(t, dir, "m.exe"), "m.exe")
}

// peByHand returns a program that has a debug directory and nothing else.
func peByHand() string {
	data := "MZ" + strings.Repeat("\x00", 58) + "\x40\x00\x00\x00" + "PE\x00\x00" +
		"\x64\x86\x01\x00\x25\x7c\x93\x65" + strings.Repeat("\x00", 8) + "\xf0\x00\x22\x00" + // COFF header
		"\x0b\x02\x0e\x00" + strings.Repeat("\x00", 104) + "\x10\x00\x00\x00" + // optional header
		strings.Repeat("\x00", 48) + "\x00\x10\x00\x00\x1c\x00\x00\x00" + strings.Repeat("\x00", 72) +
		".rdata\x00\x00\x60\x00\x00\x00\x00\x10\x00\x00\x60\x00\x00\x00\x70\x01\x00\x00" + strings.Repeat("\x00", 12) + "\x40\x00\x00\x40"
	data += strings.Repeat("\x00", 0x170-len(data))
	data += "\x00\x00\x00\x00\x25\x7c\x93\x65\x00\x00\x00\x00\x02\x00\x00\x00\x24\x00\x00\x00\x1c\x10\x00\x00\x8c\x01\x00\x00" +
		"RSDS0123456789abcdef\x01\x00\x00\x00C:\\x\\y.pdb\x00"
	return data + strings.Repeat("\x00", 0x60)
}

func TestPEDebug(t *testing.T) {
	f := parse(t, "x.dll", []byte(peByHand()))
	want(t, f, "timestamp", "2024-01-02T02:59:49Z", "debug directory 2 timestamp", "2024-01-02T02:59:49Z", "PDB path", `C:\x\y.pdb`)
}

func TestLdCache(t *testing.T) {
	t.Setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
	need(t, "ldconfig", "gcc")
	dir := run(t, `mkdir l; echo 'int f(void) { return 0; }' >f.c; gcc -shared -Wl,-soname,libf.so.1 -o l/libf.so.1 f.c
ldconfig -X -C "$PWD/ld.so.cache" -f /dev/null "$PWD/l"`)
	f := parse(t, "etc/ld.so.cache", read(t, dir, "ld.so.cache"))
	if got := field(t, f, "generator"); !strings.HasPrefix(got, "ldconfig ") {
		t.Errorf("got %q", got)
	}
	if got := content(t, f, "entries"); !strings.Contains(got, "libf.so.1 => "+dir+"/l/libf.so.1, flags 0x") {
		t.Errorf("got %s", got)
	}
}

// jksByHand returns a key store with something that is no certificate.
func jksByHand() string {
	return jksMagic + "\x00\x00\x00\x02\x00\x00\x00\x01" + "\x00\x00\x00\x02\x00\x03abc\x00\x00\x01\x8c\xc8\x1f\x0d\xd5" +
		"\x00\x05X.509\x00\x00\x00\x03xyz" + strings.Repeat("s", jksSum)
}

func TestJKS(t *testing.T) {
	f := parse(t, "cacerts", []byte(jksByHand()))
	want(t, f, "version", "2", "abc/created", "2024-01-02T03:02:07.573Z", "abc/certificate sha256", digest([]byte("xyz")))
	if p := part(t, f, "checksum"); !p.Derived || p.Size != jksSum {
		t.Errorf("got %s", outline(f))
	}
}

func TestPEM(t *testing.T) {
	need(t, "openssl")
	dir := run(t, `openssl req -x509 -newkey ed25519 -nodes -keyout k.pem -out c.pem -days 7 -subj /CN=one -addext subjectAltName=DNS:a.example 2>/dev/null
openssl req -x509 -newkey ed25519 -nodes -keyout k2.pem -out c2.pem -days 7 -subj /CN=two 2>/dev/null
openssl x509 -in c.pem -outform der -out c.crt; (echo '# one'; cat c.pem; echo '# two'; cat c2.pem) >all.pem`)
	f := parse(t, "c.pem", read(t, dir, "c.pem"))
	want(t, f, "certificate/subject", "CN=one", "certificate/names", "a.example", "certificate/signature algorithm", "Ed25519")
	g := parse(t, "c.crt", read(t, dir, "c.crt"))
	if got, want := field(t, g, "serial"), field(t, f, "certificate/serial"); got != want || g.Format != X509 {
		t.Errorf("got %q, want %q", got, want)
	}
	f = parse(t, "all.pem", read(t, dir, "all.pem"))
	want(t, f, "certificate CN=two/issuer", "CN=two")
	if got := content(t, f, "after certificate CN=one"); got != "# two\n" {
		t.Errorf("got %q", got)
	}
	f = parse(t, "k.pem", read(t, dir, "k.pem"))
	if p := part(t, f, "private key"); p.Open != nil || p.Size != 0 || len(p.Fields) != 1 {
		t.Errorf("got %s", outline(f))
	}
}
