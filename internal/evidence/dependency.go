package evidence

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/types/known/structpb"

	"gitlab.com/tailsbuild/tailsbuild/internal/lock"
)

// The kinds of dependency beside those of the lock's inputs.
const (
	// KindRecipe is a file that the packager wrote.
	KindRecipe = "recipe"
	// KindModule is a Go module inside a go_module input's archive.
	KindModule = "module"
)

// A Dependency is one thing that a build read.
type Dependency struct {
	Kind string `json:"kind"`
	// Name is that of the input in its recipe, the path of a recipe's file, or
	// the path of a module.
	Name string `json:"name"`
	// Arch is an Alpine architecture, or "" for what all share.
	Arch string `json:"arch,omitempty"`
	// URI is a URL, or for Go and apk a package URL; "" for a recipe's file.
	URI string `json:"uri,omitempty"`
	// Location is the URL of an apk.
	Location string `json:"location,omitempty"`
	// SHA256 is that of the whole file, in hex.
	SHA256 string `json:"sha256,omitempty"`
	// DirHash is the Go sum of a module's content, in hex, which a module has
	// instead of SHA256 and Size.
	DirHash string `json:"dirHash,omitempty"`
	// Size is in bytes.
	Size int64 `json:"size,omitempty"`
}

// Dependencies returns what in stands for: each input and, after a go_module, the
// modules in its archive. A module that has no sum of its content is in none, and
// left out.
func Dependencies(in []lock.Input) ([]Dependency, error) {
	var out []Dependency
	for _, i := range in {
		d := Dependency{Kind: i.Kind, Name: i.Name, Arch: i.Arch, URI: i.URL, SHA256: i.SHA256, Size: i.Size}
		switch {
		case i.Module != "":
			d.URI = modulePURL(i.Module, i.Version)
		case i.Kind == lock.KindPackage:
			d.URI, d.Location = apkPURL(apkVendor(in, i.Repository, i.Arch), i.Name, i.Version, i.Arch, ""), i.URL
		}
		out = append(out, d)
		if i.Kind != lock.KindGoModule {
			continue
		}
		mods := append([]lock.Module{{Path: i.Module, Version: i.Version, Sum: i.Sum}}, i.Modules...)
		for _, m := range mods {
			if m.Sum == "" {
				continue
			}
			sum, err := dirHash(m.Sum)
			if err != nil {
				return nil, fmt.Errorf("module %s %s: %w", m.Path, m.Version, err)
			}
			out = append(out, Dependency{Kind: KindModule, Name: m.Path, URI: modulePURL(m.Path, m.Version), DirHash: sum})
		}
	}
	return out, nil
}

// dirHash turns a sum "h1:base64" into hex, the form of in-toto's DigestSet.
func dirHash(sum string) (string, error) {
	enc, ok := strings.CutPrefix(sum, "h1:")
	if !ok {
		return "", fmt.Errorf("sum %q is not an h1 sum", sum)
	}
	b, err := base64.StdEncoding.DecodeString(enc)
	if err != nil || len(b) != 32 {
		return "", fmt.Errorf("sum %q is not an h1 sum", sum)
	}
	return hex.EncodeToString(b), nil
}

func (d *Dependency) descriptor() descriptor {
	rd := descriptor{
		Name: d.Name, URI: d.URI, DownloadLocation: d.Location,
		Digest: map[string]string{}, Annotations: map[string]any{"kind": d.Kind},
	}
	if d.SHA256 != "" {
		rd.Digest["sha256"] = d.SHA256
		rd.Annotations["size"] = d.Size
	}
	if d.DirHash != "" {
		rd.Digest["dirHash"] = d.DirHash
	}
	if d.Arch != "" {
		rd.Annotations["arch"] = d.Arch
	}
	return rd
}

// annotations are those of a dependency.
type annotations struct {
	Kind string `json:"kind"`
	Size *int64 `json:"size,omitempty"`
	Arch string `json:"arch,omitempty"`
}

// parseDependency is descriptor's inverse. Validate of in-toto's types has already
// checked the digests' lengths.
func parseDependency(rd *intoto.ResourceDescriptor) (*Dependency, error) {
	a, err := exact[annotations](&structpb.Struct{Fields: rd.GetAnnotations().GetFields()})
	if err != nil {
		return nil, fmt.Errorf("annotations: %w", err)
	}
	d := &Dependency{
		Kind: a.Kind, Name: rd.GetName(), Arch: a.Arch, URI: rd.GetUri(), Location: rd.GetDownloadLocation(),
		SHA256: rd.GetDigest()["sha256"], DirHash: rd.GetDigest()["dirHash"],
	}
	if a.Size != nil {
		d.Size = *a.Size
	}
	if d.Kind == "" || d.Name == "" {
		return nil, errors.New("kind and name are needed")
	}
	if len(rd.GetDigest()) != 1 || (d.SHA256 == "") == (d.DirHash == "") || (a.Size == nil) == (d.SHA256 != "") {
		return nil, fmt.Errorf("%s %s has to have a sha256 and a size, or a dirHash alone", d.Kind, d.Name)
	}
	return d, nil
}
