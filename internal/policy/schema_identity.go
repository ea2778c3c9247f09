package policy

import (
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

var sigstoreType = &hclschema.BlockType{
	Name:   "sigstore",
	Labels: []hclschema.Label{{Name: "NAME", Check: checkName, Doc: nameDoc}},
	Doc:    "Services whose word counts: authorities that certify who signs without a key, transparency logs, and timestamp authorities. [Keyless signatures, logs and time](keyless.md) says how to come by the file.",
	Example: `sigstore "tails" {
  trusted_root = "/usr/share/tailsbuild/tails.trusted_root.json"
}`,
	Many: true,
	Attrs: []hclschema.Attribute{
		{Name: "trusted_root", Type: hclschema.Text, Required: true, Check: checkFile, Doc: "Path of sigstore's `trusted_root.json` with the services and their keys. A relative path is meant from the policy's folder. When it can't be read, every image is refused."},
	},
}

var identityType = &hclschema.BlockType{
	Name:   "identity",
	Labels: []hclschema.Label{{Name: "NAME", Check: checkName, Doc: nameDoc}},
	Doc:    "Who signs without a key: as whom an issuer of identities, such as a GitLab instance, knows them, and a certificate says it that was valid for some minutes. A timestamp by an authority of the same sigstore has to show that they have signed in these.",
	Example: `identity "release" {
  sigstore = "tails"
  issuer   = "https://gitlab.example.org"
  subject  = "https://gitlab.example.org/tails/images//.gitlab-ci.yml@refs/heads/main"
  extensions = {
    deployment-environment = "release"
    source-repository-ref  = "refs/heads/main"
  }
}`,
	Many: true,
	Attrs: []hclschema.Attribute{
		{Name: "sigstore", Type: hclschema.Text, Required: true, Check: checkName, Doc: "The sigstore whose authorities certify it."},
		{Name: "issuer", Type: hclschema.Text, Required: true, Check: checkIssuer, Doc: "URL of who knows the subject, letter by letter."},
		{Name: "subject", Type: hclschema.Text, Required: true, Check: checkSubject, Doc: "The certificate's alternative name, letter by letter. For a job of GitLab it is the file that the job is in, and the branch or tag; it does not say which job."},
		{Name: "extensions", Type: hclschema.Table, Key: checkExtension, Doc: "What the certificate has to say beside, by the names of Fulcio's extensions: " + strings.Join(extensionNames(), ", ") + "."},
	},
}

func extensionNames() []string {
	var names []string
	for _, name := range slices.Sorted(slices.Values(sign.ExtensionNames)) {
		names = append(names, "`"+name+"`")
	}
	return names
}

var checkIssuer = hclschema.Matches(`https?://[!-~]+`, 500, "Not an issuer",
	`is no URL, as in "https://gitlab.example.org".`)

var checkSubject = hclschema.Matches(`[!-~]+`, 1000, "Not a subject",
	`is neither a URI nor a mail address, as in "https://gitlab.example.org/tails/images//.gitlab-ci.yml@refs/heads/main".`)

func checkExtension(s string) *hclschema.Problem {
	if slices.Contains(sign.ExtensionNames, s) {
		return nil
	}
	return hclschema.Wrong("Unknown extension", "Fulcio has no extension "+hclschema.Quote(s)+" for certificates."+hclschema.Suggest(s, sign.ExtensionNames))
}
