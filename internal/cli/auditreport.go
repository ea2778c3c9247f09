package cli

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	page "html/template"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
	"gitlab.com/tailsbuild/tailsbuild/diffoscope/report"
	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/rebuild"
)

// A phase is a part of an audit, and how long it took.
type phase struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// An extent says which image of a release an outcome is about, and which it isn't.
type extent struct {
	Platform string `json:"platform,omitempty"`
	// Index is the index that the image is in, "" for one that is alone, NotAudited the
	// platforms of the index's other images, and Lacks the architectures that the recipe
	// is for and the release isn't.
	Index      digest.Digest `json:"index,omitempty"`
	NotAudited []string      `json:"notAudited,omitempty"`
	Lacks      []string      `json:"lacks,omitempty"`
	// CalledOtherwise is what the reference calls the release, "" when that is its name.
	CalledOtherwise string `json:"calledOtherwise,omitempty"`
}

// ForPlatform is " for" the image's platform when it isn't the whole release.
func (e *extent) ForPlatform() string {
	if e.Index == "" {
		return ""
	}
	return " for " + e.Platform
}

// line says in one line what is to be known of it, "" for nothing.
func (e *extent) line() string {
	var parts []string
	if e.Index != "" {
		parts = append(parts, e.Platform)
	}
	if len(e.NotAudited) > 0 {
		parts = append(parts, "not audited: "+strings.Join(e.NotAudited, ", "))
	}
	if len(e.Lacks) > 0 {
		parts = append(parts, "lacks "+strings.Join(e.Lacks, ", "))
	}
	if e.CalledOtherwise != "" {
		parts = append(parts, "the reference calls it "+e.CalledOtherwise)
	}
	return strings.Join(parts, "; ")
}

// An audited is what came of an audit.
type audited struct {
	Target string `json:"target"`
	Name   string `json:"name"` // as the signed evidence has it
	// Image is the published one, Rebuilt the one that came out, if one did.
	Image   digest.Digest    `json:"image"`
	Rebuilt digest.Digest    `json:"rebuilt,omitempty"`
	Outcome evidence.Outcome `json:"outcome"`
	Reason  string           `json:"reason,omitempty"`
	extent
	// Expected is the image that somebody else says it is.
	Expected digest.Digest `json:"expected,omitempty"`
	Source   *sourced      `json:"source,omitempty"`
	// Committed is the image that was committed to before it was published.
	Committed digest.Digest `json:"committed,omitempty"`
	// Signer is the key of the release, and Toolchain its toolchain record.
	Signer    string          `json:"signer"`
	Plan      digest.Digest   `json:"plan"`
	Lock      digest.Digest   `json:"lock"`
	Toolchain evidence.Output `json:"toolchain"`
	// OtherToolchain says what is different here.
	OtherToolchain string `json:"otherToolchain,omitempty"`
	// Inputs is how many there were, all from the release, and InputsSize the bytes
	// of all.
	Inputs     int   `json:"inputs"`
	InputsSize int64 `json:"inputsSize"`
	// Fetched is how many bytes a registry has sent, 0 when none was asked.
	Fetched   int64             `json:"fetched,omitempty"`
	Variation map[string]string `json:"variation,omitempty"`
	Log       []string          `json:"log,omitempty"` // the end of what a failed step wrote
	// BuilderID and KeyID are the auditor's own, "" when nothing was signed.
	BuilderID string    `json:"builderId,omitempty"`
	KeyID     string    `json:"keyId,omitempty"`
	Published string    `json:"published,omitempty"`
	Report    string    `json:"report"`
	At        time.Time `json:"at"`
	Seconds   float64   `json:"seconds"`
	Phases    []phase   `json:"phases"`

	started    time.Time
	comparison string // as text, when the images differ
}

func (o *audited) kind() string { return "audit" }

// outcomeWord is an outcome as people are shown it.
func outcomeWord(o evidence.Outcome) string { return strings.ToUpper(string(o)) }

func (o *audited) Word() string { return outcomeWord(o.Outcome) }

func (o *audited) text(w io.Writer) {
	fmt.Fprintf(w, "%s is %s\n", progress.Clean(o.what()), o.Word())
	for _, row := range o.Rows() {
		fmt.Fprintf(w, "  %-10s %s\n", row[0], progress.Clean(row[1]))
	}
}

// what names what was audited: a release, or one image of it.
func (o *audited) what() string { return o.Target + o.ForPlatform() }

