package builder

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// Arches are the architectures that images are built for, by Alpine's names, sorted.
var Arches = []string{"aarch64", "x86_64"}

// machineArch returns this machine's, "" if images aren't built for it.
func machineArch() string {
	switch runtime.GOARCH {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	}
	return ""
}

// emulated reports whether steps for arch are run by an emulator.
func emulated(arch string) bool { return arch != machineArch() }

// Runs reports whether building the plan runs programs of its architecture. Where it
// doesn't, any machine can build it.
func (p *Plan) Runs() bool { return p.runs }

// CheckArch returns a [MachineError] when this machine can't run programs for arch,
// itself or by an emulator that the kernel finds by binfmt_misc
// (docs.kernel.org/admin-guide/binfmt-misc.html). It has to be registered with the
// flag F, which has the kernel open it then: a build step's root doesn't have it.
func CheckArch(arch string) error {
	if !emulated(arch) {
		return nil
	}
	if err := tryProgram(arch); err != nil {
		return &MachineError{Need: "emulation of " + arch, Err: err}
	}
	return nil
}

// A machineCode is a program that exits with 42, for one architecture.
type machineCode struct {
	machine elf.Machine
	code    []byte
}

var exits42 = map[string]machineCode{
	// mov eax, 60; mov edi, 42; syscall
	"x86_64": {elf.EM_X86_64, []byte{0xb8, 60, 0, 0, 0, 0xbf, 42, 0, 0, 0, 0x0f, 0x05}},
	// mov x0, #42; mov x8, #93; svc #0
	"aarch64": {elf.EM_AARCH64, []byte{0x40, 0x05, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4}},
}

// tryProgram runs a program for arch in a root of its own, where there is no
// emulator, nor anything else.
func tryProgram(arch string) (err error) {
	p, ok := exits42[arch]
	if !ok {
		return fmt.Errorf("%s is not an architecture that images are built for", arch)
	}
	dir, err := os.MkdirTemp("", "tailsbuild-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.WriteFile(filepath.Join(dir, "try"), p.program(), 0o700); err != nil {
		return err
	}
	cmd := &exec.Cmd{Path: "/try", Dir: "/", SysProcAttr: &syscall.SysProcAttr{Chroot: dir}}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	}
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 42 {
		return nil
	}
	if err == nil {
		err = errors.New("a program that exits with 42 didn't")
	}
	return err
}

// program returns the program as an ELF file with one segment.
func (p machineCode) program() []byte {
	const at, headers = 0x400000, 64 + 56
	var b bytes.Buffer
	size := uint64(headers + len(p.code))
	// Nothing that writes to memory fails.
	_ = binary.Write(&b, binary.LittleEndian, elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(p.machine), Version: uint32(elf.EV_CURRENT),
		Entry: at + headers, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	})
	_ = binary.Write(&b, binary.LittleEndian, elf.Prog64{
		Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: at, Paddr: at,
		Filesz: size, Memsz: size, Align: 0x10000,
	})
	b.Write(p.code)
	return b.Bytes()
}
