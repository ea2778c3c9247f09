package kms

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/ownership"
)

// ConfigFile is the name of the configuration, in the folder "tailsbuild" of the
// user's configuration (XDG_CONFIG_HOME, or ~/.config) and of /etc.
const ConfigFile = "keys.hcl"

// maxConfig is the size, in bytes, of the largest configuration that is read.
const maxConfig = 64 << 10

// A Scheme says which program speaks for the keys of one scheme.
type Scheme struct {
	Name string
	// Program is its absolute path.
	Program string
	// PIN says that the program wants a PIN or passphrase.
	PIN bool
	// Variables are the names of variables that the program gets from the
	// environment.
	Variables []string
	// Environment has variables that the program gets with these values.
	Environment map[string]string
}

// program returns the path of the program, after it has checked who could have
// changed it.
func (s *Scheme) program() (string, error) {
	path, err := ownership.File(s.Program, uint32(os.Getuid()))
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o111 == 0 {
		return "", &ownership.UnsafeError{Path: path, Problem: "it is not executable"}
	}
	return path, nil
}

// A Config has the schemes of the user and the machine. The zero Config has none.
type Config struct {
	schemes map[string]*Scheme
	files   []string // where they are looked for
}

// A ConfigError reports that the configuration File, whose content is Source, is
// wrong.
type ConfigError struct {
	File   string
	Source []byte
	Diags  hcl.Diagnostics
}

func (e *ConfigError) Error() string {
	d := e.Diags[0]
	s := fmt.Sprintf("%s:%d: %s: %s", e.File, d.Subject.Start.Line, d.Summary, d.Detail)
	if n := len(e.Diags) - 1; n > 0 {
		s += fmt.Sprintf(" (and %d more)", n)
	}
	return s
}

// ConfigFiles returns the files that [ReadConfig] is to read: the user's, whose
// schemes come first, and the machine's.
func ConfigFiles() []string {
	files := []string{filepath.Join("/etc/tailsbuild", ConfigFile)}
	if dir, err := os.UserConfigDir(); err == nil {
		files = slices.Insert(files, 0, filepath.Join(dir, "tailsbuild", ConfigFile))
	}
	return files
}

// ReadConfig reads the configurations at the paths, of which any may be missing.
// A scheme of an earlier one hides that of a later one.
//
// One that others could have changed gives an *[ownership.UnsafeError], one that is wrong a
// *[ConfigError]. Then there is no configuration at all.
func ReadConfig(paths ...string) (*Config, error) {
	c := &Config{schemes: map[string]*Scheme{}, files: paths}
	for _, path := range paths {
		src, err := readConfig(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		schemes, diags := DecodeConfig(path, src)
		if diags.HasErrors() {
			return nil, &ConfigError{File: path, Source: src, Diags: diags}
		}
		for _, s := range schemes {
			if c.schemes[s.Name] == nil {
				c.schemes[s.Name] = s
			}
		}
	}
	return c, nil
}

func readConfig(path string) (_ []byte, err error) {
	path, err = ownership.File(path, uint32(os.Getuid()))
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err == nil && len(b) > maxConfig {
		err = &LimitError{What: path, Limit: maxConfig}
	}
	return b, err
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
