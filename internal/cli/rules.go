package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/debian"
	"gitlab.com/tailsbuild/tailsbuild/internal/acceptance"
	"gitlab.com/tailsbuild/tailsbuild/internal/apk"
	"gitlab.com/tailsbuild/tailsbuild/internal/assess"
	"gitlab.com/tailsbuild/tailsbuild/internal/declared"
	"gitlab.com/tailsbuild/tailsbuild/internal/enforce"
	"gitlab.com/tailsbuild/tailsbuild/internal/engine"
	"gitlab.com/tailsbuild/tailsbuild/internal/git"
	"gitlab.com/tailsbuild/tailsbuild/internal/graph"
	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
	"gitlab.com/tailsbuild/tailsbuild/internal/inputs"
	"gitlab.com/tailsbuild/tailsbuild/internal/kms"
	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
	"gitlab.com/tailsbuild/tailsbuild/internal/ownership"
	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/proxy"
	"gitlab.com/tailsbuild/tailsbuild/internal/rebuild"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
	"gitlab.com/tailsbuild/tailsbuild/internal/registry"
	"gitlab.com/tailsbuild/tailsbuild/internal/release"
	"gitlab.com/tailsbuild/tailsbuild/internal/sandbox"
	"gitlab.com/tailsbuild/tailsbuild/internal/sign"
	"gitlab.com/tailsbuild/tailsbuild/internal/transfer"
	"gitlab.com/tailsbuild/tailsbuild/internal/trust"
	"gitlab.com/tailsbuild/tailsbuild/internal/trustroot"
	"gitlab.com/tailsbuild/tailsbuild/internal/verdict"
)

