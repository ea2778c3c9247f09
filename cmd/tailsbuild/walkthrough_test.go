package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A docCommand is a command of a document, with the output that is shown below it.
type docCommand struct {
	line   int
	text   string
	output []string
}

// A docBlock is a fenced block: the content of a file, or commands.
type docBlock struct {
	file     string
	content  string
	commands []docCommand
}

// fences reads the blocks of a document: "```hcl PATH" is the file PATH, and
// "```console" has commands behind "$ ", with their output below.
func fences(t *testing.T, path string) []docBlock {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []docBlock
	var block *docBlock
	more := false // the command goes on
	for i, line := range strings.Split(string(text), "\n") {
		switch {
		case block == nil && strings.HasPrefix(line, "```"):
			kind, file, _ := strings.Cut(line, " ")
			if file == "" && kind != "```console" {
				t.Fatalf("%s:%d: neither a file nor commands: %s", path, i+1, line)
			}
			block = &docBlock{file: file}
		case block == nil:
		case line == "```":
			blocks = append(blocks, *block)
			block = nil
		case block.file != "":
			block.content += line + "\n"
		case strings.HasPrefix(line, "$ "):
			block.commands = append(block.commands, docCommand{line: i + 1, text: line[2:]})
			more = strings.HasSuffix(line, `\`)
		case more:
			block.commands[len(block.commands)-1].text += "\n" + line
			more = strings.HasSuffix(line, `\`)
		default:
			c := &block.commands[len(block.commands)-1]
			c.output = append(c.output, line)
		}
	}
	return blocks
}

// missing returns the first line of what the document shows that isn't in the
// output, after the ones before it. "…" is anything in a line.
func (c *docCommand) missing(output string) (string, bool) {
	lines := strings.Split(output, "\n")
	for _, want := range c.output {
		quoted := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSuffix(want, " yes")), "…", ".*")
		if strings.HasSuffix(want, " yes") {
			quoted += " .*" // what a person types is not in the output
		}
		pattern := regexp.MustCompile("^" + quoted + "$")
		i := 0
		for i < len(lines) && !pattern.MatchString(lines[i]) {
			i++
		}
		if i == len(lines) {
			return want, true
		}
		lines = lines[i+1:]
	}
	return "", false
}

// person returns a terminal at which somebody has typed yes, often.
func person(t *testing.T) *os.File {
	t.Helper()
	us, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(us.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(us.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close(); us.Close() })
	if _, err := us.WriteString(strings.Repeat("yes\n", 100)); err != nil {
		t.Fatal(err)
	}
	return terminal
}

// needBuilds skips a test that builds images where they can't be built.
func needBuilds(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds images")
	}
	if ok, err := condition("builders"); err != nil {
		t.Fatal(err)
	} else if !ok {
		t.Skip("needs root, runc and crun")
	}
}

// TestWalkthrough does what docs/walkthrough.md says.
func TestWalkthrough(t *testing.T) {
	needBuilds(t)
	work := t.TempDir()
	document(t, "walkthrough.md", work, 50, person(t), "HOME="+filepath.Join(work, "home"))
}

// document does what a page of docs/ says, which has that many commands or more,
// command by command in one shell in the folder work, and wants the output that it
// shows. Only Alpine's mirror is another, where there is one beside the repository.
func document(t *testing.T, page, work string, least int, stdin *os.File, env ...string) {
	t.Helper()
	blocks := fences(t, filepath.Join("../../docs", page))
	out := t.TempDir()
	var script strings.Builder
	var commands []docCommand
	for n, b := range blocks {
		if b.file != "" {
			content := strings.ReplaceAll(b.content, `["https://dl-cdn.alpinelinux.org/alpine"]`, fmt.Sprintf("[%q]", mirror(t)))
			from := filepath.Join(out, fmt.Sprintf("file-%d", n))
			if err := os.WriteFile(from, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&script, "mkdir -p %q; cp %q %q || exit\n", filepath.Dir(b.file), from, b.file)
		}
		for _, c := range b.commands {
			fmt.Fprintf(&script, "{ %s\n} >%s/%d 2>&1 || exit\n", c.text, out, len(commands))
			commands = append(commands, c)
		}
	}
	if len(commands) < least {
		t.Fatalf("%s has %d commands", page, len(commands))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script.String())
	cmd.Dir = work
	if stdin != nil {
		cmd.Stdin = stdin
	}
	cmd.Env = append(append(os.Environ(), "XDG_STATE_HOME=", "XDG_CACHE_HOME=", "XDG_CONFIG_HOME="), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	for i, c := range commands {
		output, readErr := os.ReadFile(filepath.Join(out, fmt.Sprint(i)))
		if readErr != nil {
			last := max(0, i-1)
			said, _ := os.ReadFile(filepath.Join(out, fmt.Sprint(last))) // if there is anything
			t.Fatalf("%s:%d: %s\nended it: %v\n%s%s", page, commands[last].line, commands[last].text, err, said, stderr.String())
		}
		if line, ok := c.missing(string(output)); ok {
			t.Fatalf("%s:%d: %s\nit shows\n%s\nand the output is\n%s", page, c.line, c.text, line, output)
		}
	}
	if err != nil {
		t.Fatalf("%s:%d: %v\n%s", page, commands[len(commands)-1].line, err, stderr.String())
	}
}
