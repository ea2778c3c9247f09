package filetype

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// machoByHand returns a program of one section, that is signed.
func machoByHand() string {
	le, be := binary.LittleEndian, binary.BigEndian
	pad := func(s string, n int) string { return s + strings.Repeat("\x00", n-len(s)) }
	words := func(list ...uint32) (s string) {
		for _, w := range list {
			s += string(le.AppendUint32(nil, w))
		}
		return s
	}
	const text, data = 0x400, "/home/me/src/x.go \x00/opt/lib/y"
	signature := string(be.AppendUint32(nil, 0xfade0cc0)) + "\x00\x00\x00\x3c\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x14" +
		"\xfa\xde\x0c\x02\x00\x00\x00\x28\x00\x02\x04\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x18org.example\x00\x00\x00\x00\x00"
	section := pad("__cstring", 16) + pad("__TEXT", 16) + words(0, 0, uint32(len(data)), 0, text, 0, 0, 0, 0, 0, 0, 0)
	commands := words(0x19, 152) + pad("__TEXT", 16) + words(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0) + section +
		words(0x1b, 24) + "0123456789abcdef" + words(0x32, 24, 1, 11<<16, 14<<16|2<<8, 0) +
		words(0xd, 40, 24, 1700000000, 0, 0) + pad("lib/x.dylib", 16) +
		words(0x1d, 16, text+uint32(len(data)), uint32(len(signature)))
	head := words(0xfeedfacf, 0x100000c, 0, 6, 5, uint32(len(commands)), 0x85, 0)
	return pad(head+commands, text) + data + signature
}

func TestMachO(t *testing.T) {
	f := parse(t, "x", []byte(machoByHand()))
	want(t, f, "machine", "Arm64", "type", "Dylib", "UUID", "30313233343536373839616263646566", "name", "lib/x.dylib",
		"timestamp", "2023-11-14T22:13:20Z", "platform, minimum version and SDK", "1, 11.0.0, 14.2.0",
		"signed as", "org.example", "signed", "ad hoc")
	if got := content(t, f, "__TEXT,__cstring strings"); got != "/home/me/src/\n/opt/lib/y\n" {
		t.Errorf("got %q", got)
	}
	part(t, f, "code signature")
	one := machoByHand()
	fat := "\xca\xfe\xba\xbe\x00\x00\x00\x01\x01\x00\x00\x0c\x00\x00\x00\x00\x00\x00\x00\x40" + string(binary.BigEndian.AppendUint32(nil, uint32(len(one)))) + "\x00\x00\x00\x06"
	fat += strings.Repeat("\x00", 0x40-len(fat)) + one
	if got := content(t, parse(t, "x", []byte(fat)), "Arm64"); got != one {
		t.Errorf("got %d bytes", len(got))
	}
	if _, err := Parse("X.class", strings.NewReader("\xca\xfe\xba\xbe\x00\x00\x00\x41\x00\x10"), Limits{}); !errors.Is(err, ErrUnknown) {
		t.Errorf("a class of Java's: %v", err)
	}
	check(t, "x", []byte(fat))
	for n := range one {
		check(t, "x", []byte(one[:n]))
	}
}

func adbByHand() string {
	block := func(kind uint32, s string) string {
		b := string(binary.LittleEndian.AppendUint32(nil, kind<<30|uint32(4+len(s)))) + s
		return b + strings.Repeat("\x00", -len(b)&7)
	}
	return "ADB.pckg" + block(0, "metadata of /home/me/src/x") + block(1, "signed") +
		block(2, "\x03\x00\x00\x00\x01\x00\x00\x00hello") + block(2, "short")
}

// TestADB: files of apk's third format, in each of its compressions.
func TestADB(t *testing.T) {
	plain := adbByHand()
	f := parse(t, "x.apk", []byte(plain))
	want(t, f, "schema", "package")
	for name, body := range map[string]string{
		"metadata": "metadata of /home/me/src/x", "metadata strings": "/home/me/src/x\n", "signature": "signed", "file 3.1": "hello", "data": "short",
	} {
		if got := content(t, f, name); got != body {
			t.Errorf("%s: got %q", name, got)
		}
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, 6)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write([]byte(plain))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	for head, body := range map[string]string{"ADBd": packed.String(), "ADBc\x01\x09": packed.String(), "ADBc\x00\x00": plain} {
		f := parse(t, "x.apk", []byte(head+body))
		if got := content(t, f, "content"); got != plain {
			t.Errorf("%q: got %d bytes", head, len(got))
		}
	}
	var format *FormatError
	if _, err := Parse("x.apk", strings.NewReader("ADBc\x07\x00\x00\x00"), Limits{}); !errors.As(err, &format) {
		t.Errorf("got %v", err)
	}
}

func FuzzMachO(f *testing.F) { fuzz(f, "x", []byte(machoByHand())) }

func FuzzADB(f *testing.F) {
	fuzz(f, "x.apk", []byte(adbByHand()), []byte("ADBd"), []byte("ADBc\x02\x00"))
}
