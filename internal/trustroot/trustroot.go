// Package trustroot is the officers' side of the trust root: it makes, stages,
// signs and publishes the TUF metadata (specification 1.0.x) that package trust
// reads.
//
// Everything is in one folder. Its "metadata" is exactly what is published:
// N.root.json, N.targets.json, N.ROLE.json for each delegated role,
// N.snapshot.json and timestamp.json. Its "staged" has what waits for signatures.
// A file goes from staged to metadata only when it has enough signatures by the
// keys that may sign it and when clients will accept what is then published.
package trustroot

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Options say how to open a trust root.
type Options struct {
	// Now is the time that expiry is counted from.
	Now time.Time
	// ReadOnly lets other processes read at the same time, and nothing be changed.
	ReadOnly bool
}

// A Repo is a trust root in a folder. It keeps other processes from changing the
// folder until it is closed, and is not for concurrent use.
type Repo struct {
	*folder
	now time.Time
	// roots are all published ones, in order.
	roots []*document
	// published has the newest of each role, staged what waits.
	published, staged map[string]*document
}

// Open opens the trust root in the folder dir, which may be empty: see
// [Repo.Init]. Every file of it is read, within limits, and its form checked; its
// signatures are checked by what relies on them.
func Open(dir string, opts Options) (*Repo, error) {
	if opts.Now.IsZero() {
		return nil, errors.New("trust root: no time given")
	}
	f, err := openFolder(dir, !opts.ReadOnly)
	if err != nil {
		return nil, err
	}
	r := &Repo{folder: f, now: opts.Now.UTC().Truncate(time.Second)}
	if err := r.readPublished(); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if err := r.readStaged(); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return r, nil
}

// readPublished reads all roots and the newest file of every other role.
func (r *Repo) readPublished() error {
	names, err := r.list(metadataDir)
	if err != nil {
		return err
	}
	newest := map[string]int64{}
	for _, name := range names {
		role, version, ok := parseName(name)
		if !ok {
			return unexpected(metadataDir, name)
		}
		newest[role] = max(newest[role], version)
	}
	r.published = map[string]*document{}
	for v := int64(1); v <= newest[metadata.ROOT]; v++ {
		d, err := r.readDocument(metadata.ROOT, v)
		if err != nil {
			return err
		}
		r.roots = append(r.roots, d)
		r.published[metadata.ROOT] = d
	}
	for _, role := range slices.Sorted(maps.Keys(newest)) {
		if role == metadata.ROOT {
			continue
		}
		if r.published[role], err = r.readDocument(role, newest[role]); err != nil {
			return err
		}
	}
	return nil
}

// readDocument reads a published file; a timestamp's version is what it says.
func (r *Repo) readDocument(role string, version int64) (*document, error) {
	name := role + ".json"
	if role != metadata.TIMESTAMP {
		name = fmt.Sprintf("%d.%s.json", version, role)
	}
	b, err := r.read(path.Join(metadataDir, name), sizeLimit(role))
	if err != nil {
		return nil, err
	}
	d, err := decode(role, b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if role != metadata.TIMESTAMP && d.version() != version {
		return nil, &FormatError{File: name, Problem: fmt.Sprintf("it has version %d", d.version())}
	}
	return d, nil
}

func (r *Repo) readStaged() error {
	names, err := r.list(stagedDir)
	if err != nil {
		return err
	}
	r.staged = map[string]*document{}
	for _, name := range names {
		role, ok := strings.CutSuffix(name, ".json")
		if !ok || strings.HasPrefix(name, ".") {
			return unexpected(stagedDir, name)
		}
		b, err := r.read(path.Join(stagedDir, name), sizeLimit(role))
		if err != nil {
			return err
		}
		d, err := decode(role, b)
		if err != nil {
			return fmt.Errorf("%s: %w", path.Join(stagedDir, name), err)
		}
		same, err := r.isPublished(d)
		if err != nil {
			return err
		}
		if !same {
			r.staged[role] = d
		}
	}
	return nil
}

// isPublished reports whether d was put in place already, by a process that was
// killed before it could remove the staged file.
func (r *Repo) isPublished(d *document) (bool, error) {
	p := r.published[d.role]
	if p == nil || p.version() != d.version() {
		return false, nil
	}
	a, err := p.digest()
	if err != nil {
		return false, err
	}
	b, err := d.digest()
	return a == b, err
}

// checkStale returns a *[StaleError] unless d is the version after the published.
func (r *Repo) checkStale(d *document) error {
	var published int64
	if p := r.published[d.role]; p != nil {
		published = p.version()
	}
	if d.version() != published+1 {
		return &StaleError{Role: d.role, Staged: d.version(), Published: published}
	}
	return nil
}

// stage writes documents to staged, without signatures.
func (r *Repo) stage(docs ...*document) error {
	encoded := make([][]byte, len(docs))
	for i, d := range docs {
		*d.signatures() = []metadata.Signature{}
		b, err := d.encode()
		if err != nil {
			return err
		}
		// What could not be read again is never written. As all that was read has
		// been checked, the change is to blame.
		docs[i], err = decode(d.role, b)
		var format *FormatError
		if errors.As(err, &format) {
			return &ChangeError{Role: d.role, Problem: format.Problem}
		}
		if err != nil {
			return err
		}
		if err := r.checkStale(d); err != nil {
			return err
		}
		encoded[i] = b
	}
	for i, d := range docs {
		if err := r.write(path.Join(stagedDir, d.role+".json"), encoded[i]); err != nil {
			return err
		}
		r.staged[d.role] = d
	}
	return nil
}

// edit returns a copy to change of what is staged for role or, when nothing is,
// of what is published, as the next version, which expires after the role's
// lifetime.
func (r *Repo) edit(role string) (*document, error) {
	if s := r.staged[role]; s != nil {
		if err := r.checkStale(s); err != nil {
			return nil, err
		}
		return s.clone()
	}
	p := r.published[role]
	if p == nil {
		return nil, &MissingError{What: "metadata of " + role}
	}
	d, err := p.clone()
	if err != nil {
		return nil, err
	}
	version, expires := d.header()
	*version++
	*expires = r.now.Add(Lifetime(role))
	return d, nil
}

// next returns what will be in force for role once what is staged is published.
func (r *Repo) next(role string) *document {
	if s := r.staged[role]; s != nil {
		return s
	}
	return r.published[role]
}

// Published reports whether anything is.
func (r *Repo) Published() bool { return len(r.published) > 0 }

// exists says that the folder has a trust root already.
func (r *Repo) exists() error {
	if len(r.published)+len(r.staged) > 0 {
		return &fs.PathError{Op: "init", Path: r.dir, Err: fs.ErrExist}
	}
	return nil
}
