package builder

import "testing"

// TestAuditorDiffers: the auditor's builder differs from both others in all that
// there is a third way for, and is no copy of either in the rest.
func TestAuditorDiffers(t *testing.T) {
	a, b, c := variations["a"].record(machineArch()), variations["b"].record(machineArch()), variations[Auditor].record(machineArch())
	either := map[string]bool{
		// There are two of each.
		"runtime": true, "snapshotter": true, "filesystem": true, "aslr": true, "uname": true,
		"cpus": true, // all of them, or half
		// A build alone waits for no other, and nothing sets the clock.
		"start": true, "clock": true,
	}
	asA, asB := 0, 0
	for name, value := range c {
		if !either[name] && (value == a[name] || value == b[name]) {
			t.Errorf("%s is %s, which is another's", name, value)
		}
		if a[name] == b[name] {
			continue
		}
		if value == a[name] {
			asA++
		}
		if value == b[name] {
			asB++
		}
	}
	if asA == 0 || asB == 0 {
		t.Errorf("%d as a, %d as b, want a mixture", asA, asB)
	}
	for name := range b {
		if _, ok := c[name]; !ok {
			t.Errorf("%s is not varied", name)
		}
	}
}
