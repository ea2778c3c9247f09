package sign

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The files in testdata were made by the services of sigstore themselves, with
// test/sigstore.
func testFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type object = map[string]any

// change returns a JSON object with change applied.
func change(t testing.TB, file []byte, change func(o object)) []byte {
	t.Helper()
	var o object
	if err := json.Unmarshal(file, &o); err != nil {
		t.Fatal(err)
	}
	change(o)
	out, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// rootOf returns the services' trusted root, with a change to it.
func rootOf(t testing.TB, name string, edit func(o object)) *TrustedRoot {
	t.Helper()
	file := testFile(t, "trusted_root.json")
	if edit != nil {
		file = change(t, file, edit)
	}
	root, err := OpenTrustedRoot(name, file)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func without(member string) func(object) { return func(o object) { delete(o, member) } }

func first(o object, member string) object { return o[member].([]any)[0].(object) }

func testKey(t testing.TB) *PublicKey {
	t.Helper()
	key, err := OpenPublicKey(testFile(t, "key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// entry returns the one log entry of a bundle's material.
func entry(m object) object { return first(m, "tlogEntries") }

func proof(m object) object { return entry(m)["inclusionProof"].(object) }

func stamps(m object) []any {
	return m["timestampVerificationData"].(object)["rfc3161Timestamps"].([]any)
}

// flipBase64 changes a bit of what s has in base64.
func flipBase64(t testing.TB, s any) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s.(string))
	if err != nil || len(b) == 0 {
		t.Fatal(s, err)
	}
	b[len(b)/2] ^= 1
	return base64.StdEncoding.EncodeToString(b)
}

// material returns that of another bundle.
func material(t testing.TB, name string) object {
	t.Helper()
	var o object
	if err := json.Unmarshal(testFile(t, name), &o); err != nil {
		t.Fatal(err)
	}
	return o["verificationMaterial"].(object)
}

// TestMarks: what a bundle has counts if the trusted root has who said it, and
// nothing else does.
func TestMarks(t *testing.T) {
	key := testKey(t)
	const both, logged, stamped, none, refused = "log time", "log", "time", "", "refused"
	for name, c := range map[string]struct {
		root func(o object) // nil for the services' own
		edit func(m object)
		want string
	}{
		"all":                           {nil, nil, both},
		"a root without logs":           {without("tlogs"), nil, stamped},
		"a root without authorities":    {without("timestampAuthorities"), nil, logged},
		"a root with certificates only": {func(o object) { delete(o, "tlogs"); delete(o, "timestampAuthorities") }, nil, none},
		"another log": {func(o object) {
			id := first(o, "tlogs")["logId"].(object)
			id["keyId"] = flipBase64(t, id["keyId"])
		}, nil, stamped},
		"another log by the same ID": {func(o object) {
			k := first(o, "tlogs")["publicKey"].(object)
			k["rawBytes"] = flipBase64(t, k["rawBytes"])
		}, nil, refused},
		"a log of another host": {func(o object) { first(o, "tlogs")["baseUrl"] = "https://log.example" }, nil, refused},
		"an authority that was closed": {func(o object) {
			first(o, "timestampAuthorities")["validFor"].(object)["end"] = "2026-01-02T00:00:00Z"
		}, nil, logged},
		"another authority": {func(o object) {
			o["timestampAuthorities"] = o["certificateAuthorities"]
		}, nil, logged},

		"stripped of the entry":     {nil, func(m object) { delete(m, "tlogEntries") }, stamped},
		"stripped of the timestamp": {nil, func(m object) { delete(m, "timestampVerificationData") }, logged},
		"stripped of both": {nil, func(m object) {
			delete(m, "tlogEntries")
			delete(m, "timestampVerificationData")
		}, none},
		"the entry twice": {nil, func(m object) { m["tlogEntries"] = []any{entry(m), entry(m)} }, refused},
		"an entry of another log, too": {nil, func(m object) {
			other := object{}
			for k, v := range entry(m) {
				other[k] = v
			}
			other["logId"] = object{"keyId": base64.StdEncoding.EncodeToString([]byte("another"))}
			m["tlogEntries"] = []any{other, entry(m)}
		}, both},
		"33 entries": {nil, func(m object) {
			var all []any
			for range 33 {
				all = append(all, entry(m))
			}
			m["tlogEntries"] = all
		}, refused},
		"33 timestamps": {nil, func(m object) {
			var all []any
			for range 33 {
				all = append(all, stamps(m)[0])
			}
			m["timestampVerificationData"].(object)["rfc3161Timestamps"] = all
		}, refused},
		"the timestamp twice": {nil, func(m object) {
			m["timestampVerificationData"].(object)["rfc3161Timestamps"] = []any{stamps(m)[0], stamps(m)[0]}
		}, both},
		"the entry of another signature": {nil, func(m object) { m["tlogEntries"] = material(t, "keyed.json")["tlogEntries"] }, refused},
		"the entry of a certificate's":   {nil, func(m object) { m["tlogEntries"] = material(t, "keyless.json")["tlogEntries"] }, refused},
		"the timestamp of another signature": {nil, func(m object) {
			m["timestampVerificationData"] = material(t, "keyed.json")["timestampVerificationData"]
		}, logged},
		"a timestamp that is none": {nil, func(m object) {
			stamps(m)[0].(object)["signedTimestamp"] = base64.StdEncoding.EncodeToString([]byte("none"))
		}, logged},
		"a timestamp with a flipped bit": {nil, func(m object) {
			s := stamps(m)[0].(object)
			s["signedTimestamp"] = flipBase64(t, s["signedTimestamp"])
		}, logged},
		"another proof": {nil, func(m object) {
			hashes := proof(m)["hashes"].([]any)
			hashes[0] = flipBase64(t, hashes[0])
		}, refused},
		"no proof":       {nil, func(m object) { delete(entry(m), "inclusionProof") }, refused},
		"another index":  {nil, func(m object) { entry(m)["logIndex"] = "0" }, refused},
		"another origin": {nil, checkpoint("127.0.0.1\n", "log.example\n"), refused},
		"a larger tree":  {nil, checkpoint("\n2\n", "\n3\n"), refused},
		"another kind":   {nil, func(m object) { entry(m)["kindVersion"] = object{"kind": "dsse", "version": "0.0.1"} }, both},
		"no kind":        {nil, func(m object) { delete(entry(m), "kindVersion") }, refused},
		"no body":        {nil, func(m object) { delete(entry(m), "canonicalizedBody") }, refused},
		"no log":         {nil, func(m object) { delete(entry(m), "logId") }, refused},
		"an older entry": {nil, func(m object) { m["tlogEntries"] = []any{older(t, entry(m))} }, stamped},
		"an older entry, too": {nil, func(m object) {
			old := older(t, entry(m))
			old["logIndex"] = "7"
			m["tlogEntries"] = []any{old, entry(m)}
		}, both},
	} {
		root := rootOf(t, "ours", c.root)
		bundle := testFile(t, "keyed_again.json")
		if c.edit != nil {
			bundle = edit(t, bundle, func(_, _, m map[string]any) { c.edit(m) })
		}
		got := refused
		v, err := key.Verify(bundle, image, root)
		var wrong *VerifyError
		if err == nil {
			var words []string
			m := v.Marks[0]
			if m.Logged {
				words = append(words, "log")
			}
			if m.Timestamped() {
				words = append(words, "time")
			}
			if got = strings.Join(words, " "); m.Root != "ours" {
				t.Errorf("%s: by %q", name, m.Root)
			}
		} else if !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q: %v", name, got, c.want, err)
		}
		// Without a root the key decides, if the bundle can be read.
		if _, err := key.Verify(bundle, image); err != nil && c.want != refused {
			t.Errorf("%s, without a root: %v", name, err)
		}
	}
}

// checkpoint changes what the log has signed of its tree.
func checkpoint(from, to string) func(m object) {
	return func(m object) {
		c := proof(m)["checkpoint"].(object)
		c["envelope"] = strings.Replace(c["envelope"].(string), from, to, 1)
	}
}

// older returns an entry as Rekor v1 has it, of the same log.
func older(t testing.TB, e object) object {
	t.Helper()
	key := must[*Key](t)(generate())
	sig, err := key.signature(context.Background(), []byte("an image"))
	if err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{"data":{"hash":{"algorithm":"sha256","value":%q}},"signature":{"content":%q,"publicKey":{"content":%q}}}}`,
		image.Encoded(), base64.StdEncoding.EncodeToString(sig), base64.StdEncoding.EncodeToString(key.public.PEM()))
	return object{
		"logIndex": e["logIndex"], "logId": e["logId"], "inclusionProof": e["inclusionProof"],
		"kindVersion":       object{"kind": "hashedrekord", "version": "0.0.1"},
		"canonicalizedBody": base64.StdEncoding.EncodeToString([]byte(body)),
	}
}

// TestMarksOfRoots: each root says what its own services have seen.
func TestMarksOfRoots(t *testing.T) {
	roots := []*TrustedRoot{rootOf(t, "a", without("tlogs")), rootOf(t, "b", nil), rootOf(t, "c", without("timestampAuthorities"))}
	v, err := testKey(t).Verify(testFile(t, "keyed.json"), image, roots...)
	if err != nil {
		t.Fatal(err)
	}
	when := v.Marks[0].Time
	if when.Before(time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)) || when.Location() != time.UTC {
		t.Errorf("seen at %s", when)
	}
	for i, want := range []Marks{{"a", false, when}, {"b", true, when}, {"c", true, time.Time{}}} {
		if v.Marks[i] != want {
			t.Errorf("got %+v, want %+v", v.Marks[i], want)
		}
	}
	if v, err := testKey(t).Verify(testFile(t, "keyed.json"), image); err != nil || len(v.Marks) != 0 {
		t.Errorf("without roots: %v, %v", v, err)
	}
}

// TestMalleable: some of a bundle's bytes mean nothing, so that a bundle can be
// written in many ways. All are the same signature of the same statement, which is
// why neither is ever known by the bundle's digest.
func TestMalleable(t *testing.T) {
	key, root := testKey(t), rootOf(t, "ours", nil)
	good := testFile(t, "keyed_again.json")
	want, err := key.Verify(good, image, root)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(m object){
		"written anew":       func(object) {},
		"the proof's hash":   func(m object) { proof(m)["rootHash"] = flipBase64(t, proof(m)["rootHash"]) },
		"the proof's size":   func(m object) { proof(m)["treeSize"] = "9" },
		"the proof's index":  func(m object) { proof(m)["logIndex"] = "9" },
		"an integrated time": func(m object) { entry(m)["integratedTime"] = "0" },
	} {
		other := edit(t, good, func(_, _, m map[string]any) { change(m) })
		got, err := key.Verify(other, image, root)
		if err != nil || bytes.Equal(other, good) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(got.Statement, want.Statement) || got.Marks[0] != want.Marks[0] || got.Key.ID() != want.Key.ID() {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestOpenTrustedRootRefuses(t *testing.T) {
	good := testFile(t, "trusted_root.json")
	twice := func(member string) func(object) {
		return func(o object) { o[member] = []any{first(o, member), first(o, member)} }
	}
	for name, edit := range map[string]func(o object){
		"another version": func(o object) { o["mediaType"] = "application/vnd.dev.sigstore.trustedroot+json;version=0.3" },
		"unknown member":  func(o object) { o["more"] = 1 },
		"no service": func(o object) {
			for _, member := range []string{"tlogs", "timestampAuthorities", "certificateAuthorities"} {
				delete(o, member)
			}
		},
		"a log twice":                 twice("tlogs"),
		"a log of certificates twice": twice("ctlogs"),
		"a log without a key":         func(o object) { delete(first(o, "tlogs"), "publicKey") },
		"a log without an ID":         func(o object) { delete(first(o, "tlogs"), "logId") },
		"a log without a time":        func(o object) { delete(first(o, "tlogs")["publicKey"].(object), "validFor") },
		"another hash":                func(o object) { first(o, "tlogs")["hashAlgorithm"] = "SHA2_512" },
		"an empty chain":              func(o object) { first(o, "certificateAuthorities")["certChain"] = object{} },
		"no certificate": func(o object) {
			first(first(o, "timestampAuthorities")["certChain"].(object), "certificates")["rawBytes"] = "bm9uZQ=="
		},
	} {
		var wrong *TrustedRootError
		if r, err := OpenTrustedRoot("x", change(t, good, edit)); !errors.As(err, &wrong) || r != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	var wrong *TrustedRootError
	for _, bad := range []string{"", "x", "null", "[]", `{"tlogs":[null]}`, `{"certificateAuthorities":[null]}`} {
		if r, err := OpenTrustedRoot("x", []byte(bad)); !errors.As(err, &wrong) || r != nil {
			t.Errorf("%s: %v", bad, err)
		}
	}
	var limit *LimitError
	if _, err := OpenTrustedRoot("x", make([]byte, MaxTrustedRoot+1)); !errors.As(err, &limit) {
		t.Error(err)
	}
}

func FuzzOpenTrustedRoot(f *testing.F) {
	f.Add(testFile(f, "trusted_root.json"))
	f.Add([]byte(`{}`))
	key, bundle := testKey(f), testFile(f, "keyed.json")
	f.Fuzz(func(t *testing.T, file []byte) {
		root, err := OpenTrustedRoot("x", file)
		if err != nil {
			return
		}
		_, _ = key.Verify(bundle, image, root)
		_, _ = VerifyCertificate(testFile(t, "keyless.json"), image, []*TrustedRoot{root})
	})
}
