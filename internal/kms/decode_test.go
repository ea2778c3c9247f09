package kms

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecodeConfig(t *testing.T) {
	got, diags := DecodeConfig("keys.hcl", []byte(`
# A token.
scheme "tbhsm" {
  program     = "/usr/lib/tailsbuild/sigstore-kms-tbhsm"
  pin         = true
  environment = {
    TBHSM_MODULE = "/usr/lib/softhsm/libsofthsm2.so"
    "B"          = ""
  }
}
scheme "hashivault" {
  program   = "/opt/sigstore-kms-hashivault"
  variables = ["VAULT_ADDR", "VAULT_TOKEN"]
}
`))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	want := []*Scheme{
		{Name: "tbhsm", Program: "/usr/lib/tailsbuild/sigstore-kms-tbhsm", PIN: true, Environment: map[string]string{
			"TBHSM_MODULE": "/usr/lib/softhsm/libsofthsm2.so", "B": "",
		}},
		{Name: "hashivault", Program: "/opt/sigstore-kms-hashivault", Variables: []string{"VAULT_ADDR", "VAULT_TOKEN"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got, diags := DecodeConfig("keys.hcl", nil); len(got) != 0 || diags.HasErrors() {
		t.Error(got, diags)
	}
}

// TestDecodeConfigRefuses: what package hclschema refuses is tested there.
func TestDecodeConfigRefuses(t *testing.T) {
	scheme := func(body string) string { return "scheme \"a\" {\n  program = \"/p\"\n" + body + "\n}\n" }
	for src, want := range map[string]string{
		"scheme \"a\" {\n}\n":                               "Missing program",
		"scheme {\n}\n":                                     "Wrong number of labels",
		"scheme \"A\" {\n  program = \"/p\"\n}\n":           "Not a scheme",
		"scheme \"a\" {\n  program = \"p\"\n}\n":            "Not an absolute path",
		"scheme \"a\" {\n  program = \"./p\"\n}\n":          "Not an absolute path",
		"scheme \"a\" {\n  program = \"/a/../p\"\n}\n":      "Not an absolute path",
		"scheme \"a\" {\n  program = \"\"\n}\n":             "Text is empty",
		"scheme \"a\" {\n  program = p\n}\n":                "Nothing to refer to",
		"scheme \"a\" {\n  program = 1E9999999\n}\n":        "Number is out of range",
		scheme(`pin = "yes"`):                               "Not true or false",
		scheme(`pin = null`):                                "Value is null",
		scheme(`more = "x"`):                                "Unknown attribute",
		scheme(`variables = "HOME"`):                        "Not a list",
		scheme(`variables = ["A=B"]`):                       "Not a variable's name",
		scheme(`variables = ["A", "A"]`):                    "Variable is there twice",
		scheme(`variables = ["TAILSBUILD_PASSWORD"]`):       "Variable of tailsbuild's own",
		scheme(`environment = ["A"]`):                       "Wrong type",
		scheme(`environment = { A = "1", "A" = "2" }`):      "Key is there twice",
		scheme(`environment = { "A B" = "1" }`):             "Not a variable's name",
		scheme(`environment = { A = "\u0000" }`):            "Invisible character",
		scheme(`environment = { TAILSBUILD_PIN_FD = "0" }`): "Variable of tailsbuild's own",
		scheme("") + scheme(""):                             "Name is there twice",
		"key = \"x\"\n":                                     "Unknown attribute",
		strings.Repeat("[", 30_000):                         "Nested too deeply",
	} {
		got, diags := DecodeConfig("keys.hcl", []byte(src))
		if got != nil || len(diags) != 1 || diags[0].Summary != want || diags[0].Subject == nil {
			t.Errorf("%.60s: %v, want %q", src, diags, want)
		}
	}
}

func FuzzDecodeConfig(f *testing.F) {
	f.Add([]byte(`scheme "a" { program = "/p", pin = true }`))
	f.Add([]byte("scheme \"a\" {\n  program = \"/p\"\n  variables = [\"A\"]\n  environment = { A = \"1\" }\n}\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		schemes, diags := DecodeConfig("keys.hcl", src)
		for _, s := range schemes {
			if diags.HasErrors() || !strings.HasPrefix(s.Program, "/") || !schemePattern.MatchString(s.Name) {
				t.Fatalf("%+v, %v", s, diags)
			}
		}
	})
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte(`{"publicKey":{"publicKeyPEM":"YQ=="}}`))
	f.Add([]byte(`{"errorMessage":"x"}{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := decodeResponse(b); (r == nil) == (err == nil) {
			t.Fatalf("%v, %v", r, err)
		}
	})
}
