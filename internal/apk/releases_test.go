package apk

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// releases has the form of what Alpine's mirrors have.
const releases = `---
-
  title: "Standard"
  desc: |
    Alpine as it was intended.
    Network connection is required.
  branch: v3.19
  arch: x86_64
  version: 3.19.9
  flavor: alpine-standard
  file: alpine-standard-3.19.9-x86_64.iso
  iso: alpine-standard-3.19.9-x86_64.iso
  date: 2025-02-13
  time: 23:07:12
  size: 217055232
-
  title: "Mini root filesystem"
  desc: |
    Minimal root filesystem.
  branch: v3.19
  arch: x86_64
  version: "3.19.9"
  flavor: alpine-minirootfs
`

func TestReadReleases(t *testing.T) {
	got, err := ReadReleases("latest-releases.yaml", []byte(releases))
	check(t, err)
	want := []Release{
		{Flavor: "alpine-standard", Branch: "v3.19", Arch: "x86_64", Version: "3.19.9"},
		{Flavor: "alpine-minirootfs", Branch: "v3.19", Arch: "x86_64", Version: "3.19.9"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("releases (-want +got):\n%s", diff)
	}
}

func TestReadReleasesRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"outside":  "  version: 3.19.9\n",
		"no field": "-\n  version 3.19.9\n",
		"twice":    "-\n  version: 3.19.9\n  version: 3.19.8\n",
		"version":  "-\n  version: latest\n",
		"control":  "-\n  version: 3.19.9\x1b[31m\n",
		"CRLF":     "-\r\n  version: 3.19.9\r\n",
		"HTML":     "<html>\n  <p>\n",
	} {
		_, err := ReadReleases("releases", []byte(text))
		if e := wantError[*FormatError](t, err); !strings.HasPrefix(e.File, "releases, line ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := ReadReleases("releases", []byte(strings.Repeat("-\n", maxReleases+1)))
	wantError[*LimitError](t, err)
	_, err = ReadReleases("releases", make([]byte, MaxReleases+1))
	wantError[*LimitError](t, err)
}

func FuzzReadReleases(f *testing.F) {
	f.Add([]byte(releases))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := ReadReleases("releases", b)
		if (all == nil) != (err != nil) && len(all) > 0 {
			t.Errorf("both %v and %v", all, err)
		}
	})
}
