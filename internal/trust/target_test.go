package trust

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
)

var (
	sum1 = digest.FromString("1")
	sum2 = digest.FromString("2")
	day  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

func exampleTarget() *Target {
	bundles := []digest.Digest{sum1, sum2}
	if sum2 < sum1 {
		bundles = []digest.Digest{sum2, sum1}
	}
	return &Target{
		Version: 1, Platforms: map[string]digest.Digest{"linux/amd64": sum1, "linux/arm64/v8": sum2},
		MinimumRebuilders: 2, Bundles: bundles, Released: day, Sequence: 3,
	}
}

func TestPath(t *testing.T) {
	for path, want := range map[string]Ref{
		"mqtt/2.7.9-r0":         {"mqtt", "2.7.9", 0},
		"sftp/9.6_p1-r12":       {"sftp", "9.6_p1", 12},
		"alpine-3.19/3.19.4-r0": {"alpine-3.19", "3.19.4", 0},
		"odd/1-r2-r3":           {"odd", "1-r2", 3},
	} {
		got, err := ParsePath(path)
		if err != nil || got != want || got.Path() != path {
			t.Errorf("%s: %+v, %v, want %+v", path, got, err, want)
		}
	}
	for _, path := range []string{
		"", "/", "mqtt", "mqtt/", "mqtt/1", "mqtt/-r0", "mqtt/1-r", "mqtt/1-r00", "mqtt/1-r+1", "mqtt/1-r-1",
		"mqtt/1-r10000", "mqtt/1-r99999999999999999999", "../1-r0", "a/../1-r0", "a/b/1-r0", "Mqtt/1-r0",
		"mqtt/1\n-r0", "mqtt\x00/1-r0", "mqtt/1-r0/", "mqtt/1-r0 ", "mqtt/\u202e1-r0", "*/1-r0", "mqtt//1-r0",
		strings.Repeat("a", 64) + "/1-r0", "mqtt/" + strings.Repeat("1", 101) + "-r0",
	} {
		var bad *FormatError
		if ref, err := ParsePath(path); !errors.As(err, &bad) {
			t.Errorf("%q: %+v, %v, want a FormatError", path, ref, err)
		}
	}
}

func TestTargetRoundTrip(t *testing.T) {
	withdrawn := exampleTarget()
	withdrawn.Revoked = &Revocation{Reason: "CVE-2026-1: anyone can log in", At: day}
	for _, want := range []*Target{exampleTarget(), withdrawn} {
		b, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeTarget(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestTargetRefused(t *testing.T) {
	good := func() string {
		b, err := exampleTarget().Encode()
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}()
	for name, bad := range map[string]string{
		"no JSON":           "x",
		"null":              "null",
		"array":             "[]",
		"trailing":          good + "{}",
		"unknown member":    strings.Replace(good, `"version":1`, `"version":1,"more":1`, 1),
		"duplicate member":  strings.Replace(good, `"version":1`, `"version":1,"version":1`, 1),
		"other case":        strings.Replace(good, `"sequence"`, `"Sequence"`, 1),
		"both cases":        strings.Replace(good, `"sequence":3`, `"sequence":3,"SEQUENCE":9`, 1),
		"other version":     strings.Replace(good, `"version":1`, `"version":2`, 1),
		"no bundles":        strings.Replace(strings.Replace(good, `"bundles":[`, `"x":[`, 1), `"x":[`, `"bundles":null,"y":[`, 1),
		"no rebuilders":     strings.Replace(good, `"minimumRebuilders":2,`, ``, 1),
		"no version":        strings.Replace(good, `"version":1,`, ``, 1),
		"sequence 0":        strings.Replace(good, `"sequence":3`, `"sequence":0`, 1),
		"sequence float":    strings.Replace(good, `"sequence":3`, `"sequence":3.5`, 1),
		"huge sequence":     strings.Replace(good, `"sequence":3`, `"sequence":9223372036854775808`, 1),
		"no platform":       `{"version":1,"platforms":{},"minimumRebuilders":0,"bundles":[],"released":"2026-11-22T12:00:00Z","sequence":3}`,
		"sha512":            strings.Replace(good, sum1.String(), "sha512:"+strings.Repeat("a", 128), 1),
		"upper-case digest": strings.Replace(good, sum1.Encoded(), strings.ToUpper(sum1.Encoded()), 1),
		"bundles unsorted":  strings.Replace(good, `"bundles":[`, `"bundles":["sha256:`+strings.Repeat("f", 64)+`",`, 1),
		"local time":        strings.Replace(good, "12:00:00Z", "12:00:00+01:00", 1),
		"odd platform":      strings.Replace(good, "linux/amd64", "../amd64", 1),
		"rebuilders":        strings.Replace(good, `"minimumRebuilders":2`, `"minimumRebuilders":-1`, 1),
		"escape in reason":  strings.Replace(good, `"sequence":3`, `"sequence":3,"revoked":{"reason":"\u001b[2J","at":"2026-11-22T12:00:00Z"}`, 1),
		"bidi in reason":    strings.Replace(good, `"sequence":3`, `"sequence":3,"revoked":{"reason":"\u202ex","at":"2026-11-22T12:00:00Z"}`, 1),
		"no reason":         strings.Replace(good, `"sequence":3`, `"sequence":3,"revoked":{"reason":"","at":"2026-11-22T12:00:00Z"}`, 1),
		"huge":              strings.Replace(good, `"sequence":3`, `"sequence":3`+strings.Repeat(" ", maxCustom), 1),
		"deep":              strings.Repeat("[", 1000),
	} {
		if got, err := DecodeTarget([]byte(bad)); err == nil {
			t.Errorf("%s: decoded %+v", name, got)
		}
	}
}

func TestRevocations(t *testing.T) {
	want := []RoleRevocation{
		{Kind: RevokedDelegation, Role: "mqtt", Paths: []string{"mqtt/*"}, Revocation: Revocation{"nobody maintains it", day}},
		{Kind: RevokedKey, Role: "onion", KeyID: strings.Repeat("ab", 32), Paths: []string{"onion-*/*"}, Revocation: Revocation{"laptop stolen", day}},
	}
	b, err := EncodeRevocations(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeRevocations(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for name, bad := range map[string]func(*RoleRevocation){
		"kind":          func(r *RoleRevocation) { r.Kind = "root" },
		"role":          func(r *RoleRevocation) { r.Role = "../x" },
		"top-level":     func(r *RoleRevocation) { r.Role = "targets" },
		"key ID":        func(r *RoleRevocation) { r.Kind, r.KeyID = RevokedKey, "x" },
		"delegation ID": func(r *RoleRevocation) { r.KeyID = strings.Repeat("ab", 32) },
		"path":          func(r *RoleRevocation) { r.Paths = []string{"*"} },
		"reason":        func(r *RoleRevocation) { r.Reason = "a\nb" },
		"time":          func(r *RoleRevocation) { r.At = time.Time{} },
	} {
		r := want[0]
		bad(&r)
		if _, err := EncodeRevocations([]RoleRevocation{r}); err == nil {
			t.Errorf("%s: encoded %+v", name, r)
		}
	}
}

func FuzzDecodeTarget(f *testing.F) {
	b, err := exampleTarget().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, src []byte) {
		target, err := DecodeTarget(src)
		if err != nil {
			return
		}
		again, err := target.Encode()
		if err != nil || !json.Valid(again) {
			t.Fatalf("%q decodes and doesn't encode: %v", src, err)
		}
	})
}
