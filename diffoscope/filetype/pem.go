package filetype

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

const (
	// maxPEM is how many bytes a file with PEM blocks may have.
	maxPEM = 4 << 20
	// maxPEMHeaders is how many headers of a block are looked at.
	maxPEMHeaders = 100
)

func sniffPEM(head []byte, _ string) bool {
	return isText(head) && bytes.Contains(head, []byte("-----BEGIN "))
}

// parsePEM takes certificates and keys apart (RFC 7468). Of private keys it says
// whether they are the same, and nothing else.
func parsePEM(in *input, b *builder) error {
	if in.Size() > maxPEM {
		return ErrUnknown
	}
	data, err := in.all()
	if err != nil {
		return err
	}
	alone := bytes.Count(data, []byte("-----BEGIN ")) == 1
	var list []piece
	for rest := data; len(list) < in.limits.Parts; {
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		// The block begins at the last mark of its kind that Decode went past.
		end := len(data) - len(after)
		start := bytes.LastIndex(data[:end], []byte("-----BEGIN "+block.Type+"-----"))
		if start < 0 {
			break
		}
		p := pemPart(block, alone)
		p.Offset, p.Size = int64(start), int64(end-start)
		list = append(list, piece{p.Name, p.Offset, p.Size, func() { b.add(p.withoutBytes()) }})
		rest = after
	}
	if len(list) == 0 {
		return ErrUnknown
	}
	return in.addPieces(b, list)
}

// withoutBytes returns p with no bytes of the file, if fields say all that is in them:
// nothing more is to be shown of a private key.
func (p Part) withoutBytes() Part {
	if p.Open == nil {
		p.Size = 0
	}
	return p
}

func pemPart(block *pem.Block, alone bool) Part {
	p := Part{Name: strings.ToLower(block.Type)}
	for _, key := range slices.Sorted(maps.Keys(block.Headers))[:min(len(block.Headers), maxPEMHeaders)] {
		p.Fields = append(p.Fields, Part{Name: "header " + key, Value: block.Headers[key]})
	}
	if strings.Contains(block.Type, "PRIVATE KEY") {
		p.Fields = append(p.Fields, Part{Name: "sha256", Value: digest(block.Bytes)})
		return p
	}
	if strings.HasSuffix(block.Type, "CERTIFICATE") {
		// What follows a trusted certificate is openssl's own.
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			p.Fields = append(p.Fields, certificateFields(cert)...)
			if !alone {
				p.Name += " " + cert.Subject.String()
			}
			return p
		}
	}
	p.Encoding = "base64"
	p.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(block.Bytes)), nil }
	return p
}

// digest tells two contents apart that aren't shown.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return fmt.Sprintf("%x", sum)
}

func sniffX509(head []byte, name string) bool {
	switch path.Ext(name) {
	case ".crt", ".cer", ".der":
		return len(head) > 2 && head[0] == 0x30
	}
	return false
}

// parseX509 takes a certificate apart (RFC 5280).
func parseX509(in *input, b *builder) error {
	if in.Size() > maxPEM {
		return ErrUnknown
	}
	data, err := in.all()
	if err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(data)
	if err != nil {
		return ErrUnknown
	}
	for _, f := range certificateFields(cert) {
		f.Of = "content"
		b.add(f)
	}
	b.add(Part{Name: "content", Open: in.open(0, in.Size()), Size: in.Size()})
	return nil
}

func certificateFields(c *x509.Certificate) []Part {
	list := []Part{
		{Name: "serial", Value: fmt.Sprintf("%x", c.SerialNumber)},
		{Name: "not before", Value: c.NotBefore.UTC().Format(time.RFC3339)},
		{Name: "not after", Value: c.NotAfter.UTC().Format(time.RFC3339)},
		{Name: "subject", Value: c.Subject.String()},
		{Name: "issuer", Value: c.Issuer.String()},
		{Name: "version", Value: decimal(c.Version)},
		{Name: "names", Value: strings.Join(c.DNSNames, " ")},
		{Name: "public key", Value: c.PublicKeyAlgorithm.String() + " sha256 " + digest(c.RawSubjectPublicKeyInfo)},
		{Name: "signature algorithm", Value: c.SignatureAlgorithm.String()},
	}
	for _, e := range c.Extensions {
		name, keyID := "extension "+e.Id.String(), false
		switch e.Id.String() {
		case "2.5.29.14":
			name, keyID = "subject key id", true
		case "2.5.29.35":
			name, keyID = "authority key id", true
		}
		list = append(list, Part{Name: name, Value: fmt.Sprintf("%x", e.Value), Derived: keyID})
	}
	return append(list, Part{Name: "signature", Value: digest(c.Signature), Derived: true})
}
