package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/failopen"
	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
)

// systemPolicyFile is the policy of the whole machine.
const systemPolicyFile = "/etc/tailsbuild/policy.hcl"

// An openMachineError reports places where the policy of a machine isn't enforced.
type openMachineError struct{ Places []string }

func (e *openMachineError) Error() string {
	return "this machine runs what its policy doesn't allow, or others can change what it allows: " + strings.Join(e.Places, ", ")
}

// examineOpen prints where images may run that nobody has checked. Where there is
// a policy, open is an *[openMachineError] for that.
func (a *app) examineOpen(file string) (open, err error) {
	m, err := machine(file)
	if err != nil {
		return nil, err
	}
	var places []string
	for _, f := range failopen.Examine(m) {
		if f.Open && !slices.Contains(places, f.Place) {
			places = append(places, f.Place)
		}
		err := a.out.print(finding{Need: f.Place, OK: !f.Open, Open: f.Open, Says: f.Says, Means: f.Means, Fix: f.Fix})
		if err != nil {
			return nil, err
		}
	}
	if m.PolicyFile == "" || len(places) == 0 {
		return nil, nil
	}
	return &openMachineError{places}, nil
}

// machine is this one, with the policy in file, or the one that it has.
func machine(file string) (failopen.Machine, error) {
	m := failopen.Machine{Root: "/", User: uint32(os.Geteuid()), Env: os.Environ()}
	if dir, err := os.UserConfigDir(); err == nil && filepath.IsAbs(dir) {
		m.Config = dir
	}
	if home, err := os.UserHomeDir(); err == nil && filepath.IsAbs(home) {
		m.State = filepath.Join(home, ".local", "state")
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		m.State = dir
	}
	if file != "" {
		path, err := filepath.Abs(file)
		if err != nil {
			return m, err
		}
		if _, err := os.Stat(path); err != nil {
			return m, err
		}
		m.PolicyFile = path
	}
	candidates := []string{systemPolicyFile}
	if m.Config != "" {
		candidates = append(candidates, filepath.Join(m.Config, "tailsbuild", "policy.hcl"))
	}
	for _, path := range candidates {
		// Only one that isn't there makes way for the next.
		if _, err := os.Lstat(path); m.PolicyFile == "" && !errors.Is(err, fs.ErrNotExist) {
			m.PolicyFile = path
		}
	}
	if m.PolicyFile == "" {
		return m, nil
	}
	if src, err := readFile(m.PolicyFile, recipeLimit); err == nil {
		if p, diags := policy.Decode(m.PolicyFile, src); !diags.HasErrors() {
			m.Policy = p
		}
	}
	return m, nil
}
