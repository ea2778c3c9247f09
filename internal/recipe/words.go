package recipe

import (
	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
)

// recipeLanguage is that of recipes and project files.
var recipeLanguage = &hclschema.Language{
	One: "recipe", Many: "recipes",
	Shows:    "what an image holds",
	Alters:   "another image",
	Large:    " Put large content into a file of its own, and name it with source.",
	Closed:   "The project file has no references: variables get their values here. Write the value out.",
	Siblings: recipeTypes,
}

// Format returns src in the one layout that recipes and project files have:
// indented by two spaces, equals signs aligned, one newline at the end. It
// changes nothing else. When src breaks a limit or isn't HCL, it returns nil and
// says why.
func Format(filename string, src []byte) ([]byte, hcl.Diagnostics) {
	return hclschema.Format(recipeLanguage, filename, src)
}
