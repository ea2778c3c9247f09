package apk

import (
	"archive/tar"
	"bytes"
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1" // what Alpine's own signatures use
	_ "crypto/sha256"
	"errors"
	"io"
	"strings"
)

const (
	maxSignatures   = 16
	maxSignature    = 4 << 10
	maxSignatureTar = 64 << 10
	signaturePrefix = ".SIGN."
)

// algorithms have the part of a signature's name that says what is signed: RSA
// (PKCS #1 v1.5, RFC 8017, section 8.2) of SHA-1 or SHA-256.
var algorithms = map[string]crypto.Hash{
	"RSA":    crypto.SHA1,
	"RSA256": crypto.SHA256,
}

// A signature is one file of the first archive: .SIGN.<algorithm>.<key name>.
type signature struct {
	key  string
	hash crypto.Hash // 0 for an algorithm that isn't known here
	sig  []byte
}

// cutSignatures splits b into the signatures of its first gzip member and what
// follows. A file that doesn't begin with signatures gives a *SignatureError.
func cutSignatures(name string, b []byte) (sigs []signature, rest []byte, err error) {
	what := name + ", signatures"
	raw, content, rest, err := splitMember(what, b, maxSignatureTar)
	var limit *LimitError
	if err != nil && !errors.As(err, &limit) {
		return nil, nil, err
	}
	if first, tarErr := tar.NewReader(bytes.NewReader(content)).Next(); tarErr == nil && !strings.HasPrefix(first.Name, signaturePrefix) {
		return nil, nil, &SignatureError{File: name}
	}
	if err != nil {
		return nil, nil, err
	}
	err = readTar(what, bytes.NewReader(content), maxSignatures, func(h *tar.Header, r io.Reader) error {
		s, err := readSignature(what, h, r)
		sigs = append(sigs, s)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if len(sigs) == 0 {
		return nil, nil, &SignatureError{File: name}
	}
	if err := checkMember(what, raw, content); err != nil {
		return nil, nil, err
	}
	return sigs, rest, nil
}

// memberHeaders are the gzip headers (RFC 1952, section 2.3) that the member of the
// signatures may have, and whether what wrote it copies from the nearest place: those of
// abuild-sign's gzip -9, of Go, and of klauspost/compress, with which melange signs, and
// which writes Go's zero time, cut to 32 bits.
var memberHeaders = []struct {
	header  string
	nearest bool
}{
	{"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03", true},
	{"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", true},
	{"\x1f\x8b\x08\x00\x00\x09\x6e\x88\x00\xff", false},
}

// checkMember refuses a member of signatures that says the same in another way than
// usual: no signature covers it, and a flipped bit that readers overlook would give the
// file another digest. All else in it is signatures, or held by its CRC.
func checkMember(what string, raw, content []byte) error {
	if len(raw) > maxSignatureTar {
		return &LimitError{what, maxSignatureTar}
	}
	const header, trailer = 10, 8
	for _, h := range memberHeaders {
		if !bytes.HasPrefix(raw, []byte(h.header)) {
			continue
		}
		if err := checkDeflate(raw[header:len(raw)-trailer], content, h.nearest); err != nil {
			return &FormatError{what, "the gzip member, which no signature covers, isn't as gzip writes it", err}
		}
		return nil
	}
	return &FormatError{what, "the gzip header, which no signature covers, is none of gzip -9, Go or melange", nil}
}

func readSignature(what string, h *tar.Header, r io.Reader) (signature, error) {
	name, ok := strings.CutPrefix(h.Name, signaturePrefix)
	algorithm, key, both := strings.Cut(name, ".")
	if !ok || !both || h.Typeflag != tar.TypeReg || checkKeyName(key) != nil {
		return signature{}, &FormatError{what, "an entry is no signature", nil}
	}
	sig, err := readLimited(r, maxSignature, what)
	if err != nil {
		return signature{}, formatError(what, "not a tar archive", err)
	}
	return signature{key, algorithms[algorithm], sig}, nil
}

// verify returns the name of the key that signed the bytes. Of several signatures
// one is enough, but none may be wrong that is said to be by one of the keys.
func (k Keys) verify(name string, sigs []signature, signed []byte) (string, error) {
	by := ""
	refused := &SignatureError{File: name, Keys: k.Names()}
	for _, s := range sigs {
		refused.Signers = append(refused.Signers, s.key)
	}
	for _, s := range sigs {
		key := k[s.key]
		if key == nil || s.hash == 0 {
			continue
		}
		h := s.hash.New()
		h.Write(signed)
		if rsa.VerifyPKCS1v15(key, s.hash, h.Sum(nil), s.sig) != nil {
			refused.Key = s.key
			return "", refused
		}
		if by == "" {
			by = s.key
		}
	}
	if by == "" {
		return "", refused
	}
	return by, nil
}

// SignersUnsafe returns the names of the keys with which an index or package, of
// which b is the beginning, says it is signed. It verifies nothing: the names serve
// to give a key that came without one the name that apk will look for.
func SignersUnsafe(name string, b []byte) ([]string, error) {
	sigs, _, err := cutSignatures(name, b)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(sigs))
	for i, s := range sigs {
		names[i] = s.key
	}
	return names, nil
}