// rules map the typed errors of all packages to outcomes. The first that matches
// decides, so what explains an error comes before what it was caused by.
var rules = []rule{
	on(func(*interruptedError) outcome { return outcome{code: exitInterrupted} }),
	on(func(*usageError) outcome { return outcome{code: exitUsage} }),
	on(func(e *unknownPackageError) outcome {
		o := outcome{code: exitUsage}
		if len(e.Similar) > 0 && len(e.Versions) == 0 {
			o.hint = "did you mean " + strings.Join(e.Similar, ", ") + "?"
		}
		return o
	}),
	on(func(*apk.ConstraintError) outcome { return outcome{code: exitUsage} }),
	on(func(*noPassphraseError) outcome {
		return outcome{code: exitUsage, hint: "set " + passwordVariable + ", which may be empty, or name a file with --password-file"}
	}),

	on(auditOutcome),
	on(func(e *someAuditsError) outcome { return outcome{code: e.Code} }),
	on(ownRecipesOutcome),
	on(func(e *exportError) outcome {
		return outcome{code: exitUsage, hint: fmt.Sprintf("take what is in it out first, tailsbuild import %s DIR, then name DIR/NAME-VERSION-rN", e.File)}
	}),
	on(func(*catalogueError) outcome { return outcome{code: exitUsage} }),
	on(func(*assess.NoRootError) outcome { return outcome{code: exitUsage} }),
	on(func(*rebuild.ReleaseKeyError) outcome {
		return outcome{code: exitRefused, hint: "make a key for audits alone: tailsbuild key new --out audit"}
	}),
	on(func(*rebuild.OtherCommitmentError) outcome {
		return outcome{code: exitUsage, hint: "audit without --reveal, or with the commitment, key and builder that belong together"}
	}),
	on(func(*noCommitmentError) outcome {
		return outcome{code: exitUsage, hint: "name what audit commit has kept of these inputs, in its --output; or audit without --reveal, when nothing was committed to"}
	}),
	on(func(*noEvidenceError) outcome {
		return outcome{code: exitRefused, hint: "what nobody signed can't be audited: get the release from elsewhere, with all that is attached to it, as tailsbuild copy does, or ask its publisher to sign it"}
	}),
	on(func(*committedError) outcome {
		return outcome{code: exitUsage, hint: "reveal that one; or remove it, and it can never be revealed"}
	}),
	on(func(*inputs.NotBlindError) outcome {
		return outcome{code: exitInputs, hint: "who knows what has to come out proves nothing; ask for those of tailsbuild archive --blind"}
	}),
	on(func(*assess.TooFewError) outcome {
		return outcome{code: exitRefused, hint: "see who counts, and who doesn't and why: tailsbuild verify"}
	}),
	on(func(*noSignerError) outcome {
		return outcome{code: exitRefused, hint: "name the key of who signed it with --key"}
	}),
	on(untrustedOutcome),
	on(func(*release.DifferentError) outcome { return outcome{code: exitDifferent} }),
	on(func(*differentError) outcome { return outcome{code: exitDifferent} }),
	on(func(*debian.NotFoundError) outcome {
		return outcome{code: exitOther, hint: "apt-get install diffoscope, or leave --with-diffoscope out"}
	}),
	on(func(e *recordedError) outcome {
		return outcome{code: exitDifferent, hint: fmt.Sprintf("there is no release; to see what differs, run tailsbuild build %s --builder a on both machines, then tailsbuild compare", e.Recipe)}
	}),

	on(func(*git.RevisionError) outcome {
		return outcome{code: exitUsage, hint: "see git log; a clone with the newest commits only gets the others by git fetch --unshallow"}
	}),
	on(func(*git.CommandError) outcome {
		return outcome{code: exitOther, hint: "the recipes have to be in a git repository that this user may read"}
	}),

	on(func(*unsupportedError) outcome {
		return outcome{code: exitRefused, hint: "build on a newer base, or say end_of_support = \"warn\" in the policy of " + recipe.ProjectFile}
	}),
	on(func(*brokenReleaseError) outcome { return outcome{code: exitRefused} }),
	on(sealedOutcome),
	on(func(e *noImageError) outcome {
		return outcome{code: exitInputs, hint: fmt.Sprintf("tailsbuild build %s, or name the folder that has its release with --releases; --detached archives it without the image", e.Recipe)}
	}),
	on(recipeOutcome),
	on(func(e *unlockedError) outcome {
		return outcome{code: exitRecipe, hint: "tailsbuild lock " + e.Recipe}
	}),
	on(func(e *lock.MissingError) outcome {
		return outcome{code: exitRecipe, hint: "tailsbuild lock " + e.Recipe}
	}),
	on(func(e *lock.OtherRecipeError) outcome {
		return outcome{code: exitRecipe, hint: fmt.Sprintf("remove it, then tailsbuild lock %s", e.Recipe)}
	}),
	on(func(*lock.ConflictError) outcome { return outcome{code: exitRecipe, hint: "give them different names"} }),
	on(func(e *staleLockError) outcome {
		return outcome{code: exitDifferent, hint: "tailsbuild lock " + strings.Join(e.Recipes, " ")}
	}),
	on(func(*graph.CycleError) outcome { return outcome{code: exitRecipe} }),
	on(func(*graph.MissingError) outcome { return outcome{code: exitRecipe} }),
	on(func(*unformattedError) outcome { return outcome{code: exitRecipe, hint: "tailsbuild fmt"} }),
	on(func(*builder.NotYetError) outcome { return outcome{code: exitRecipe} }),
	on(func(e *builder.UnsatisfiableError) outcome { return outcome{code: exitRecipe, log: e.Log} }),
	on(func(e *builder.RemovalError) outcome {
		return outcome{code: exitRecipe, hint: fmt.Sprintf("a recipe can't remove what its base has: leave out what conflicts with %s, or take another base", e.Package.Name)}
	}),
	on(func(*versionsError) outcome {
		return outcome{code: exitRecipe, hint: "ask for the same version in packages of the recipe, its build and its tests"}
	}),
	on(func(e *overrideError) outcome {
		return outcome{code: exitRecipe, hint: fmt.Sprintf("if that is meant, write overrides = [%q] in repository %q; if not, ask for another package or version", e.Name, e.Repository)}
	}),
	on(func(*ambiguousError) outcome {
		return outcome{code: exitRecipe, hint: "ask for the version that only one of them has, such as name=1.2-r3"}
	}),
	on(func(*builder.OutputRecordError) outcome {
		return outcome{code: exitRecipe, hint: "tailsbuild lock NAME, then build and record it again"}
	}),
	on(func(*openPolicyError) outcome { return outcome{code: exitRecipe} }),
	on(func(*policyTestError) outcome { return outcome{code: exitDifferent} }),
	on(func(*policy.NameError) outcome {
		return outcome{code: exitUsage, hint: "write it as registry.example/name:tag, in lower case, or the name of a recipe"}
	}),
	on(func(e *enforce.ScopeError) outcome { return outcome{code: exitRecipe, hint: e.Fix} }),
	on(func(*enforce.PrefixError) outcome { return outcome{code: exitUsage} }),
	on(func(e *acceptance.NotAcceptedError) outcome { return notAccepted(e) }),
	on(notTrusted),
	on(func(e *someUntrustedError) outcome { return outcome{code: e.Code} }),
	on(func(e *verdict.Error) outcome { return outcome{code: verdictCode(e.Verdict.Kind)} }),
	on(func(*release.SizeError) outcome {
		return outcome{code: exitRecipe, hint: "there is no release; make the image smaller, or raise size in the recipe's limits"}
	}),
	on(func(e *noStatementError) outcome {
		return outcome{code: exitOther, hint: "it has " + cmp.Or(strings.Join(e.Types, ", "), "none")}
	}),
	on(func(*release.InventoryError) outcome {
		return outcome{code: exitRecipe, hint: "there is no release; see what the image has in lib/apk/db/installed, and which Go programs"}
	}),
	on(func(*release.NotPassedError) outcome { return outcome{code: exitStep, hint: "there is no release"} }),
	on(func(*declared.ContradictionError) outcome { return outcome{code: exitRefused} }),
	on(func(*release.ReferenceError) outcome { return outcome{code: exitUsage} }),
	on(func(*release.NameError) outcome { return outcome{code: exitRecipe} }),

	on(func(*release.UnsignedError) outcome {
		return outcome{code: exitRefused, hint: "sign when building: tailsbuild build NAME --key FILE"}
	}),
	on(func(*release.RefusedError) outcome { return outcome{code: exitRefused} }),
	on(func(*changedReleaseError) outcome { return outcome{code: exitRefused} }),
	on(func(*registry.OverwrittenError) outcome { return outcome{code: exitOther, hint: "try again"} }),
	on(func(*transfer.MovedError) outcome {
		return outcome{code: exitRefused, hint: "find out who else writes there, then try again"}
	}),
	on(func(*transfer.LostError) outcome {
		return outcome{code: exitOther, hint: "the registry lost what it was sent; try again, or use another"}
	}),
	on(func(*sameFolderError) outcome { return outcome{code: exitUsage} }),
	on(func(*transfer.TwiceError) outcome { return outcome{code: exitUsage} }),
	on(func(*otherReleaseError) outcome {
		return outcome{code: exitOther, hint: "nothing was imported; choose another folder"}
	}),
	on(func(*oci.BusyError) outcome {
		return outcome{code: exitOther, hint: "wait for the other, or choose another folder"}
	}),
	on(func(*proxy.Error) outcome { return outcome{code: exitUsage} }),
	on(func(*askedError) outcome { return outcome{code: exitRefused} }),
	on(func(*ownership.UnsafeError) outcome {
		return outcome{code: exitRefused, hint: "who can change it decides what is trusted: it has to be root's or this user's, with all folders and links on the way to it"}
	}),
	on(func(*registry.ReferenceError) outcome {
		return outcome{code: exitUsage, hint: "write HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:DIGEST"}
	}),
	on(func(*registry.PlatformError) outcome {
		return outcome{code: exitUsage, hint: "choose one with --platform"}
	}),
	on(func(*registry.InsecureError) outcome { return outcome{code: exitRefused} }),
	on(statusOutcome),
	on(func(*registry.TransferError) outcome {
		return outcome{code: exitOther, hint: "try again; where a proxy is needed, name it with --proxy or in ALL_PROXY"}
	}),
	on(func(*sign.PassphraseError) outcome {
		return outcome{code: exitUsage, hint: "see what " + passwordVariable + " or --password-file has; a key file that is damaged looks the same"}
	}),
	on(func(*kms.ReferenceError) outcome { return outcome{code: exitUsage} }),
	on(func(e *kms.SchemeError) outcome {
		return outcome{code: exitUsage, hint: fmt.Sprintf("to use a key file, name its path; to use a program, name it in a block scheme %q of %s (docs/keys.md)", e.Scheme, strings.Join(e.Files, " or "))}
	}),
	on(func(e *kms.ConfigError) outcome {
		var b strings.Builder
		_ = hclschema.WriteDiagnostics(&b, map[string][]byte{e.File: e.Source}, e.Diags, false)
		return outcome{code: exitUsage, detail: b.String(), hint: "see docs/keys.md"}
	}),
	on(func(*kms.AnswerError) outcome {
		return outcome{code: exitRefused, hint: "check the key's name in its token or service; or the PIN, and mind that tokens lock after a few wrong PINs"}
	}),
	on(func(*kms.ProgramError) outcome { return outcome{code: exitOther} }),
	on(func(*sign.AnswerError) outcome { return outcome{code: exitRefused} }),
	on(func(*sign.ConfigError) outcome { return outcome{code: exitUsage, hint: "see docs/keyless.md"} }),
	on(func(*sign.TrustedRootError) outcome { return outcome{code: exitUsage, hint: "see docs/keyless.md"} }),
	on(func(e *sign.TokenError) outcome {
		if e.Expired {
			return outcome{code: exitRefused, hint: "get a new one; one of GitLab's is good for as long as its job may take"}
		}
		return outcome{code: exitUsage, hint: "see docs/keyless.md"}
	}),
	on(serviceOutcome),
	on(func(*sign.OtherServiceError) outcome {
		return outcome{code: exitRefused, hint: "there is no release; --trusted-root has to have the services that --signing-config names"}
	}),
	on(func(*proxy.Error) outcome { return outcome{code: exitUsage} }),
	on(func(*sign.KeyError) outcome {
		return outcome{code: exitUsage, hint: "make a pair with tailsbuild key new --out PREFIX: PREFIX.key signs, PREFIX.pub verifies"}
	}),

	on(func(e *goneError) outcome {
		return outcome{code: exitInputs, hint: fmt.Sprintf("name a mirror that still has it with --mirror, or choose from what the mirrors have now: tailsbuild lock %s --update", e.Recipe)}
	}),
	on(func(e *contradictedError) outcome {
		return outcome{code: exitRecipe, hint: fmt.Sprintf("nothing but tailsbuild lock changes a lock: get back what it wrote, or remove the file and run tailsbuild lock %s", e.Recipe)}
	}),
	on(func(*olderIndexError) outcome {
		return outcome{code: exitInputs, hint: "the lock stays as it is; use a mirror that is up to date, or say --allow-older-index"}
	}),
	on(func(*apk.SignatureError) outcome { return untrustedPackage }),
	on(func(*apk.MismatchError) outcome { return untrustedPackage }),
	on(func(*apk.FormatError) outcome { return untrustedPackage }),
	on(func(*apk.LimitError) outcome { return untrustedPackage }),
	on(func(*apk.PathError) outcome { return untrustedPackage }),
	on(func(*apk.KeyError) outcome { return untrustedPackage }),

	on(func(e *unconfirmedError) outcome {
		if e.Asked {
			return outcome{code: exitRefused}
		}
		return outcome{code: exitRefused, hint: "read what is shown above; to sign exactly that, add --confirm " + e.Digest}
	}),
	on(func(*unpublishedError) outcome {
		return outcome{code: exitRefused, hint: "name the folder that has \"metadata\" and \"staged\" with --dir; tailsbuild trust init begins a new one"}
	}),
	on(func(*unhealthyError) outcome { return outcome{code: exitRefused} }),
	on(func(*trustroot.NoRoleError) outcome { return outcome{code: exitRefused} }),
	on(func(e *trustroot.StaleError) outcome {
		return outcome{code: exitRefused, hint: fmt.Sprintf("remove staged/%s.json and make the change again", e.Role)}
	}),
	on(func(*trustroot.UnsoundError) outcome {
		return outcome{code: exitRefused, hint: "take \"metadata\" from where it was published, or finish what was interrupted with tailsbuild trust publish"}
	}),
	on(func(*trustroot.OtherRootError) outcome {
		return outcome{code: exitRefused, hint: "don't sign; ask the other officers which one is theirs"}
	}),
	on(func(*trustroot.SignatureError) outcome { return outcome{code: exitRefused} }),
	on(func(*trustroot.ExpiredError) outcome { return outcome{code: exitRefused} }),
	on(func(*trustroot.FormatError) outcome { return outcome{code: exitRefused} }),
	on(func(*trustroot.LimitError) outcome { return outcome{code: exitRefused} }),
	on(func(*trustroot.RevokedKeyError) outcome {
		return outcome{code: exitRefused, hint: "make a new key: tailsbuild key new --out PREFIX"}
	}),
	on(func(e *trustroot.TooFewKeysError) outcome {
		o := outcome{code: exitUsage, hint: "name a key that takes its place with --add PUB"}
		if e.Delegation {
			o.hint += ", or take the whole delegation back: tailsbuild trust revoke delegation " + e.Role
		}
		return o
	}),
	on(func(*trustroot.ChangeError) outcome { return outcome{code: exitUsage, hint: "tailsbuild trust status"} }),
	on(func(e *trustroot.MissingError) outcome {
		if e.What == "snapshot" {
			return outcome{code: exitUsage, hint: "tailsbuild trust snapshot"}
		}
		return outcome{code: exitUsage, hint: "tailsbuild trust status"}
	}),
	on(func(*trustroot.NotStagedError) outcome {
		return outcome{code: exitUsage, hint: "tailsbuild trust status"}
	}),
	on(func(*trustroot.BusyError) outcome { return outcome{code: exitOther, hint: "try again"} }),
	on(func(*trust.FormatError) outcome { return outcome{code: exitUsage} }),
	on(func(*trust.LimitError) outcome { return outcome{code: exitUsage} }),

	on(func(*inputs.MismatchError) outcome {
		return outcome{code: exitInputs, hint: "the bytes were not used; find a mirror that has the right ones and name it with --mirror"}
	}),
	on(func(*inputs.MissingError) outcome {
		return outcome{code: exitInputs, hint: "name a folder or URL that has it with --mirror"}
	}),
	on(func(*inputs.KindError) outcome { return outcome{code: exitInputs} }),
	on(func(*inputs.FormatError) outcome { return outcome{code: exitInputs} }),
	on(func(*inputs.LimitError) outcome { return outcome{code: exitInputs} }),
	on(func(*inputs.ToolError) outcome { return outcome{code: exitOther, hint: "tailsbuild doctor"} }),

	on(stepOutcome),
	on(testOutcome),
	on(func(*sandbox.UnavailableError) outcome {
		return outcome{code: exitOther, hint: "there is no release; test on a machine that has it, or release untested with --skip-tests"}
	}),
	on(func(e *builder.TestProcessError) outcome {
		return outcome{code: exitOther, log: e.Log, hint: "tailsbuild doctor"}
	}),
	on(func(*builder.MachineError) outcome { return outcome{code: exitOther, hint: "tailsbuild doctor"} }),
	on(func(e *builder.DaemonError) outcome {
		return outcome{code: exitOther, log: e.Log, hint: "tailsbuild doctor"}
	}),
	on(func(e *builder.TimeoutError) outcome {
		return outcome{code: exitOther, log: e.Log, hint: "try again; --timeout gives builds more time"}
	}),
	on(func(*unfitError) outcome { return outcome{code: exitOther} }),
	on(func(*openMachineError) outcome { return outcome{code: exitOther} }),
	on(func(*engine.ReferenceError) outcome {
		return outcome{code: exitUsage, hint: "write the registry's full name, in lower case, and a tag or a digest"}
	}),
	on(func(*engine.DigestError) outcome { return outcome{code: exitRefused} }),
	on(func(*engine.UnavailableError) outcome {
		return outcome{code: exitOther, hint: "nothing was pulled; apt-get install podman"}
	}),
	on(func(e *engine.CommandError) outcome {
		return outcome{code: exitOther, log: strings.Split(strings.TrimSpace(string(e.Log)), "\n")}
	}),

	on(func(*notArchiveError) outcome {
		return outcome{code: exitOther, hint: "choose another folder with --output, or remove it"}
	}),

	is(syscall.ENOSPC, "the disk is full: make room, or use another disk with --store or --output"),
	is(fs.ErrExist, "nothing was overwritten; choose another name"),
	is(fs.ErrPermission, "check who owns it, or choose another folder with --output or --store"),
	is(context.DeadlineExceeded, "try again"),
}

