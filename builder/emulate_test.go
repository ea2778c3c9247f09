package builder

import (
	"errors"
	"testing"
)

// TestTryProgram runs the program for this machine itself, and none for one that
// nobody emulates.
func TestTryProgram(t *testing.T) {
	if err := tryProgram(machineArch()); err != nil {
		t.Error(err)
	}
	exits42["other"] = machineCode{0x1234, exits42["x86_64"].code}
	defer delete(exits42, "other")
	var machine *MachineError
	if err := CheckArch("other"); !errors.As(err, &machine) || machine.Need != "emulation of other" {
		t.Errorf("got %v", err)
	}
}
