package policy

import "gitlab.com/tailsbuild/tailsbuild/internal/hclschema"

var casesLanguage = &hclschema.Language{
	One: "test", Many: "tests",
	Shows:  "what is tested",
	Alters: "a file that looks the same and isn't",
	Closed: "A file of tests has no references. Write the value out.",
	Plain:  true,
}

// casesType describes the top level of a file of tests.
var casesType = &hclschema.BlockType{
	Name:   "file of tests",
	Blocks: []*hclschema.BlockType{testType},
}

var marks = []hclschema.Attribute{
	{Name: "logged", Type: hclschema.Boolean, Default: "false", Doc: "Whether it has an entry in a transparency log."},
	{Name: "timestamped", Type: hclschema.Boolean, Default: "false", Doc: "Whether it has a signed timestamp."},
}

var extensionsSaid = hclschema.Attribute{
	Name: "extensions", Type: hclschema.Table, Key: checkExtension,
	Doc: "What the certificate says otherwise than the identity asks for.",
}

var testType = &hclschema.BlockType{
	Name:   "test",
	Labels: []hclschema.Label{{Name: "NAME", Doc: "What is tested, in words."}},
	Doc:    "An image, what is known about it, and the verdict that is expected. What a test doesn't say is as it should be, but that there are no signatures and no rebuilds.",
	Example: `test "a release of ours" {
  image  = "registry.example/services/mqtt:2.7.9-r0"
  expect = "trusted"
  rebuild "riseup" {
    outcome = "reproduced"
  }
}`,
	Many: true,
	Attrs: []hclschema.Attribute{
		{Name: "image", Type: hclschema.Text, Required: true, Check: checkImage, Doc: "A reference to the image."},
		{Name: "expect", Type: hclschema.Text, Required: true, Check: hclschema.OneOf([]string{"trusted", "foreign", "unsigned", "refused"}, "Unknown verdict", "verdict"), Doc: "The verdict: `trusted`, `foreign`, `unsigned` or `refused`."},
		{Name: "reasons", Type: hclschema.Texts, Check: checkName, Doc: "Codes that have to be among the verdict's reasons, see below."},
		{Name: "now", Type: hclschema.Text, Default: "2026-01-01", Check: hclschema.CheckDate, Doc: "The day of the verdict. The trust root, when fresh, expires a day later."},
		{Name: "trust_root", Type: hclschema.Text, Default: "fresh", Check: hclschema.OneOf([]string{"fresh", "expired", "failed"}, "Unknown state", "state of a trust root"), Doc: "State of the scope's trust root: `fresh`, `expired`, or `failed` to be verified."},
		{Name: "target", Type: hclschema.Text, Default: "listed", Check: hclschema.OneOf([]string{"listed", "absent", "other"}, "Unknown state", "state of a target"), Doc: "Whether the trust root lists the image: `listed`, `absent`, or `other`, with another digest."},
		{Name: "revoked", Type: hclschema.Text, Doc: "Why it was revoked, if it was."},
		{Name: "rolled_back", Type: hclschema.Boolean, Default: "false", Doc: "Whether a newer release was seen already."},
		{Name: "minimum_rebuilders", Type: hclschema.Number, Default: "0", Max: 100, Doc: "How many rebuilds the release itself asks for."},
		{Name: "unread", Type: hclschema.Texts, Check: checkName, Doc: "Rebuilders whose statements can't be read where the policy says."},
		{Name: "privileges", Type: hclschema.Texts, Check: checkPrivilege, Doc: "The privileges that it asks for, by identifier."},
		{Name: "end_of_support", Type: hclschema.Text, Default: "9999-12-31", Check: checkUnknownDate, Doc: "The day on which its base's support ends, or `unknown`."},
		{Name: "size", Type: hclschema.Text, Default: "1MiB", Check: hclschema.CheckSize, Doc: "Its compressed size."},
	},
	Blocks: []*hclschema.BlockType{
		{
			Name:    "signature",
			Labels:  []hclschema.Label{{Name: "SIGNER", Check: checkName, Doc: "A signer of the policy, or `stranger`."}},
			Doc:     "A signature of the image.",
			Example: `signature "stranger" {}`,
			Many:    true,
			Attrs: append([]hclschema.Attribute{
				{Name: "key", Type: hclschema.Text, Check: checkName, Doc: "Which of the signer's keys; the first when it is left out."},
				{Name: "identity", Type: hclschema.Text, Check: checkName, Doc: "Which of the signer's identities, in place of a key; the first when the signer has no keys."},
				extensionsSaid,
				{Name: "listed", Type: hclschema.Boolean, Default: "false", Doc: "Whether the trust root names the signature."},
			}, marks...),
		},
		{
			Name:   "rebuild",
			Labels: []hclschema.Label{{Name: "REBUILDER", Check: checkName, Doc: "A rebuilder of the policy, or `stranger`."}},
			Doc:    "A rebuilder's statement.",
			Example: `rebuild "stranger" {
  outcome = "different"
}`,
			Many: true,
			Attrs: append([]hclschema.Attribute{
				{Name: "outcome", Type: hclschema.Text, Required: true, Check: hclschema.OneOf(Outcomes, "Unknown outcome", "outcome of a rebuild"), Doc: "`reproduced`, `different`, `build-failed`, `inputs-missing`, `toolchain-mismatch` or `withdrawn`."},
				{Name: "age", Type: hclschema.Number, Default: "0", Max: 36500, Doc: "How old it is, in days."},
				{Name: "key", Type: hclschema.Text, Check: checkName, Doc: "Which of the rebuilder's keys; the first when it is left out."},
				{Name: "identity", Type: hclschema.Text, Check: checkName, Doc: "Which of the rebuilder's identities, in place of a key; the first when the rebuilder has no keys."},
				extensionsSaid,
				{Name: "builder", Type: hclschema.Text, Check: checkBuilder, Doc: "The builder id that the statement names; the rebuilder's own when it is left out."},
				{Name: "committed", Type: hclschema.Text, Default: "never", Check: hclschema.OneOf([]string{"before", "after", "never"}, "Unknown time", "time of a commitment"), Doc: "When the rebuilder committed to the image: `before` it was signed, `after` that, or `never`."},
			}, marks...),
		},
	},
}

func checkImage(s string) *hclschema.Problem {
	if _, err := ImageName(s); err != nil {
		return hclschema.Wrong("Not an image", hclschema.Quote(s)+` names no image, as in "registry.example/services/mqtt:2.7.9-r0".`)
	}
	return nil
}

func checkUnknownDate(s string) *hclschema.Problem {
	if s == "unknown" {
		return nil
	}
	return hclschema.CheckDate(s)
}
