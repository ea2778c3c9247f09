package lock

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
)

var update = flag.Bool("update", false, "write golden files")

const (
	hexA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hexB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	sumA = "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	sumB = "h1:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="
)

// sample has every kind of input, in the wrong order.
func sample() *File {
	return &File{
		Recipe: "mqtt",
		Output: CurrentOutput(),
		Inputs: []Input{
			{
				Kind: KindToolchain, Name: "go", Arch: "x86_64", Module: "golang.org/toolchain",
				Version: "v0.0.1-go1.26.8.linux-amd64", Sum: sumA, Size: 5, SHA256: hexB,
			},
			{
				Kind: KindGoModule, Name: "mochi", Module: "github.com/mochi-mqtt/server/v2", Version: "v2.7.9", Sum: sumA,
				Packages: []string{"./cmd", "./${b}/..."},
				Modules: []Module{
					{Path: "example.com/b", Version: "v1.10.0", Sum: sumA, GoModSum: sumB},
					{Path: "example.com/b", Version: "v1.9.0", GoModSum: sumB},
					{Path: "example.com/a", Version: "v0.0.0-20180724234803-3673e40ba225", Sum: sumB, GoModSum: sumA},
				},
				Size: 1 << 33, SHA256: hexA,
			},
			{Kind: KindHTTP, Name: "empty", URL: "https://example.com/${a}?b=%20", SHA256: hexA},
			{
				Kind: KindRootfs, Name: "alpine-3.19", Arch: "x86_64", URL: "https://example.com/x86_64.tar.gz",
				Size: 3, SHA256: hexA, DiffID: hexB,
			},
			{
				Kind: KindRootfs, Name: "alpine-3.19", Arch: "aarch64", URL: "https://example.com/aarch64.tar.gz",
				Size: 4, SHA256: hexB, DiffID: hexA,
			},
		},
		Images: []Image{
			{Arch: "x86_64", Plan: "sha256:" + hexA, Digest: "sha256:" + hexB, Size: 1101},
			{Arch: "aarch64", Plan: "sha256:" + hexB, Digest: "sha256:" + hexA},
		},
	}
}

func TestEncode(t *testing.T) {
	got := sample().Encode()
	golden := filepath.Join("testdata", "sample.lock.hcl")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("Encode (-want +got):\n%s", diff)
	}
}

func TestDecodeEncode(t *testing.T) {
	src := sample().Encode()
	f, diags := Decode(FileName, src)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if diff := cmp.Diff(string(src), string(f.Encode())); diff != "" {
		t.Errorf("Encode of Decode (-want +got):\n%s", diff)
	}
	if f.Digest() != sample().Digest() {
		t.Errorf("digest %s of the decoded lock, %s of the original", f.Digest(), sample().Digest())
	}
	if diff := cmp.Diff(sample().Inputs[2], f.Inputs[1]); diff != "" {
		t.Errorf("http input (-want +got):\n%s", diff)
	}
}

// The digest is part of published evidence: it must never change for the same lock.
func TestDigestIsStable(t *testing.T) {
	const want = "sha256:15cc8d5e29cf24d8514efe3193e39d8cf966c81876da330d8dcb4aadcf0e2873"
	if got := sample().Digest(); got.String() != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}

func TestDigestCovers(t *testing.T) {
	changes := map[string]func(*File){
		"recipe":        func(f *File) { f.Recipe = "x" },
		"compatibility": func(f *File) { f.Output.Compatibility++ },
		"buildkit":      func(f *File) { f.Output.BuildKit = "v1.0.0" },
		"compression":   func(f *File) { f.Output.Compression = "zstd" },
		"size":          func(f *File) { f.Inputs[0].Size++ },
		"sha256":        func(f *File) { f.Inputs[0].SHA256 = hexA },
		"diff_id":       func(f *File) { f.Inputs[3].DiffID = hexA },
		"url":           func(f *File) { f.Inputs[2].URL += "x" },
		"sum":           func(f *File) { f.Inputs[1].Sum = sumB },
		"module's sum":  func(f *File) { f.Inputs[1].Modules[0].GoModSum = sumA },
		"packages":      func(f *File) { f.Inputs[1].Packages = nil },
		"module gone":   func(f *File) { f.Inputs[1].Modules = f.Inputs[1].Modules[1:] },
		"input gone":    func(f *File) { f.Inputs = f.Inputs[1:] },
	}
	want := sample().Digest()
	for name, change := range changes {
		f := sample()
		if change(f); f.Digest() == want {
			t.Errorf("%s: the digest is the same after a change", name)
		}
	}
	f := sample()
	if f.Images = nil; f.Digest() != want {
		t.Error("the digest depends on the recorded images")
	}
}

// Each file in testdata/errors has "# ERROR: <summary>" at the end of every line
// at fault, and no other diagnostics.
func TestDecodeErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.hcl")
	if err != nil || len(files) == 0 {
		t.Fatal("no error fixtures", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for i, line := range strings.Split(string(src), "\n") {
				if _, summary, ok := strings.Cut(line, "# ERROR: "); ok {
					want = append(want, fmt.Sprintf("%d: %s", i+1, summary))
				}
			}
			_, diags := Decode(name, src)
			if diff := cmp.Diff(want, summaries(diags)); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s\n%v", diff, diags)
			}
		})
	}
}

func summaries(diags hcl.Diagnostics) []string {
	var got []string
	for _, d := range diags {
		line := 0
		if d.Subject != nil {
			line = d.Subject.Start.Line
		}
		got = append(got, fmt.Sprintf("%d: %s", line, d.Summary))
	}
	return got
}

func TestDecodeRefusesOtherForms(t *testing.T) {
	src := string(sample().Encode())
	cases := []struct {
		name, src, want string
	}{
		{"no header", strings.Replace(src, header, "", 1), "1: Lock was changed by hand"},
		{"added comment", strings.Replace(src, "output {", "# mine\noutput {", 1), "6: Lock was changed by hand"},
		{"other spaces", strings.Replace(src, "version = 1", "version  =  1", 1), "4: Lock was changed by hand"},
		{"no final newline", strings.TrimSuffix(src, "\n"), fmt.Sprintf("%d: Lock was changed by hand", strings.Count(src, "\n"))},
		{"leading zero", strings.Replace(src, "= 30", "= 030", 1), "9: Lock was changed by hand"},
		{"CRLF", strings.ReplaceAll(src, "\n", "\r\n"), "1: Carriage return in a lock"},
		{"template", strings.Replace(src, `"gzip"`, `"${"gz"}ip"`, 1), "10: Expression in a lock"},
		{"huge exponent", strings.Replace(src, "= 30", "= 1E9999999", 1), "9: Not a plain number"},
		{"brackets", strings.Repeat("[", 200_000), "1: Lock is nested too deeply"},
		{"large", strings.Repeat("#", maxBytes+1), "1: Lock is too large"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, diags := Decode(FileName, []byte(c.src))
			if got := summaries(diags); len(got) == 0 || got[0] != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(sample().Encode())
	f.Add([]byte("recipe = \"x\"\nversion = 1\noutput {}\n"))
	fixtures, _ := filepath.Glob("testdata/errors/*.hcl")
	for _, name := range fixtures {
		if src, err := os.ReadFile(name); err == nil {
			f.Add(src)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		file, diags := Decode(FileName, src)
		for _, d := range diags {
			if d.Subject == nil {
				t.Errorf("no subject: %v", d)
			}
		}
		if !diags.HasErrors() && !bytes.Equal(file.Encode(), src) {
			t.Errorf("accepted %q, which is not canonical", src)
		}
	})
}
