package recipe

import "testing"

func TestFormat(t *testing.T) {
	src := "service \"a\" {\nversion=\"1\"\n  base   = \"b\"\n# a comment\n\n\n runtime {\n user=\"root\"\n    }\n}   \n\n\n"
	want := "service \"a\" {\n  version = \"1\"\n  base    = \"b\"\n  # a comment\n\n\n  runtime {\n    user = \"root\"\n  }\n}\n"
	got, diags := Format("recipe.hcl", []byte(src))
	if string(got) != want || len(diags) > 0 {
		t.Errorf("%v\n%s", diags, got)
	}
	if got, diags := Format("recipe.hcl", []byte(" \n\n")); len(got) > 0 || len(diags) > 0 {
		t.Errorf("empty: %q %v", got, diags)
	}
	for _, bad := range []string{"a = ", "a {", "a = 1E9999999", "a = 1\r\n"} {
		if got, diags := Format("recipe.hcl", []byte(bad)); got != nil || !diags.HasErrors() {
			t.Errorf("%q: %q %v", bad, got, diags)
		}
	}
}