// untrustedPackage is for what a mirror has and no key of the repository signed.
var untrustedPackage = outcome{code: exitInputs, hint: "nothing was locked; find a mirror that has what the repository's own keys signed and name it with --mirror"}

// is is a rule for an error that is a value. Its code is exitOther.
func is(target error, hint string) rule {
	return func(err error) (outcome, bool) {
		return outcome{code: exitOther, hint: hint}, errors.Is(err, target)
	}
}

// verdictCode is the exit code of an image that doesn't run.
func verdictCode(kind verdict.Kind) int {
	if kind == verdict.Foreign {
		return exitForeign
	}
	return exitRefused
}

func notAccepted(e *acceptance.NotAcceptedError) outcome {
	o := outcome{code: verdictCode(e.Verdict.Kind)}
	var config *acceptance.ConfigError
	switch {
	case errors.Is(e, acceptance.ErrNoTerminal):
		o.hint = "run it at a terminal, or have the administrator name the digest in " + acceptance.ConfigFile
	case errors.As(e, &config):
		o.hint = "nothing is accepted until that is mended: the file and its folders belong to root, and nobody else may write them"
	}
	return o
}

func statusOutcome(e *registry.StatusError) outcome {
	o := outcome{code: exitOther, hint: "try again"}
	switch e.Code {
	case 401, 403:
		o.hint = "log in with docker login or podman login, and check the name"
	case 404:
		o.hint = "check the name: the registry has nothing there, or doesn't show it"
	}
	return o
}

