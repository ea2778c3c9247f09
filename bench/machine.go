package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// describeMachine says what the numbers below are of.
func describeMachine(w io.Writer, b *bench, rounds int) {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease") // only for the reader's information
	fmt.Fprintf(w, "%d CPUs (%s), Linux %s, %s\n", runtime.NumCPU(), cpuModel(), bytes.TrimSpace(release), fileSystem(b.dir))
	fmt.Fprintf(w, "%s, %s, BuildKit %s, %s\n", version("runc"), version("crun"), peerVersion, runtime.Version())
	fmt.Fprintf(w, "%d rounds, contenders in turn; median [least..greatest]\n", rounds)
}

func cpuModel() string {
	b, _ := os.ReadFile("/proc/cpuinfo") // only for the reader's information
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// fileSystem names the kind of file system that dir is on.
func fileSystem(dir string) string {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return "?"
	}
	switch st.Type {
	case 0xef53:
		return "ext4"
	case 0x58465342:
		return "xfs"
	case 0x9123683e:
		return "btrfs"
	case 0x01021994:
		return "tmpfs"
	}
	return fmt.Sprintf("file system %#x", st.Type)
}

// version is the first line of what a program says its version is.
func version(program string) string {
	cmd := exec.Command(program, "--version")
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	out, err := cmd.Output()
	if err != nil {
		return program + " ?"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}