// Rows are what is known, in the order of the report.
func (o *audited) Rows() [][2]string {
	var rows rows
	o.addImage(rows.add)
	o.addFound(rows.add)
	o.addMade(rows.add)
	return rows
}

// rows are names with what is known.
type rows [][2]string

func (r *rows) add(name, format string, args ...any) {
	*r = append(*r, [2]string{name, fmt.Sprintf(format, args...)})
}

// addImage says what was audited.
func (o *audited) addImage(add func(name, format string, args ...any)) {
	add("release", "%s, signed with key %s", o.Name, o.Signer)
	if o.CalledOtherwise != "" {
		add("warning", "the reference calls it %s, it calls itself %s", o.CalledOtherwise, o.Name)
	}
	add("platform", "%s", o.Platform)
	if len(o.NotAudited) > 0 {
		add("besides", "%s, NOT AUDITED (--platform)", strings.Join(o.NotAudited, ", "))
	}
	if len(o.Lacks) > 0 {
		add("lacks", "%s", strings.Join(o.Lacks, ", "))
	}
	if o.Index != "" {
		add("of index", "%s", o.Index)
	}
	add("published", "%s", o.Image)
}

// addFound says what came out, and what else is known of the image.
func (o *audited) addFound(add func(name, format string, args ...any)) {
	switch {
	case o.Rebuilt == "":
		add("rebuilt", "nothing came out")
	case o.Rebuilt == o.Image:
		add("rebuilt", "%s, the same, bit for bit", o.Rebuilt)
	default:
		add("rebuilt", "%s, ANOTHER", o.Rebuilt)
	}
	if o.Expected != "" {
		add("expected", "%s, %s", o.Expected, o.same(o.Expected))
	}
	if o.Committed != "" {
		add("committed", "%s, %s, before it was published", o.Committed, o.same(o.Committed))
	}
	if o.Reason != "" {
		add("reason", "%s", o.Reason)
	}
	if s := o.Source; s != nil && len(s.Differs) == 0 {
		add("source", "%s has the same recipes, lock and plan", s.Dir)
	} else if s != nil {
		add("source", "%s is OTHERWISE: %s", s.Dir, strings.Join(s.Differs, ", "))
	}
}

// addMade says of what it was made, how, and who says so.
func (o *audited) addMade(add func(name, format string, args ...any)) {
	add("lock", "%s", o.Lock)
	add("plan", "%s", o.Plan)
	if o.Inputs > 0 {
		add("inputs", "%d, %s, all from the release", o.Inputs, size(o.InputsSize))
	}
	if o.Fetched > 0 {
		add("fetched", "%s, from the registry", size(o.Fetched))
	}
	add("toolchain", "output %d, BuildKit %s with compatibility %d, %s", o.Toolchain.Compatibility, o.Toolchain.BuildKit, o.Toolchain.BuildKitCompatibility, o.Toolchain.Compression)
	if o.OtherToolchain != "" {
		add("here", "%s", o.OtherToolchain)
	}
	if len(o.Variation) > 0 {
		add("varied", "%s", strings.Join(slices.Sorted(maps.Keys(o.Variation)), ", "))
	}
	if o.KeyID == "" {
		add("signed", "no: nothing is said to others (--own-key, --builder-id)")
	} else {
		add("signed", "by %s, with key %s", o.BuilderID, o.KeyID)
	}
	if o.Published != "" {
		add("added to", "%s", o.Published)
	}
	var phases []string
	for _, p := range o.Phases {
		phases = append(phases, fmt.Sprintf("%s %.1f", p.Name, p.Seconds))
	}
	add("time", "%.1f s at %s (%s)", o.Seconds, o.At.Format(time.RFC3339), strings.Join(phases, ", "))
	add("report", "%s", o.Report)
}

// is reports whether a digest is the published image's, or that of the index that
// names it.
func (o *audited) is(d digest.Digest) bool { return d == o.Image || d == o.Index }

// same says whether the published image is this one.
func (o *audited) same(image digest.Digest) string {
	if o.is(image) {
		return "the same"
	}
	return "ANOTHER"
}

// Comparison is the text of the comparison, "" when there is nothing to see.
func (o *audited) Comparison() string { return o.comparison }

// err returns nil for what was reproduced, and an *[auditError] for all else.
func (o *audited) err() error {
	if o.Outcome == evidence.Reproduced {
		return nil
	}
	return &auditError{Target: o.what(), Outcome: o.Outcome, Reason: o.Reason, Log: o.Log}
}

