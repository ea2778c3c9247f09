// Package progress draws everything that runs on one display: the vertices of
// both builders' solves and our own steps, through BuildKit's progressui.
//
// Names and logs come from recipes and from the programs they run, so control
// and bidirectional characters in them are replaced before they are drawn.
package progress

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	"golang.org/x/term"
)

// Modes lists what New takes as mode.
func Modes() []string { return []string{"auto", "tty", "plain", "rawjson", "quiet"} }

// A ModeError reports a mode that does not exist, or "tty" on what is no terminal.
type ModeError struct {
	Mode string
	Err  error // nil when there is no such mode
}

func (e *ModeError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("progress mode %q: %v", e.Mode, e.Err)
	}
	return fmt.Sprintf("progress mode %q is not one of %s", e.Mode, strings.Join(Modes(), ", "))
}

func (e *ModeError) Unwrap() error { return e.Err }

// A Display draws steps and solves until it is closed. A nil *Display is valid
// and silent. Its methods may be called by several goroutines.
type Display struct {
	status chan *client.SolveStatus
	drawn  chan error
	// every is the least time between two updates of one step's progress: a
	// terminal is drawn over, but a log gets one more line each time.
	every time.Duration
	// solves are those whose channel the caller has not closed yet.
	solves sync.WaitGroup

	mu     sync.RWMutex // held for reading while sending
	closed bool
	steps  int
}

// New returns a display that draws on w until Close. Mode is one of Modes;
// "auto" is "tty" when w is a terminal and "plain" otherwise.
//
// A display takes no context: what is cancelled is still drawn as cancelled.
func New(w io.Writer, mode string) (*Display, error) {
	if !slices.Contains(Modes(), mode) {
		return nil, &ModeError{Mode: mode}
	}
	if mode == "auto" {
		mode = "plain"
		if isTerminal(w) {
			mode = "tty"
		}
	}
	ui, err := progressui.NewDisplay(w, progressui.DisplayMode(mode))
	if err != nil {
		return nil, &ModeError{Mode: mode, Err: err}
	}
	d := &Display{
		status: make(chan *client.SolveStatus),
		drawn:  make(chan error, 1),
		every:  100 * time.Millisecond,
	}
	if mode == "plain" {
		d.every = 5 * time.Second
	}
	go func() {
		_, err := ui.UpdateFrom(context.Background(), d.status)
		d.drawn <- err
	}()
	return d, nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Close waits until every solve's channel is closed and everything is drawn.
// What is sent later is dropped.
func (d *Display) Close() error {
	if d == nil {
		return nil
	}
	d.solves.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	close(d.status)
	return <-d.drawn
}

func (d *Display) send(s *client.SolveStatus) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if !d.closed {
		d.status <- s
	}
}
