// Package firstgc puts the first garbage collection of a program that imports it
// off, from 4 MiB of memory to 10 MiB.
//
// What initializes the packages of a large program allocates nearly 4 MiB, none of
// which is garbage. Two collections of that take a quarter of the time of a command
// that does little, and most commands need no other.
package firstgc

import (
	"os"
	"runtime"
	"runtime/debug"
)

const (
	// The first collection comes when 4 MiB were allocated, times first / 100.
	first = 250
	// usual is Go's default: a collection when as much was allocated as is in use.
	usual = 100
)

// init does it, since main would come too late. Packages are initialized as soon as
// those that they import are: this one before those that take the memory. Were it
// otherwise one day, it would be slower and still right.
func init() {
	if os.Getenv("GOGC") != "" {
		return // whoever sets it knows better
	}
	debug.SetGCPercent(first)
	// With a pointer in it, it isn't allocated together with others.
	type sentinel struct{ _ *byte }
	runtime.AddCleanup(&sentinel{}, func(percent int) { debug.SetGCPercent(percent) }, usual)
}
