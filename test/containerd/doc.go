// Package containerd pins the containerd that the tests of tailsbuild run. It is a
// module of its own so that none of containerd's dependencies becomes one of
// tailsbuild's.
//
// The tests that use it are in internal/cli: they build the programs from here, once,
// into the user's cache folder.
package containerd
