package sign

import "testing"

// BenchmarkVerify verifies a bundle by its key, and by what services say of it, too.
func BenchmarkVerify(b *testing.B) {
	key, root := testKey(b), rootOf(b, "ours", nil)
	keyed, keyless := testFile(b, "keyed_again.json"), testFile(b, "keyless.json")
	for name, verify := range map[string]func() error{
		"key": func() error {
			_, err := key.Verify(keyed, image)
			return err
		},
		"services": func() error {
			_, err := key.Verify(keyed, image, root)
			return err
		},
		"certificate": func() error {
			_, err := VerifyCertificate(keyless, image, []*TrustedRoot{root})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := verify(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
