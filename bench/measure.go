package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A cost is what one run took.
type cost struct {
	wall time.Duration
	// cpu is user and system time of this process and all that it waited for,
	// of those that they waited for, and so on: builders, runtimes, containers.
	cpu time.Duration
	// others is how many CPUs were busy with anything else, on average.
	others float64
	// peak is the most memory that one of the processes had which this one waited
	// for, and those that they waited for, in bytes.
	peak int64
}

// largest is the most memory that a process had since measure began, in bytes. What
// this program has itself is in it, and less than anything that it measures: a process
// begins with what its parent had.
var largest int64

// measure returns what run takes, on average of as many times. daemon, if not nil,
// works for run but was there before and stays.
func measure(daemon *daemon, times int, run func() error) (cost, error) {
	largest = 0
	before, err := readClocks(daemon)
	if err != nil {
		return cost{}, err
	}
	for range times {
		if err := run(); err != nil {
			return cost{}, err
		}
	}
	after, err := readClocks(daemon)
	if err != nil {
		return cost{}, err
	}
	c := cost{wall: after.wall.Sub(before.wall), cpu: after.cpu - before.cpu, peak: largest}
	c.others = max(0, (after.machine-before.machine-c.cpu).Seconds()/c.wall.Seconds())
	c.wall, c.cpu = c.wall/time.Duration(times), c.cpu/time.Duration(times)
	return c, nil
}

type clocks struct {
	wall         time.Time
	cpu, machine time.Duration
}

func readClocks(daemon *daemon) (c clocks, err error) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			return clocks{}, fmt.Errorf("getrusage: %w", err)
		}
		c.cpu += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	if daemon != nil {
		used, err := processCPU(daemon.cmd.Process.Pid)
		if err != nil {
			return clocks{}, err
		}
		c.cpu += used
	}
	if c.machine, err = machineCPU(); err != nil {
		return clocks{}, err
	}
	c.wall = time.Now()
	return c, nil
}

// tick is the unit of times in /proc, USER_HZ, which is 100 on every architecture
// that Alpine has.
const tick = 10 * time.Millisecond

// processCPU returns the CPU time of a process and of the children that it has
// waited for (proc_pid_stat(5), fields 14 to 17).
func processCPU(pid int) (time.Duration, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	// The second field, the program's name, may have spaces and brackets.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 15 {
		return 0, fmt.Errorf("%s has %d fields", path, len(fields))
	}
	return ticks(path, fields[11:15])
}

// machineCPU returns how long the machine's CPUs were busy since it started
// (proc_stat(5)): in user, nice, system, irq and softirq.
func machineCPU() (time.Duration, error) {
	const path = "/proc/stat"
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	fields := strings.Fields(line)
	if len(fields) < 8 || fields[0] != "cpu" {
		return 0, fmt.Errorf("%s begins with %q", path, line)
	}
	return ticks(path, append(fields[1:4], fields[6:8]...))
}

func ticks(path string, fields []string) (time.Duration, error) {
	var sum int64
	for _, f := range fields {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		sum += n
	}
	return time.Duration(sum) * tick, nil
}

// A spread is the median of some values, with the least and the greatest.
type spread struct{ median, min, max float64 }

// spreadOf returns the spread of at least one value.
func spreadOf(values []float64) spread {
	s := slices.Sorted(slices.Values(values))
	median := s[len(s)/2]
	if len(s)%2 == 0 {
		median = (s[len(s)/2-1] + median) / 2
	}
	return spread{median, s[0], s[len(s)-1]}
}

func (s spread) String() string { return fmt.Sprintf("%.2f [%.2f..%.2f]", s.median, s.min, s.max) }
