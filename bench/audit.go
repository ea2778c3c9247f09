package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// auditedMany is how many recipes are audited at once.
const auditedMany = 20

// An auditing is releases with their sealed inputs in a registry on this machine, and
// what audits of them said.
type auditing struct {
	*bench
	recipes, dir string
	registry     *server
	names        []string
	phases       map[string][]float64 // seconds
	order        []string             // of the phases
	fetched      []float64            // bytes
}

// openAuditing builds and pushes the releases of recipes.
func (b *bench) openAuditing(ctx context.Context, name, recipes string, names ...string) (_ *auditing, err error) {
	a := &auditing{bench: b, recipes: recipes, dir: filepath.Join(b.dir, name), names: names, phases: map[string][]float64{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	blobs := filepath.Join(a.dir, "registry")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return nil, err
	}
	build := append([]string{
		"build", "--recipes", recipes, "--store", b.ours.store, "--key", b.ours.key(), "--output", a.releases(),
		"--seal", "--skip-tests", "--offline", "--progress", "quiet",
	}, names...)
	if err := start(b.ours.command(ctx, build...)).wait(); err != nil {
		return nil, err
	}
	if a.registry, err = startServer(googles, blobs); err != nil {
		return nil, err
	}
	var catalogue strings.Builder
	for _, name := range names {
		fmt.Fprintln(&catalogue, a.reference(name))
		push := []string{"push", filepath.Join(a.releases(), name), a.reference(name), "--progress", "quiet"}
		if err := a.run(ctx, nil, push...); err != nil {
			return nil, err
		}
	}
	return a, os.WriteFile(a.catalogue(), []byte(catalogue.String()), 0o644)
}

func (a *auditing) releases() string             { return filepath.Join(a.dir, "dist") }
func (a *auditing) catalogue() string            { return filepath.Join(a.dir, "catalogue") }
func (a *auditing) reports() string              { return filepath.Join(a.dir, "audit") }
func (a *auditing) reference(name string) string { return a.registry.address + "/audit/" + name + ":1" }

// close ends the registry, and removes all of it.
func (a *auditing) close() error {
	var err error
	if a.registry != nil {
		err = a.registry.stop()
	}
	return errors.Join(err, os.RemoveAll(a.dir))
}

// run runs tailsbuild, which remembers things in a folder of the run's own.
func (a *auditing) run(ctx context.Context, out *bytes.Buffer, args ...string) error {
	cmd := a.ours.command(ctx, args...)
	cmd.Env = append(cmd.Env, "XDG_STATE_HOME="+filepath.Join(a.dir, "state"))
	if out != nil {
		cmd.Stdout = out
	}
	return start(cmd).wait()
}

// audit audits as a user does who has the packager's public key, and nothing else of
// the release.
func (a *auditing) audit(ctx context.Context, args ...string) error {
	var out bytes.Buffer
	args = append([]string{
		"audit", "--key", filepath.Join(a.ours.dir, "bench.pub"), "--work", filepath.Join(a.dir, "work"), "--output", a.reports(),
		"--progress", "quiet", "--format", "json",
	}, args...)
	if err := a.run(ctx, &out, args...); err != nil {
		return err
	}
	return a.note(out.Bytes())
}

// An auditLine is what an audit prints.
type auditLine struct {
	Audit *struct {
		Outcome string
		Fetched float64
		Phases  []struct {
			Name    string
			Seconds float64
		}
	}
}

// note keeps what audits have printed, one in a line.
func (a *auditing) note(out []byte) error {
	seen := 0
	for line := range bytes.Lines(out) {
		var l auditLine
		if err := json.Unmarshal(line, &l); err != nil {
			return fmt.Errorf("audit: %w in %s", err, line)
		}
		if l.Audit == nil {
			continue
		}
		if l.Audit.Outcome != "reproduced" {
			return fmt.Errorf("audit: %s", line)
		}
		seen++
		a.fetched = append(a.fetched, l.Audit.Fetched)
		for _, p := range l.Audit.Phases {
			if a.phases[p.Name] == nil {
				a.order = append(a.order, p.Name)
			}
			a.phases[p.Name] = append(a.phases[p.Name], p.Seconds)
		}
	}
	if seen != len(a.names) {
		return fmt.Errorf("%d audits, want %d", seen, len(a.names))
	}
	return nil
}

// notes says how long the phases of an audit took, and what came from the registry.
func (a *auditing) notes() []string {
	var phases []string
	for _, name := range a.order {
		phases = append(phases, fmt.Sprintf("%s %s", name, spreadOf(a.phases[name])))
	}
	return []string{
		"seconds of an audit: " + strings.Join(phases, ", "),
		fmt.Sprintf("from the registry, of an audit: %.0f bytes", spreadOf(a.fetched).median),
	}
}

func (a *auditing) removeReports() error { return os.RemoveAll(a.reports()) }

// audits returns a case that audits one of the repository's recipes, beside the build
// that the audit has in it and, of what is compiled, the compile that the build has in it.
func audits(name string) func(*bench, context.Context) (*benchCase, error) {
	return func(b *bench, ctx context.Context) (*benchCase, error) {
		a, err := b.openAuditing(ctx, "audit-"+name, b.recipes(), name)
		if err != nil {
			return nil, err
		}
		built := filepath.Join(a.dir, "built")
		c := &benchCase{name: "audit " + name, end: a.close, late: a.notes, peak: true, contenders: []*contender{
			{name: "tailsbuild audit", after: a.removeReports, run: func(ctx context.Context) error {
				return a.audit(ctx, a.reference(name))
			}},
			{
				name: "tailsbuild build --builder c", rows: []comparison{{"audit - build", (*contender).more}},
				after: func() error { return os.RemoveAll(built) },
				run: func(ctx context.Context) error {
					return a.run(ctx, nil, "build", name, "--recipes", a.recipes, "--store", b.ours.store, "--builder", "c",
						"--offline", "--progress", "quiet", "--output", built)
				},
			},
		}}
		inputs, err := b.ours.inputs(ctx, b.recipes(), name)
		if err != nil {
			return nil, errors.Join(err, a.close())
		}
		if _, err := the("go_module", inputs); err != nil {
			return c, nil
		}
		from, err := b.openCompile(ctx, name, inputs)
		if err != nil {
			return nil, errors.Join(err, a.close())
		}
		c.end = func() error { return errors.Join(from.close(), a.close()) }
		c.contenders = append(c.contenders, from.bare(comparison{"audit - bare compile", (*contender).more}))
		return c, nil
	}
}

// openAuditAll audits many small releases, all at once and one after the other.
func (b *bench) openAuditAll(ctx context.Context) (*benchCase, error) {
	recipes := filepath.Join(b.dir, "many")
	names, err := b.helloProject(ctx, recipes, auditedMany)
	if err != nil {
		return nil, err
	}
	a, err := b.openAuditing(ctx, "audit-all", recipes, names...)
	if err != nil {
		return nil, err
	}
	all := func(jobs string) func(context.Context) error {
		return func(ctx context.Context) error { return a.audit(ctx, "--all", a.catalogue(), "--jobs", jobs) }
	}
	return &benchCase{name: fmt.Sprintf("audit --all of %d", auditedMany), end: a.close, late: a.notes, peak: true, contenders: []*contender{
		{name: "tailsbuild audit --jobs auto", run: all("auto"), after: a.removeReports},
		{name: "tailsbuild audit --jobs 1", run: all("1"), after: a.removeReports, rows: ratio("--jobs 1")},
	}}, nil
}
