package policy

import (
	"fmt"
	"net/url"
	"path"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
	"gitlab.com/tailsbuild/tailsbuild/internal/privilege"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
)

// The schema is the one place that says which blocks and attributes a policy has:
// decoding follows it, and the reference in docs/policy.md is written from it.

var policyLanguage = &hclschema.Language{
	One: "policy", Many: "policies",
	Shows:  "what may run",
	Alters: "a file that looks the same and isn't",
	Closed: "A policy has no references: what may run should be seen by reading it. Write the value out.",
	Plain:  true,
}

// policyType describes the file's top level.
var policyType = &hclschema.BlockType{
	Name:   "policy",
	Blocks: []*hclschema.BlockType{trustRootType, sigstoreType, signerType, rebuilderType, scopeType},
}

const nameDoc = "Lower-case letters, digits, and single `-` between them."

var organisation = hclschema.Attribute{
	Name: "organisation", Type: hclschema.Text, Required: true, Check: checkName,
	Doc: "Who holds the keys, in lower-case letters, digits and single `-`. Organisations are told apart by this name alone.",
}

var keyType = &hclschema.BlockType{
	Name:   "key",
	Labels: []hclschema.Label{{Name: "NAME", Check: checkName, Doc: nameDoc}},
	Doc:    "A public key, as `tailsbuild key new` writes it to `PREFIX.pub`. There is at least one, or an identity.",
	Example: `key "2026" {
  public = <<-EOT
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
    6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
    -----END PUBLIC KEY-----
  EOT
}`,
	Many: true,
	Attrs: []hclschema.Attribute{
		{Name: "public", Type: hclschema.Content, Required: true, Check: checkKey, Doc: "ECDSA P-256 public key in PEM. No key is there twice, under whatever name."},
	},
}

var trustRootType = &hclschema.BlockType{
	Name:   "trust_root",
	Labels: []hclschema.Label{{Name: "NAME", Check: checkName, Doc: nameDoc}},
	Doc:    "A trust root: signed metadata that lists releases by name, version and digest, says what is revoked, and expires.",
	Example: `trust_root "tails" {
  organisation = "tails"
  root         = "/usr/share/tailsbuild/tails.root.json"
  sources      = ["https://trust.example/tails", "/media/stick/trust"]
}`,
	Many: true,
	Attrs: []hclschema.Attribute{
		organisation,
		{Name: "root", Type: hclschema.Text, Required: true, Check: checkFile, Doc: "Path of the root metadata that all else is checked from. A relative path is meant from the policy's folder."},
		{Name: "sources", Type: hclschema.Texts, Check: checkSource, Doc: "Where newer metadata comes from, in the order in which it is tried: https URLs, http URLs of onion services, and folders."},
	},
}

var signerType = &hclschema.BlockType{
	Name:   "signer",
	Labels: []hclschema.Label{{Name: "NAME", Check: checkName, Doc: nameDoc}},
	Doc:    "Who signs releases, by keys and identities that the policy itself has.",
	Example: `signer "onionshare" {
  organisation = "onionshare"
  key "2026" {
    public = "…"
  }
}`,
	Many:   true,
	Attrs:  []hclschema.Attribute{organisation},
	Blocks: []*hclschema.BlockType{keyType, identityType},
}

var rebuilderType = &hclschema.BlockType{
	Name:   "rebuilder",
	Labels: []hclschema.Label{{Name: "NAME", Check: checkName, Doc: nameDoc}},
	Doc:    "Who builds releases again and says, in a signed statement, what came out. When any rebuilder of the file got something different, the image is refused in every scope that doesn't say otherwise.",
	Example: `rebuilder "riseup" {
  organisation = "riseup"
  builder      = "https://rebuild.example/v1"
  statements   = ["https://rebuild.example/statements", "oci:registry.example/riseup/statements"]
  key "2026" {
    public = "…"
  }
}`,
	Many: true,
	Attrs: []hclschema.Attribute{
		organisation,
		{Name: "builder", Type: hclschema.Text, Required: true, Check: checkBuilder, Doc: "The builder id that its statements name, a URI. A statement that names another doesn't count."},
		{Name: "statements", Type: hclschema.Texts, Check: checkPlace, Doc: "Where its statements are, beside those that come with a release: https URLs, http URLs of onion services, repositories as `oci:HOST/NAME`, and folders. All of them are read, for every image."},
		{Name: "unreachable", Type: hclschema.Text, Default: string(Refuse), Check: hclschema.OneOf([]string{"refuse", "warn"}, "Unknown answer", "answer to statements that can't be read"), Doc: "What happens when one of `statements` can't be read, so that it may be hidden that the rebuilder got something different: `refuse` the image, or `warn`. What isn't read never counts for an image."},
	},
	Blocks: []*hclschema.BlockType{keyType, identityType},
}