// serviceOutcome tells a token that isn't taken from a service that fails.
func serviceOutcome(e *sign.ServiceError) outcome {
	var status *sign.StatusError
	if e.Service == sign.CertificateAuthority && errors.As(e, &status) && status.Code >= 400 && status.Code < 500 {
		return outcome{code: exitRefused, hint: "there is no release; the token has to be of an issuer that the authority knows, and meant for it: see docs/keyless.md"}
	}
	return outcome{code: exitOther, hint: "there is no release; try again; where a proxy is needed, name it in ALL_PROXY"}
}

func recipeOutcome(e *recipeError) outcome {
	var b strings.Builder
	e.write(&b)
	return outcome{code: exitRecipe, detail: b.String()}
}

func stepOutcome(e *builder.StepError) outcome {
	o := outcome{code: exitStep, log: e.Log}
	if e.Snippet != "" {
		for i, line := range strings.Split(strings.TrimRight(e.Snippet, "\n"), "\n") {
			o.detail += fmt.Sprintf("%5d | %s\n", e.Range.Start.Line+i, progress.Clean(line))
		}
	}
	return o
}

// ownRecipesOutcome shows what is wrong in the auditor's own folder of recipes.
func ownRecipesOutcome(e *sourceError) outcome {
	o := outcome{code: exitOther, hint: "nothing is said of the release; name the folder that holds the recipes"}
	var diags *recipeError
	if errors.As(e, &diags) {
		o.detail = recipeOutcome(diags).detail
	}
	return o
}

// last returns the end of a log.
func last(lines []string) []string {
	const most = 20
	return lines[max(0, len(lines)-most):]
}

// quote shows lines of a log.
func quote(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&b, "      > %s\n", progress.Clean(line))
	}
	return b.String()
}
