package lock

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// world decodes a world. All inputs are before it in the file.
func (d *decoder) world(f *File, block *hcl.Block) {
	w := World{Arch: block.Labels[0], Use: block.Labels[1]}
	if !isArch(w.Arch) {
		d.add(block.LabelRanges[0], "Unknown architecture", "%q is neither x86_64 nor aarch64.", w.Arch)
	}
	if !slices.Contains(uses, w.Use) {
		d.add(block.LabelRanges[1], "Unknown use", "%q is none of base, build, image, test.", w.Use)
	}
	content, diags := block.Body.Content(required("packages", "installs"))
	d.diags = append(d.diags, diags...)
	w.Packages = d.asked(content.Attributes["packages"], w.Use)
	w.Installs = d.installs(content.Attributes["installs"], f, w.Arch)
	if n := len(f.Worlds); n > 0 {
		d.order(block, compareWorlds(f.Worlds[n-1], w), "architecture and use")
	}
	f.Worlds = append(f.Worlds, w)
}

// asked decodes what apk was asked for: for tests, sorted.
func (d *decoder) asked(attr *hcl.Attribute, use string) []string {
	packages, ranges := d.list(attr)
	if attr != nil && len(packages) == 0 {
		d.add(attr.Range, "Empty world", "A world is there when packages are asked for.")
	}
	for i, s := range packages {
		switch {
		case !isWanted(s):
			d.add(ranges[i], "Not a package", "%q is nothing that apk can be asked for.", s)
		case use == UseTest && i > 0 && packages[i-1] >= s:
			d.add(ranges[i], "Packages are not sorted", "Those of tests are sorted, and each is there once. Run tailsbuild lock again.")
		}
	}
	return packages
}

// installs decodes the names of apk inputs, which are in f already.
func (d *decoder) installs(attr *hcl.Attribute, f *File, arch string) []string {
	names, ranges := d.list(attr)
	for i, s := range names {
		_, locked := slices.BinarySearchFunc(f.Inputs, Input{Kind: KindPackage, Name: s, Arch: arch}, compareKeys)
		switch {
		case !locked:
			d.add(ranges[i], "Package is not locked", "%q is installed, and there is no input of that name for %s.", s, arch)
		case i > 0 && names[i-1] >= s:
			d.add(ranges[i], "Packages are not sorted", "They are sorted by name, and each is there once. Run tailsbuild lock again.")
		}
	}
	return names
}

// packagesFit reports packages that no world installs, those whose repository isn't
// locked, and those from elsewhere, when the rest is as it has to be.
func (d *decoder) packagesFit(f *File) {
	if d.diags.HasErrors() {
		return
	}
	for i, in := range f.Inputs {
		if in.Kind != KindPackage {
			continue
		}
		if !slices.ContainsFunc(f.Worlds, func(w World) bool { return w.installs(in) }) {
			d.add(d.inputs[i], "Package is not installed", "No world installs %s. Run tailsbuild lock again.", in)
		}
		index := Input{Kind: KindIndex, Name: in.Repository, Arch: in.Arch}
		n, ok := slices.BinarySearchFunc(f.Inputs, index, compareKeys)
		if !ok {
			d.add(d.inputs[i], "Repository is not locked", "%s is from %q, of which there is no index. Run tailsbuild lock again.", in, in.Repository)
		} else if want := PackageURL(f.Inputs[n].URL, in.Name, in.Version); in.URL != want {
			d.add(d.inputs[i], "Package is not of its repository", "The repository %q has %s %s at %s. Run tailsbuild lock again.", in.Repository, in, in.Version, want)
		}
	}
}