// An auditError reports a release that was not reproduced.
type auditError struct {
	Target  string
	Outcome evidence.Outcome
	Reason  string
	Log     []string
}

func (e *auditError) Error() string {
	return fmt.Sprintf("%s is %s: %s", e.Target, outcomeWord(e.Outcome), e.Reason)
}

// auditOutcome is the outcome of an audit as one of the command line.
func auditOutcome(e *auditError) outcome {
	switch e.Outcome {
	case evidence.Different:
		return outcome{code: exitDifferent}
	case evidence.BuildFailed:
		return outcome{code: exitStep, log: e.Log}
	case evidence.InputsMissing:
		return outcome{code: exitInputs, hint: "the release can't be rebuilt by anyone as it is; ask for a copy with its sealed inputs"}
	case evidence.ToolchainMismatch:
		return outcome{code: exitToolchain, hint: "audit it with the tailsbuild that the release was made with, or see what comes out all the same: --other-toolchain"}
	}
	return outcome{code: exitOther}
}

//go:embed audit.html
var auditPage string

var auditTemplate = page.Must(page.New("audit").Parse(auditPage))

// report writes the folder with the report: aside, and then in the place of an
// earlier one.
func (t *oneAudit) report(ctx context.Context, attempt *rebuild.Attempt, statements []rebuild.Statement) (err error) {
	out := t.out
	resource, err := evidence.NewResource(out.Name, out.Image)
	if err != nil {
		return err
	}
	// One image may be in several places, and each is another release.
	out.Report = filepath.Join(t.flags.output, fmt.Sprintf("%s-%s-%.12s-%.8s",
		resource.Name, resource.Tag, out.Image.Encoded(), digest.FromString(out.Target).Encoded()))
	if err := os.MkdirAll(t.flags.output, 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(t.flags.output, ".audit-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	if err := t.writeComparison(ctx, temp, attempt); err != nil {
		return err
	}
	if len(statements) > 0 {
		if err := rebuild.Publish(filepath.Join(temp, "statements"), statements); err != nil {
			return err
		}
	}
	if err := out.write(temp); err != nil {
		return err
	}
	return replaceReport(temp, out.Report)
}

// writeComparison writes how the two images differ, and the one that came out.
func (t *oneAudit) writeComparison(ctx context.Context, dir string, attempt *rebuild.Attempt) error {
	c := attempt.Comparison()
	if c == nil || c.Identical() {
		return nil
	}
	raw, err := attempt.ComparisonJSON()
	if err != nil {
		return err
	}
	var full, short bytes.Buffer
	if err := errors.Join(diffoscope.WriteFullText(&full, c), diffoscope.WriteText(&short, c)); err != nil {
		return err
	}
	t.out.comparison = short.String()
	return errors.Join(
		writeFile(filepath.Join(dir, "comparison.json"), raw, 0o644),
		writeFile(filepath.Join(dir, "comparison.txt"), full.Bytes(), 0o644),
		report.WriteInto(filepath.Join(dir, "comparison"), report.Files(c, report.Options{Title: t.out.Name})),
		copyLayout(ctx, filepath.Join(dir, "image"), attempt.Built()),
	)
}

// write writes the three forms of the report.
func (o *audited) write(dir string) error {
	var text, html bytes.Buffer
	o.text(&text)
	if o.comparison != "" {
		fmt.Fprintf(&text, "\n%s", o.comparison)
	}
	if err := auditTemplate.Execute(&html, o); err != nil {
		return err
	}
	object, err := json.MarshalIndent(struct {
		Version int `json:"version"`
		*audited
	}{1, o}, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(
		writeFile(filepath.Join(dir, "report.txt"), text.Bytes(), 0o644),
		writeFile(filepath.Join(dir, "report.html"), html.Bytes(), 0o644),
		writeFile(filepath.Join(dir, reportFile), append(object, '\n'), 0o644),
	)
}

// reportFile is the file that shows that a folder is a report.
const reportFile = "report.json"

// replaceReport puts the folder temp at dir, in the place of an earlier report and
// of nothing else.
func replaceReport(temp, dir string) error {
	old := temp + ".old"
	if _, err := os.Lstat(filepath.Join(dir, reportFile)); err == nil {
		if err := os.Rename(dir, old); err != nil {
			return err
		}
	}
	err := os.Rename(temp, dir)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there, and is no report of an audit: %w", dir, err)
	}
	return errors.Join(err, builder.Remove(old))
}
