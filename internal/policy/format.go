package policy

import (
	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
)

// Format returns src in the one layout that policies and their tests have. When
// src breaks a limit or isn't HCL, it returns nil and says why.
func Format(filename string, src []byte) ([]byte, hcl.Diagnostics) {
	return hclschema.Format(policyLanguage, filename, src)
}
