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

func TestDecodeConfigRefuses(t *testing.T) {
	scheme := func(body string) string { return "scheme \"a\" {\n  program = \"/p\"\n" + body + "\n}\n" }
	for src, want := range map[string]string{
		`scheme "a" {}`:                                     "Missing required argument",
		`scheme {}`:                                         "Missing name for scheme",
		`scheme "A" { program = "/p" }`:                     "Not a scheme",
		`scheme "a" { program = "p" }`:                      "Not an absolute path",
		`scheme "a" { program = "./p" }`:                    "Not an absolute path",
		`scheme "a" { program = "/a/../p" }`:                "Not an absolute path",
		`scheme "a" { program = "" }`:                       "Not an absolute path",
		`scheme "a" { program = true }`:                     "Not a text",
		`scheme "a" { program = "/${p}" }`:                  "Expression in a configuration",
		`scheme "a" { program = p }`:                        "Not a text",
		scheme(`pin = "yes"`):                               "Neither true nor false",
		scheme(`pin = null`):                                "Neither true nor false",
		scheme(`more = "x"`):                                "Unsupported argument",
		scheme(`more {}`):                                   "Unsupported block type",
		scheme(`variables = "HOME"`):                        "Invalid expression",
		scheme(`variables = ["A=B"]`):                       "Not a variable's name",
		scheme(`variables = ["A", ["B"]]`):                  "Not a text",
		scheme(`variables = [[["B"]]]`):                     "Nested too deeply",
		scheme(`variables = ["TAILSBUILD_PASSWORD"]`):       "Variable of tailsbuild's own",
		scheme(`environment = ["A"]`):                       "Invalid expression",
		scheme(`environment = { A = "1", "A" = "2" }`):      "Variable is there twice",
		scheme(`environment = { A = ["1"] }`):               "Not a text",
		scheme(`environment = { TAILSBUILD_PIN_FD = "0" }`): "Variable of tailsbuild's own",
		scheme(`environment = { A = "` + strings.Repeat("x", maxValue+1) + `" }`): "Not a text",
		scheme("") + scheme(""):              "Scheme is there twice",
		`key = "x"`:                          "Unsupported argument",
		`scheme "a" { program = 1E9999999 }`: "Expression in a configuration",
		strings.Repeat("[", 30_000):          "Nested too deeply",
		"x = \xff":                           "Invalid character",
		"scheme":                             "Argument or block definition required",
	} {
		got, diags := DecodeConfig("keys.hcl", []byte(src))
		if got != nil || !diags.HasErrors() || !strings.Contains(diags.Error(), want) {
			t.Errorf("%.60s: %v, want %q", src, diags, want)
		}
		for _, d := range diags {
			if d.Subject == nil {
				t.Errorf("%.60s: %v has no place", src, d)
			}
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