var scopeType = &hclschema.BlockType{
	Name:   "scope",
	Labels: []hclschema.Label{{Name: "PATTERN", Check: checkPattern, Doc: "Which images, by name without tag and digest. One `*` in an element between slashes is any text there; `**` as the last element is all below."}},
	Doc:    "What is asked of some images. Scopes are tried in the order of the file, and the first that matches decides alone. An image without a scope is refused. Either `trust_root` or `signers` is there; with both, both are asked for. What is left out has its strictest meaning, but for `size` and `rebuilders`, which are not asked for then.",
	Example: `scope "registry.example/services/*" {
  trust_root       = "tails"
  sigstore         = "tails"
  transparency_log = "optional"
}`,
	Many: true,
	Attrs: []hclschema.Attribute{
		{Name: "trust_root", Type: hclschema.Text, Check: checkName, Doc: "The trust root that has to list the image's digest, and be fresh."},
		{Name: "signers", Type: hclschema.Texts, Filled: true, Check: checkName, Doc: "Signers, one of which has to have signed the image."},
		{Name: "foreign", Type: hclschema.Text, Default: string(Refuse), Check: hclschema.OneOf([]string{"refuse", "warn"}, "Unknown answer", "answer to foreign images"), Doc: "What happens with an image that others have signed: `refuse`, or `warn`, each time."},
		{Name: "unsigned", Type: hclschema.Text, Default: string(Refuse), Check: hclschema.OneOf([]string{"refuse", "ask"}, "Unknown answer", "answer to unsigned images"), Doc: "What happens with an image that nobody has signed: `refuse`, or `ask` a person, twice. With `ask`, `foreign` is `warn`: taking a signature away must not help."},
		{Name: "sigstore", Type: hclschema.Text, Check: checkName, Doc: "The sigstore whose transparency logs and timestamp authorities count. Without one, nothing does: both have to be optional, or every image is refused."},
		{Name: "transparency_log", Type: hclschema.Text, Default: "required", Check: checkRequired, Doc: "Whether a signature or statement counts only with an entry in a transparency log: `required` or `optional`."},
		{Name: "timestamp", Type: hclschema.Text, Default: "required", Check: checkRequired, Doc: "Whether a signature or statement counts only with a signed timestamp: `required` or `optional`."},
		{Name: "end_of_support", Type: hclschema.Text, Default: "refuse", Check: hclschema.OneOf([]string{"refuse", "warn"}, "Unknown answer", "answer to the end of support"), Doc: "What happens with a base that is past its end of support, or doesn't say when that is: `refuse` or `warn`."},
		{Name: "size", Type: hclschema.Text, Check: hclschema.CheckSize, Doc: "Largest compressed image, with KiB, MiB or GiB."},
	},
	Blocks: []*hclschema.BlockType{rebuildersType, privilegesType},
}

var rebuildersType = &hclschema.BlockType{
	Name: "rebuilders",
	Doc:  "How many organisations have to have rebuilt the image, bit for bit. One organisation counts once, however many builders and keys it has, and the scope's own trust root's and signers' don't count. A release can ask for more than the policy does, but not for less.",
	Example: `rebuilders {
  minimum       = 2
  organisations = ["riseup", "debian", "guardian"]
}`,
	Attrs: []hclschema.Attribute{
		{Name: "minimum", Type: hclschema.Number, Required: true, Min: 1, Max: 100, Doc: "How many."},
		{Name: "organisations", Type: hclschema.Texts, Filled: true, Check: checkName, Doc: "Of which. Without it, of all that the file has rebuilders of."},
		{Name: "different", Type: hclschema.Text, Default: string(Refuse), Check: hclschema.OneOf([]string{"refuse", "warn"}, "Unknown answer", "answer to a rebuild that is different"), Doc: "What happens when a rebuilder of the file got something different, and as many as have to got the same: `refuse` the image until it is known why, or `warn` and go by the others. Without a block, it is refused."},
		{Name: "maximum_age", Type: hclschema.Number, Min: 1, Max: 3650, Doc: "In days, how old a statement may be that counts. A statement that was withdrawn can be hidden from who reads, but not for longer than that."},
		{Name: "committed", Type: hclschema.Boolean, Default: "false", Doc: "Whether only those count who [committed](audit.md#committing-first) to the image before it was signed, so that nobody has copied its digest. With `timestamp = \"required\"` by timestamps, else by what the statements say, which the rebuilder can date back."},
	},
}

