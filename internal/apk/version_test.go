package apk

import (
	"cmp"
	"slices"
	"strings"
	"testing"
)

// ordered are versions from old to new, as apk sorts them.
var ordered = []string{
	"0.1_alpha", "0.1_alpha1", "0.1_beta", "0.1_pre2", "0.1_rc1_git5", "0.1_rc1_p1",
	"0.1_rc2", "0.1", "0.1-r0", "0.1-r1", "0.1-r10", "0.1_cvs", "0.1_git20230717", "0.1_git20230718-r4", "0.1_hg", "0.1_p", "0.1_p0",
	"0.1_p1", "0.1_p1_p2", "0.1a", "0.1b", "0.1b2", "0.1.1",
	"1.00", "1.005", "1.", "1.0", "1.0-r0", "1.0.05", "1.0.4", "1.05", "1.06", "1..1", "1.1", "1.10", "2", "9", "10", "20240226-r0",
}

func TestCompare(t *testing.T) {
	for i, a := range ordered {
		for j, b := range ordered {
			got, err := CompareVersions(a, b)
			check(t, err)
			if want := cmp.Compare(i, j); got != want {
				t.Errorf("%s and %s: %d, want %d", a, b, got, want)
			}
		}
	}
	for _, pair := range [][2]string{{"1", "01"}, {"1-r0", "1-r00"}, {"1.", "1."}, {"1_", "1_cvs"}} {
		if got, err := CompareVersions(pair[0], pair[1]); got != 0 || err != nil {
			t.Errorf("%v: %d, %v", pair, got, err)
		}
	}
}

var (
	odd     = []string{"1.0.", "1.00.", "1.-r0", "1_rc_", "1_p1_", "1..2", "1-r", "1-r1-r2", "a", "v2.4", "1_", "1_p_p", "1.0b1", "1.0b1.2", "5.3.0_", "0..0", "1.00000000000000000000", "12345678901234567", "1.0_pre", "1.0_p", "00.1"}
	invalid = []string{
		"1.0_foo", "1.0~abc", "1.0aa", "1.0a.1", "1_p1.2", "1.0-", "1.0-1", "1.0A", "1 2", "1.0é", "-", "1.2+x",
		"123456789012345678", "1.123456789012345678", "1_p123456789012345678", "1.0-r123456789012345678",
	}
)

func TestParseVersion(t *testing.T) {
	for _, s := range odd {
		if v, err := ParseVersion(s); err != nil || v.String() != s {
			t.Errorf("%q: %q, %v", s, v, err)
		}
	}
	for _, s := range append([]string{"", strings.Repeat("1.", maxVersion)}, invalid...) {
		_, err := ParseVersion(s)
		wantError[*VersionError](t, err)
		if _, err := CompareVersions("1", s); err == nil {
			t.Errorf("%q was compared", s)
		}
		if _, err := CompareVersions(s, "1"); err == nil {
			t.Errorf("%q was compared", s)
		}
	}
}

// The real apk orders versions as this package does.
func TestVersionsAsApk(t *testing.T) {
	apk := realApk(t)
	signs := map[string]int{"<": -1, "=": 0, ">": 1}
	all := slices.Concat(ordered, odd)
	pairs := 0
	for i, a := range all {
		for _, b := range all[i:min(i+9, len(all))] {
			out, err := apk("version", "-t", a, b)
			want, known := signs[out]
			if err != nil || !known {
				t.Fatalf("apk version -t %s %s: %q, %v", a, b, out, err)
			}
			if got, err := CompareVersions(a, b); err != nil || got != want {
				t.Errorf("%s and %s: %d, %v; apk says %s", a, b, got, err, out)
			}
			pairs++
		}
	}
	t.Logf("%d pairs", pairs)
}

// The real apk takes the versions that this package takes.
func TestValidityAsApk(t *testing.T) {
	apk := realApk(t)
	all := slices.Concat(ordered, odd, invalid)
	keys := realKeys(t)
	for _, repository := range []string{"main", "community"} {
		x, err := ReadIndex(repository, realIndex(t, repository), keys)
		check(t, err)
		for _, p := range x.Packages {
			all = append(all, p.Version)
			for _, s := range p.Provides {
				if _, _, version := splitConstraint(s); version != "" {
					all = append(all, version)
				}
			}
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	out, _ := apk(append([]string{"version", "-c", "--"}, all...)...) // exits with their number
	refused := strings.Split(out, "\n")
	for _, s := range all {
		_, err := ParseVersion(s)
		if (err != nil) != slices.Contains(refused, s) {
			t.Errorf("%q: %v; apk refuses it: %v", s, err, slices.Contains(refused, s))
		}
	}
	if len(all) < 5000 || len(refused) < len(invalid) {
		t.Errorf("%d versions, %d refused", len(all), len(refused))
	}
}
