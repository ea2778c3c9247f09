package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

type planned struct {
	Recipe  string          `json:"recipe"`
	Version string          `json:"version"`
	Arch    string          `json:"arch"`
	Digest  string          `json:"digest"`
	Lock    string          `json:"lock"`
	Image   string          `json:"image,omitempty"` // recorded for this plan
	Inputs  []plannedInput  `json:"inputs"`
	Steps   []plannedStep   `json:"steps"`
	Plan    json.RawMessage `json:"plan"`
}

type plannedStep struct {
	Digest string `json:"digest"`
	Name   string `json:"name"`
	At     string `json:"at"` // file and line
}

type plannedInput struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	From   string `json:"from"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func newPlanned(l *loaded) planned {
	r := l.plan.Recipe()
	p := planned{
		Recipe:  r.Name,
		Version: version(r),
		Arch:    l.plan.Arch(),
		Digest:  l.plan.Digest().String(),
		Lock:    l.lock.Digest().String(),
		Image:   l.recorded(),
		Inputs:  []plannedInput{},
		Plan:    l.plan.JSON(),
	}
	for _, in := range l.plan.Inputs() {
		p.Inputs = append(p.Inputs, plannedInput{in.Kind, in.Name, origin(in), in.Size, in.SHA256})
	}
	for _, s := range l.plan.Steps() {
		file := filepath.Join(filepath.Dir(filepath.Dir(l.path)), s.Range.Filename)
		p.Steps = append(p.Steps, plannedStep{s.Digest.String(), s.Name, fmt.Sprintf("%s:%d", file, s.Range.Start.Line)})
	}
	return p
}

// origin says where an input comes from.
func origin(in lock.Input) string {
	if in.Module != "" {
		return in.Module + "@" + in.Version
	}
	return in.URL
}

func (p planned) kind() string { return "plan" }

func (p planned) text(w io.Writer) {
	fmt.Fprintf(w, "%s %s for %s\n", p.Recipe, p.Version, p.Arch)
	fmt.Fprintf(w, "  plan      %s\n", p.Digest)
	fmt.Fprintf(w, "  lock      %s\n", p.Lock)
	if p.Image != "" {
		fmt.Fprintf(w, "  recorded  %s\n", p.Image)
	}
	for _, in := range p.Inputs {
		fmt.Fprintf(w, "  input     %s %s, %s\n", in.Kind, in.From, size(in.Size))
		fmt.Fprintf(w, "            sha256:%s\n", in.SHA256)
	}
	for _, s := range p.Steps {
		fmt.Fprintf(w, "  step      %s (%s)\n", s.Name, s.At)
	}
}

func (a *app) planCommand() *cobra.Command {
	var (
		recipes recipeFlags
		archs   archFlag
	)
	cmd := &cobra.Command{
		Use:   "plan NAME",
		Short: "Print what the builders would be given",
		Long: `Makes the plan of a recipe from its file and its lock, and prints its digest and
its inputs and steps. The plan is the same, byte for byte, on every machine; with
--format json it is printed whole. Nothing is fetched or built.`,
		Example: `  tailsbuild plan mqtt
  tailsbuild plan mqtt --format json
  tailsbuild plan alpine-3.20 --arch all`,
	}
	recipes.add(cmd)
	archs.add(cmd)
	return leaf(cmd, cobra.ExactArgs(1), func(_ context.Context, args []string) error {
		p, err := a.openProject(recipes)
		if err != nil {
			return err
		}
		all, err := p.targets(args, archs)
		if err != nil {
			return err
		}
		for _, l := range all[0] {
			if err := a.out.print(newPlanned(l)); err != nil {
				return err
			}
		}
		return nil
	})
}
