package cli

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

type versions struct {
	Version       string `json:"version"`
	Revision      string `json:"revision,omitempty"`
	Modified      bool   `json:"modified,omitempty"`
	Go            string `json:"go"`
	Platform      string `json:"platform"`
	BuildKit      string `json:"buildkit"`
	Compatibility int    `json:"compatibility"`
}

// thisVersion returns what the Go toolchain recorded in this binary.
func thisVersion() versions {
	out := lock.CurrentOutput()
	v := versions{
		Version:       "(devel)",
		Go:            runtime.Version(),
		Platform:      runtime.GOOS + "/" + runtime.GOARCH,
		BuildKit:      out.BuildKit,
		Compatibility: out.Compatibility,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func (v versions) kind() string { return "version" }

func (v versions) text(w io.Writer) {
	fmt.Fprintf(w, "tailsbuild     %s\n", v.Version)
	if v.Revision != "" {
		modified := ""
		if v.Modified {
			modified = " with changes"
		}
		fmt.Fprintf(w, "revision       %s%s\n", v.Revision, modified)
	}
	fmt.Fprintf(w, "go             %s %s\n", v.Go, v.Platform)
	fmt.Fprintf(w, "buildkit       %s\n", v.BuildKit)
	fmt.Fprintf(w, "compatibility  %d\n", v.Compatibility)
}

func (a *app) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions that decide an image's bytes",
		Long: `Prints the version of tailsbuild, of Go and BuildKit inside it, and of its output:
images are the same for the same plan as long as compatibility is.`,
		Example: `  tailsbuild version
  tailsbuild version --format json`,
	}
	return leaf(cmd, cobra.NoArgs, func(context.Context, []string) error {
		return a.out.print(thisVersion())
	})
}
