package cli

import (
	"fmt"
	"strings"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// An unsupportedError reports bases that the project's policy doesn't allow any
// more.
type unsupportedError struct{ Bases []string }

func (e *unsupportedError) Error() string {
	return "the project's policy refuses a base past its end of support: " + strings.Join(e.Bases, ", ")
}

// checkSupport warns of bases that had their last security fixes before now, or
// returns an unsupportedError if the project's policy refuses such.
func (a *app) checkSupport(project *recipe.Project, todo []*loaded, now time.Time) error {
	var past []string
	said := make(map[string]bool)
	for _, l := range todo {
		for _, r := range l.closure {
			end, err := time.Parse(time.DateOnly, r.EndOfSupport)
			if err != nil || now.Before(end) || said[r.Name] {
				continue // the recipe's check allows dates only; "" is none
			}
			said[r.Name] = true
			past = append(past, fmt.Sprintf("%s since %s", r.Name, r.EndOfSupport))
			if !project.RefuseUnsupported {
				a.warn("%s is past its end of support: it has had no security fixes since %s", r.Name, r.EndOfSupport)
			}
		}
	}
	if project.RefuseUnsupported && len(past) > 0 {
		return &unsupportedError{past}
	}
	return nil
}
