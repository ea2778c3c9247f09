package builder

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// daemonName is argv[0] of tailsbuild as a builder's daemon.
const daemonName = "tailsbuild-daemon"

// init keeps the OCI runtime wrapper on the main thread: a time namespace that
// another thread enters is not the one that exec leaves the process in.
func init() {
	if filepath.Base(os.Args[0]) == wrapperName {
		runtime.LockOSThread()
	}
}

// Child runs what this process was started for, when that was not the command
// line: a builder's daemon, the OCI runtime wrapper, a test's process or the
// remover. It then returns the exit code and true. Programs that call [Build] call
// Child first in main, and their tests in TestMain.
func Child() (code int, ok bool) {
	var err error
	switch filepath.Base(os.Args[0]) {
	case daemonName:
		err = runDaemon(os.Args)
	case wrapperName:
		err = runWrapper(os.Args)
	case trialName:
		err = runTrialChild(os.Args)
	case removeName:
		err = runRemove(os.Args)
	default:
		return 0, false
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		return 1, true
	}
	return 0, true
}