var privilegesType = &hclschema.BlockType{
	Name: "privileges",
	Doc:  "What an image may ask for beyond the strict default. Without this block, nothing.",
	Example: `privileges {
  highest_tier = 1
  allowed      = ["cap.SYS_CHROOT", "rootfs.rw"]
}`,
	Attrs: []hclschema.Attribute{
		{Name: "highest_tier", Type: hclschema.Number, Required: true, Min: 0, Max: 3, Doc: "0: nothing but the strict default. 1: what a person is shown. 2: what a person confirms by name. 3: what equals root on the host."},
		{Name: "allowed", Type: hclschema.Texts, Check: checkPrivilege, Doc: "Which, by identifier, see below. Without it, all of the allowed tiers."},
	},
}

var checkName = hclschema.Matches(`[a-z0-9]+(-[a-z0-9]+)*`, 63, "Name is not allowed",
	"is used to tell others apart: use lower-case letters, digits, and single dashes between them, at most 63 characters.")

var checkRequired = hclschema.OneOf([]string{"required", "optional"}, "Unknown answer", "answer to whether it has to be there")

var checkBuilder = hclschema.Matches(`[a-z][a-z0-9+.-]*:[!-~]+`, 500, "Not a builder id",
	`is no URI, as in "https://rebuild.example/v1".`)

func checkKey(s string) *hclschema.Problem {
	if _, err := sign.OpenPublicKey([]byte(s)); err != nil {
		return hclschema.Wrong("Not a public key", "It can't be read: "+err.Error()+". Write the content of PREFIX.pub as tailsbuild key new makes it, from its first dash to its last.")
	}
	return nil
}

func checkPrivilege(s string) *hclschema.Problem {
	if _, err := privilege.Parse(s); err != nil {
		return hclschema.Wrong("Not a privilege", hclschema.Quote(s)+` is no identifier, as in "cap.SYS_CHROOT", "dev./dev/net/tun", "mount.ro /media" or "net.outbound". Patterns are not allowed: each privilege is named by itself.`)
	}
	return nil
}

func checkFile(s string) *hclschema.Problem {
	if path.Clean(s) != s || s == "." || s == "/" || strings.HasPrefix(s, "../") || s == ".." {
		return hclschema.Wrong("Not a file", hclschema.Quote(s)+" is no clean path of a file, from / or from the policy's folder, without elements that are empty, . or ..")
	}
	return nil
}

// checkPlace is checkSource, for repositories too.
func checkPlace(s string) *hclschema.Problem {
	switch name, err := Repository(s); {
	case err != nil:
		return hclschema.Wrong("Not a repository", err.Error()+".")
	case name == "":
		return checkSource(s)
	}
	return nil
}

// repositoryPrefix is before the name of a repository where it could be a folder.
const repositoryPrefix = "oci:"

// Repository returns the name, HOST/NAME, of the repository that a place of statements
// is, and "" for one that is none.
func Repository(place string) (string, error) {
	name, ok := strings.CutPrefix(place, repositoryPrefix)
	if !ok {
		return "", nil
	}
	image, err := ImageName(name)
	if err != nil || image != name || !strings.Contains(name, "/") {
		return "", fmt.Errorf(`%s is no repository, as in "oci:registry.example/riseup/statements": without a tag and a digest`, hclschema.Quote(place))
	}
	return name, nil
}

func checkSource(s string) *hclschema.Problem {
	if !strings.Contains(s, "://") {
		return checkFile(s)
	}
	u, err := url.Parse(s)
	wrong := hclschema.Wrong("Not a source", hclschema.Quote(s)+` is no plain address, as in "https://trust.example/tails": without a user, a query and a fragment. Plain http is for onion services alone.`)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return wrong
	case u.Scheme == "https", u.Scheme == "http" && strings.HasSuffix(u.Hostname(), ".onion"):
		return nil
	}
	return wrong
}
