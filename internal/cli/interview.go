package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/term"

	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// A question is one thing that a recipe needs.
type question struct {
	flag, prompt string
	answer       *string
	offer        string // what it is if nobody says otherwise
}

// questions returns what d doesn't say yet, and first what it is based on.
func (d *draft) questions(bases []string) []question {
	var q []question
	ask := func(flag, prompt string, answer *string, offer string) {
		if *answer == "" {
			q = append(q, question{flag, prompt, answer, offer})
		}
	}
	if d.kind == string(recipe.Service) {
		ask("--base", "Base, one of "+strings.Join(bases, ", "), &d.base, "")
	} else if d.base == "" {
		ask("--rootfs", "URL of the root file system, a tar.gz", &d.rootfs, "")
	}
	if d.module == "" {
		ask("--version", "Version of what is packaged", &d.version, d.offers.version)
	}
	ask("--summary", "What it is, in a line", &d.summary, d.offers.summary)
	if d.alpineLicense == "" {
		ask("--license", "License, as SPDX writes it", &d.license, d.offers.license)
	}
	return q
}

// complete asks for what d doesn't say, after what d is based on has said what it
// knows. Without a terminal, what is missing is an error.
func (s *survey) complete(ctx context.Context, d *draft, look lookup, out *initiated) error {
	a, bases := s.project.app, s.bases()
	if d.kind == string(recipe.Service) && len(bases) == 0 {
		return usagef("there is no base to build %s on; write one first: tailsbuild init NAME --kind base", d.name)
	}
	talk := a.interview()
	if q := d.questions(bases); len(q) > 0 && (q[0].flag == "--base" || q[0].flag == "--rootfs") {
		if talk == nil {
			return missingAnswers(q, bases, "")
		}
		if err := talk.ask(ctx, &q[0]); err != nil {
			return err
		}
	}
	if err := s.lookUp(ctx, d, look, talk, out); err != nil {
		return err
	}
	q := d.questions(bases)
	if talk == nil {
		q = slices.DeleteFunc(q, func(q question) bool { return q.offer != "" })
		if len(q) > 0 {
			return missingAnswers(q, bases, out.Unknown)
		}
		return nil
	}
	for i := range q {
		if err := talk.ask(ctx, &q[i]); err != nil {
			return err
		}
	}
	return nil
}

// missingAnswers is the error for questions that nobody answers. unknown is why
// packages don't.
func missingAnswers(missing []question, bases []string, unknown string) error {
	var flags []string
	for _, q := range missing {
		flags = append(flags, q.flag)
	}
	more := ""
	if flags[0] == "--base" {
		more = "; there are the bases " + strings.Join(bases, ", ")
	}
	if unknown != "" {
		more = "; packages were not looked up: " + unknown
	}
	return usagef("stdin is no terminal to ask on, and these are missing: %s%s", strings.Join(flags, ", "), more)
}

// An interview is with somebody on a terminal.
type interview struct {
	answers *bufio.Reader
	w       io.Writer
}

// interview returns nil where nobody can be asked.
func (a *app) interview() *interview {
	if a.stdin == nil || !term.IsTerminal(int(a.stdin.Fd())) {
		return nil
	}
	return &interview{bufio.NewReader(io.LimitReader(a.stdin, answersLimit)), a.stderr}
}

// answersLimit is how much may be typed, in bytes.
const answersLimit = 64 << 10

// ask asks until there is an answer. An empty one takes the offer, if there is one.
func (t *interview) ask(ctx context.Context, q *question) error {
	for *q.answer == "" {
		if q.offer != "" {
			fmt.Fprintf(t.w, "%s [%s]: ", q.prompt, progress.Clean(q.offer))
		} else {
			fmt.Fprintf(t.w, "%s: ", q.prompt)
		}
		line, err := t.line(ctx)
		if err != nil {
			return err
		}
		*q.answer = cmp.Or(line, q.offer)
	}
	return nil
}

// packages asks for packages, which may be looked for by a part of their name, until
// there is an empty answer. found is told of each.
func (t *interview) packages(ctx context.Context, s *stock, found func(constraint string) error) error {
	for {
		fmt.Fprint(t.w, "Alpine package, or a part of its name; nothing for no more: ")
		line, err := t.line(ctx)
		if err != nil || line == "" {
			return err
		}
		_, err = s.lookUp(line)
		if err == nil {
			err = found(line)
		}
		var unknown *unknownPackageError
		switch {
		case errors.As(err, &unknown):
			t.show(s, line, unknown)
		case err != nil:
			return err
		}
	}
}

// show writes down which packages are like what was typed.
func (t *interview) show(s *stock, text string, unknown *unknownPackageError) {
	found, more := s.search(text)
	for _, e := range found {
		fmt.Fprintf(t.w, "  %s  %s\n", e, progress.Clean(e.Description))
	}
	if more > 0 {
		fmt.Fprintf(t.w, "  and %d more\n", more)
	}
	if len(found) == 0 {
		fmt.Fprintf(t.w, "  %v\n", unknown)
		if len(unknown.Similar) > 0 {
			fmt.Fprintf(t.w, "  Did you mean %s?\n", strings.Join(unknown.Similar, ", "))
		}
	}
}

// line reads a line. The read itself can't be interrupted, so that it is left to
// itself when ctx ends.
func (t *interview) line(ctx context.Context) (string, error) {
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		line, err := t.answers.ReadString('\n')
		read <- answer{line, err}
	}()
	select {
	case got := <-read:
		if errors.Is(got.err, io.EOF) {
			return "", usagef("stdin ended before everything was answered")
		}
		return strings.TrimSpace(got.line), got.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
