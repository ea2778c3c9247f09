package release

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"

	"gitlab.com/tailsbuild/tailsbuild/internal/evidence"
	"gitlab.com/tailsbuild/tailsbuild/internal/recipe"
)

// Parameters are what decided the image.
func (b *Build) Parameters() evidence.Parameters {
	rec := b.Closure[0]
	return evidence.Parameters{
		Recipe: rec.Name, Kind: string(rec.Kind), Version: rec.Version, Release: rec.Release,
		Arch: b.Arch, Epoch: rec.Epoch, Plan: b.Plan, Lock: b.Lock,
	}
}

// Dependencies returns the recipes, their files, and the inputs.
func (b *Build) Dependencies() ([]evidence.Dependency, error) {
	inputs, err := evidence.Dependencies(b.Inputs)
	if err != nil {
		return nil, err
	}
	var out []evidence.Dependency
	for _, rec := range b.Closure {
		if len(rec.Bytes) == 0 {
			return nil, fmt.Errorf("recipe %s: its text is needed", rec.Name)
		}
		out = append(out, file(path.Join(rec.Name, recipe.FileName), rec.Bytes))
	}
	rec := b.Closure[0]
	for _, f := range rec.Files {
		content, ok := b.Files[f.Path]
		switch {
		case f.Source == "":
		case !ok:
			return nil, fmt.Errorf("recipe %s: the content of %s is needed", rec.Name, f.Source)
		default:
			out = append(out, file(path.Join(rec.Name, f.Source), content))
		}
	}
	return append(out, inputs...), nil
}

// file returns what the evidence says of a packager's file.
func file(name string, content []byte) evidence.Dependency {
	sum := sha256.Sum256(content)
	return evidence.Dependency{
		Kind: evidence.KindRecipe, Name: name, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content)),
	}
}
