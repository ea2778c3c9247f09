package inputs

import "testing"

func TestNewestModule(t *testing.T) {
	released := []string{"v1.2.0", "v1.9.0", "v1.10.0", "v1.11.0-rc.1", "v1.11.0-rc.2"}
	const older, newer = "v1.9.1-0.20240101000000-0123456789ab", "v1.10.1-0.20250101000000-0123456789ab"
	for _, test := range []struct {
		current, latest, want string
		versions              []string
	}{
		{"v1.2.0", "v1.10.0", "v1.10.0", released},
		{"v1.10.0", "v1.10.0", "v1.10.0", released},
		{"v1.12.0", "v1.10.0", "v1.12.0", released}, // retracted, or gone
		{"v1.11.0-rc.1", "v1.10.0", "v1.11.0-rc.2", released},
		{older, "v1.10.0", "v1.10.0", released},
		{newer, "v1.10.0", newer, released},
		{older, newer, newer, nil},
		{"v1.2.0", newer, "v1.2.0", nil},
	} {
		if got := NewestModule(test.current, test.versions, test.latest); got != test.want {
			t.Errorf("%s: got %s, want %s", test.current, got, test.want)
		}
	}
}

func TestNewestGo(t *testing.T) {
	var versions []string
	for _, v := range []string{"1.26.9.linux-amd64", "1.26.10.linux-amd64", "1.27.4.linux-amd64", "1.28rc1.linux-amd64", "1.27.5.darwin-amd64", "1.9.linux-amd64"} {
		versions = append(versions, goPrefix+v)
	}
	versions = append(versions, "v1.0.0", goPrefix+"x.linux-amd64", goPrefix)
	for _, test := range []struct{ current, newest, patch string }{
		{"1.26.8", "1.27.4", "1.26.10"},
		{"1.27.4", "1.27.4", "1.27.4"},
		{"1.25.1", "1.27.4", "1.25.1"},
		{"1.28beta1", "1.28rc1", "1.28rc1"},
	} {
		locked, newest, patch, err := NewestGo(goPrefix+test.current+".linux-amd64", versions)
		if err != nil || locked != test.current || newest != test.newest || patch != test.patch {
			t.Errorf("%s: got %s, %s, %s, %v", test.current, locked, newest, patch, err)
		}
	}
	_, _, _, err := NewestGo("v1.2.3", versions)
	wantError[*GoVersionError](t, err)
}
