//go:build vault

package interop

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"testing"
)

// TestVault signs with the program for Vault and a server of Vault or OpenBao, which
// VAULT_ADDR and VAULT_TOKEN name and which has to be one for tests: make test-vault.
func TestVault(t *testing.T) {
	address, token := os.Getenv("VAULT_ADDR"), os.Getenv("VAULT_TOKEN")
	if address == "" || token == "" {
		t.Fatal("VAULT_ADDR and VAULT_TOKEN have to name a server for tests, such as that of: bao server -dev")
	}
	call := func(path string, request map[string]any) {
		t.Helper()
		body, err := json.Marshal(request)
		check(t, err)
		r, err := http.NewRequest(http.MethodPost, address+"/v1/"+path, bytes.NewReader(body))
		check(t, err)
		r.Header.Set("X-Vault-Token", token)
		resp, err := http.DefaultClient.Do(r)
		check(t, err)
		defer resp.Body.Close()
		if b, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode/100 != 2 {
			t.Fatalf("%s: %s, %v\n%s", path, resp.Status, err, b)
		}
	}
	const engine = "tailsbuild-test"
	call("sys/mounts/"+engine, map[string]any{"type": "transit"})
	t.Cleanup(func() {
		r, err := http.NewRequest(http.MethodDelete, address+"/v1/sys/mounts/"+engine, nil)
		check(t, err)
		r.Header.Set("X-Vault-Token", token)
		resp, err := http.DefaultClient.Do(r)
		check(t, err)
		resp.Body.Close()
	})
	for name, typ := range map[string]string{"release": "ecdsa-p256", "another": "ecdsa-p256", "p384": "ecdsa-p384", "ed25519": "ed25519", "aes": "aes256-gcm96"} {
		call(engine+"/keys/"+name, map[string]any{"type": typ})
	}
	t.Setenv("TRANSIT_SECRET_ENGINE_PATH", engine)
	t.Setenv("VAULT_MAX_RETRIES", "0")
	s := newService(t, "hashivault", "sigstore-kms-hashivault", "VAULT_ADDR", "VAULT_TOKEN", "VAULT_MAX_RETRIES", "TRANSIT_SECRET_ENGINE_PATH")
	s.signs("release", "another", map[string]int{"p384": 2, "ed25519": 2, "aes": 4, "none": 4})

	// A new version of the key is another key.
	before := s.show("release")
	call(engine+"/keys/release/rotate", nil)
	after := s.show("release")
	b, err := os.ReadFile(before)
	check(t, err)
	a, err := os.ReadFile(after)
	check(t, err)
	if bytes.Equal(a, b) {
		t.Error("the key is the same after it was rotated")
	}
	t.Setenv("VAULT_TOKEN", "s.other")
	tailsbuild(t, 4, "key", "show", "hashivault://release")
}
