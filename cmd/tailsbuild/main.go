// Tailsbuild makes small Alpine images twice and signs only what came out the
// same, bit for bit. See tailsbuild --help.
package main

import (
	"os"

	"gitlab.com/tailsbuild/tailsbuild/builder"
	"gitlab.com/tailsbuild/tailsbuild/internal/cli"
	_ "gitlab.com/tailsbuild/tailsbuild/internal/firstgc" // starts in three quarters of the time
)

func main() {
	// Builders are this program, started again as a daemon or as an OCI runtime.
	if code, ok := builder.Child(); ok {
		os.Exit(code)
	}
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
