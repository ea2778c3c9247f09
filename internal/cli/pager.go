package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"gitlab.com/tailsbuild/tailsbuild/internal/progress"
)

// page prints r, through a pager when stdout is a terminal that it is too long for.
func (a *app) page(r result) error {
	f, ok := a.out.w.(*os.File)
	if !ok || a.out.json() || !term.IsTerminal(int(f.Fd())) {
		return a.out.print(r)
	}
	var b bytes.Buffer
	r.text(&b)
	text := progress.Clean(b.String())
	_, height, err := term.GetSize(int(f.Fd()))
	if err != nil || strings.Count(text, "\n") < height {
		return a.out.write([]byte(text))
	}
	if done, err := runPager(f, a.stderr, text); done {
		return err
	}
	return a.out.write([]byte(text))
}

// runPager has $PAGER show text, or less. Done is false when there is no pager, or it
// doesn't start.
func runPager(stdout *os.File, stderr io.Writer, text string) (done bool, err error) {
	words := []string{"less", "-R"}
	if s, ok := os.LookupEnv("PAGER"); ok {
		words = strings.Fields(s)
	}
	if len(words) == 0 || words[0] == "cat" {
		return false, nil
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), stdout, stderr
	if _, ok := os.LookupEnv("LESS"); !ok {
		// It stays on the screen, and what fits isn't paged.
		cmd.Env = append(os.Environ(), "LESS=FRX")
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	err = cmd.Wait()
	if errors.Is(err, syscall.EPIPE) { // not read to the end
		err = nil
	}
	return true, err
}

// later draws a step called name on stderr, once it has taken longer than a second.
// What it returns ends that, may be called more than once, and must be before anything
// is written.
func (a *app) later(f progressFlag, name string) func(error) error {
	var (
		mu   sync.Mutex
		over bool
		d    *progress.Display
		step *progress.Step
		bad  error
	)
	timer := time.AfterFunc(time.Second, func() {
		mu.Lock()
		defer mu.Unlock()
		if over {
			return
		}
		if d, bad = a.display(f); bad == nil {
			step = d.Step(name)
		}
	})
	return func(err error) error {
		mu.Lock()
		defer mu.Unlock()
		timer.Stop()
		if over {
			return nil
		}
		over = true
		step.Done(err)
		return errors.Join(bad, d.Close())
	}
}
