package git

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

const (
	maxListing = 64 << 20  // bytes of a listing of files
	maxLink    = 4 << 10   // bytes of a symbolic link's target
	maxHops    = 40        // symbolic links on the way to one file
	maxRead    = 256 << 20 // bytes that one Read may return
)

// A Tree is the files of a folder at one commit.
type Tree struct {
	// Commit is the commit's full name, in hex.
	Commit string

	dir   string
	blobs map[string]Blob   // by path from the folder
	links map[string]string // the targets of symbolic links
}

// A Blob is a file's content as git keeps it.
type Blob struct {
	// ID is git's name of the content, in hex.
	ID   string
	Size int64
}

// Open lists the files that the folder dir had at revision, anything that git
// takes as the name of a commit. A folder that wasn't there had none.
//
// It returns a *RevisionError when there is no such commit, and a *CommandError
// when dir is in no repository.
func Open(ctx context.Context, dir, revision string) (*Tree, error) {
	const maxName = 1 << 10
	out, err := run(ctx, dir, nil, maxName, "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	if exitCode(err) == 1 {
		return nil, &RevisionError{Revision: revision}
	}
	if err != nil {
		return nil, err
	}
	t := &Tree{Commit: strings.TrimSpace(string(out)), dir: dir, blobs: map[string]Blob{}, links: map[string]string{}}
	// Below a folder of the work tree, git lists what is in that folder.
	out, err = run(ctx, dir, nil, maxListing, "ls-tree", "-r", "-z", "-l", t.Commit)
	if err != nil {
		return nil, err
	}
	links, err := t.list(out)
	if err != nil {
		return nil, err
	}
	return t, t.follow(ctx, links)
}

// list takes in what ls-tree prints: "MODE TYPE ID SIZE\tPATH\x00" for each file.
// It returns the symbolic links, by path.
func (t *Tree) list(out []byte) (map[string]Blob, error) {
	links := map[string]Blob{}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if line == "" {
			continue
		}
		about, name, ok := strings.Cut(line, "\t")
		fields := strings.Fields(about)
		if !ok || len(fields) != 4 {
			return nil, fmt.Errorf("git ls-tree: can't read %q", line)
		}
		if fields[1] != "blob" {
			continue // another repository's commit
		}
		size, err := strconv.ParseInt(fields[3], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("git ls-tree: size of %q: %w", name, err)
		}
		b := Blob{ID: fields[2], Size: size}
		if fields[0] == "120000" {
			links[name] = b
		} else {
			t.blobs[name] = b
		}
	}
	return links, nil
}

// follow reads the targets of links.
func (t *Tree) follow(ctx context.Context, links map[string]Blob) error {
	for name, b := range links {
		if b.Size > maxLink {
			return &LimitError{What: "symbolic link " + name, Limit: maxLink}
		}
	}
	targets, err := t.Read(ctx, slices.Collect(maps.Values(links)))
	for name, b := range links {
		t.links[name] = string(targets[b.ID])
	}
	return err
}

// Names returns the paths of all files that are no symbolic links, sorted.
func (t *Tree) Names() []string { return slices.Sorted(maps.Keys(t.blobs)) }

// Find returns the file at name below folder, a path in the tree or "" for the
// tree's own folder. Symbolic links are followed as long as they stay below it.
func (t *Tree) Find(folder, name string) (Blob, bool) {
	var at []string
	rest := strings.Split(name, "/")
	for hops := 0; len(rest) > 0; {
		next := rest[0]
		rest = rest[1:]
		switch next {
		case "", ".":
			continue
		case "..":
			if len(at) == 0 {
				return Blob{}, false
			}
			at = at[:len(at)-1]
			continue
		}
		at = append(at, next)
		target, link := t.links[path.Join(folder, path.Join(at...))]
		if !link {
			continue
		}
		if hops++; hops > maxHops || path.IsAbs(target) {
			return Blob{}, false
		}
		at = at[:len(at)-1]
		rest = append(strings.Split(target, "/"), rest...)
	}
	b, ok := t.blobs[path.Join(folder, path.Join(at...))]
	return b, ok
}

// ID returns what git would call content in this repository.
func (t *Tree) ID(content []byte) string {
	var h hash.Hash
	if len(t.Commit) == hex.EncodedLen(sha256.Size) {
		h = sha256.New()
	} else {
		h = sha1.New() // git's own choice; nothing is trusted for it
	}
	fmt.Fprintf(h, "blob %d\x00", len(content))
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}

var errAnswer = errors.New("answer that can't be read")

// Read returns the content of blobs by ID.
func (t *Tree) Read(ctx context.Context, blobs []Blob) (map[string][]byte, error) {
	if len(blobs) == 0 {
		return nil, nil
	}
	const header = 128 // bytes before each content, and more
	var ids bytes.Buffer
	limit := int64(0)
	for _, b := range blobs {
		ids.WriteString(b.ID + "\n")
		if limit += b.Size + header; limit > maxRead {
			return nil, &LimitError{What: "files at " + t.Commit, Limit: maxRead}
		}
	}
	args := []string{"cat-file", "--batch"}
	out, err := run(ctx, t.dir, ids.Bytes(), limit, args...)
	if err != nil {
		return nil, err
	}
	contents := make(map[string][]byte, len(blobs))
	for _, b := range blobs {
		want := fmt.Sprintf("%s blob %d\n", b.ID, b.Size)
		rest, ok := bytes.CutPrefix(out, []byte(want))
		if !ok || int64(len(rest)) <= b.Size {
			line, _, _ := bytes.Cut(out, []byte("\n"))
			return nil, &CommandError{Args: args, Output: string(line), Err: errAnswer}
		}
		contents[b.ID], out = rest[:b.Size:b.Size], rest[b.Size+1:]
	}
	return contents, nil
}
