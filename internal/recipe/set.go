package recipe

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
	"gitlab.com/tailsbuild/tailsbuild/internal/regular"
)

// FileName is the name of the recipe's file in its folder.
const FileName = "recipe.hcl"

// What the files of one recipe may have at most, in bytes.
const (
	maxFile  = 16 << 20 // one file
	maxFiles = 64 << 20 // all files of a recipe
)

// A Set is the recipes of one folder: one folder for each recipe, and the project
// file. It is not safe for use by several goroutines at once.
type Set struct {
	dir     string
	project *Project
	vars    map[string]string
	// sources has what was read, for snippets.
	sources map[string][]byte
}

// OpenSet reads the project file of the recipes in dir, if there is one. The
// values in vars take the place of its variables' defaults; one that it doesn't
// declare is an error. Folders among the mirrors' locations become absolute: they
// are relative to the folder that dir is in.
//
// The set is never nil, so that it can write its diagnostics.
func OpenSet(dir string, vars map[string]string) (*Set, hcl.Diagnostics) {
	s := &Set{dir: dir, project: &Project{}, vars: map[string]string{}, sources: map[string][]byte{}}
	filename := filepath.Join(dir, ProjectFile)
	src, err := s.read(ProjectFile, hclschema.MaxSource)
	switch {
	case errors.Is(err, fs.ErrNotExist) && isFolder(dir):
		src = nil // a project without mirrors and variables
	case err != nil:
		return s, hcl.Diagnostics{hclschema.Failure(hclschema.StartOf(dir), "Recipes can't be read", "%v. Name the folder that holds the recipes.", err)}
	}
	s.sources[filename] = src
	project, diags := DecodeProject(filename, src)
	if project == nil {
		return s, diags
	}
	s.project = project
	for i := range project.Mirrors {
		diags = diags.Extend(s.place(&project.Mirrors[i]))
	}
	for _, v := range project.Variables {
		s.vars[v.Name] = v.Default
	}
	return s, diags.Extend(s.override(hclschema.StartOf(filename), vars))
}

func isFolder(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.IsDir()
}

// place makes a mirror's folders absolute.
func (s *Set) place(m *Mirror) hcl.Diagnostics {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return hcl.Diagnostics{hclschema.Failure(m.Range, "Folder can't be found", "%v.", err)}
	}
	for i, location := range m.Locations {
		if !scheme.MatchString(location) && !filepath.IsAbs(location) {
			m.Locations[i] = filepath.Join(filepath.Dir(dir), filepath.FromSlash(location))
		}
	}
	return nil
}

// override sets variables that the project file declares.
func (s *Set) override(rng hcl.Range, vars map[string]string) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, name := range hclschema.SortedKeys(vars) {
		if _, ok := s.vars[name]; !ok {
			diags = append(diags, hclschema.Failure(rng, "Unknown variable", "The project declares no variable %s, so that setting it has no effect.%s", hclschema.Quote(name), hclschema.Suggest(name, hclschema.SortedKeys(s.vars))))
			continue
		}
		if p := hclschema.CheckLine(vars[name]); p != nil {
			diags = append(diags, hclschema.Failure(rng, p.Summary, "The value of variable %s: %s", hclschema.Quote(name), p.Detail))
			continue
		}
		s.vars[name] = vars[name]
	}
	return diags
}

// Project returns what the project file says. It is not nil.
func (s *Set) Project() *Project { return s.project }

// Dir returns the folder of a recipe.
func (s *Set) Dir(name string) string { return filepath.Join(s.dir, name) }

// Names lists the recipes: the folders with a recipe file, sorted.
func (s *Set) Names() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		_, err := os.Lstat(filepath.Join(s.dir, entry.Name(), FileName))
		switch {
		case err == nil:
			names = append(names, entry.Name())
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return names, nil
}

// Files reads the files that r's file blocks name as their source, from r's
// folder. The key is the path in the image.
func (s *Set) Files(r *Recipe) (map[string][]byte, hcl.Diagnostics) {
	files := map[string][]byte{}
	var diags hcl.Diagnostics
	rest := int64(maxFiles)
	for _, f := range r.Files {
		if f.Source == "" {
			continue
		}
		content, err := s.read(path.Join(r.Name, f.Source), min(maxFile, rest))
		if err != nil {
			diags = append(diags, hclschema.Failure(f.Range, "File can't be read", "%v. The file has to be in the recipe's folder, %s.", err, s.Dir(r.Name)))
			continue
		}
		rest -= int64(len(content))
		files[f.Path] = content
	}
	return files, diags
}

// WriteDiagnostics writes diags for a person to read, with the lines of what the
// set has read. Whether w took it is not reported: w is a terminal or a buffer.
func (s *Set) WriteDiagnostics(w io.Writer, diags hcl.Diagnostics, color bool) {
	_ = hclschema.WriteDiagnostics(w, s.sources, diags, color)
}

// read reads a regular file below the set's folder. Symbolic links that lead out
// of the recipe's folder are not followed.
func (s *Set) read(name string, limit int64) ([]byte, error) {
	dir, file := s.dir, name
	if recipe, rest, ok := strings.Cut(name, "/"); ok {
		dir, file = s.Dir(recipe), rest
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return regular.ReadIn(root, file, limit)
}
