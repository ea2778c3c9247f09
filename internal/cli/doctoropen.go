package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/acceptance"
	"gitlab.com/tailsbuild/tailsbuild/internal/failopen"
	"gitlab.com/tailsbuild/tailsbuild/internal/policy"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
)

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
	if dir, err := stateDir(); err == nil && filepath.IsAbs(dir) {
		m.State = dir
	}
	if err := acceptance.CheckConfig(); err != nil {
		m.AcceptedProblem = err.Error()
	}
	path, err := (&judgeFlags{policy: file}).file()
	if err != nil {
		return m, nil // there is none
	}
	if path, err = filepath.Abs(path); err != nil {
		return m, err
	}
	if _, err := os.Stat(path); err != nil && file != "" {
		return m, err
	}
	m.PolicyFile = path
	if src, err := regular.Read(path, recipeLimit); err == nil {
		if p, diags := policy.Decode(path, src); !diags.HasErrors() {
			m.Policy = p
		}
	}
	return m, nil
}
