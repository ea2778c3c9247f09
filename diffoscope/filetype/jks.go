package filetype

import (
	"crypto/x509"
	"encoding/binary"
	"strings"
	"time"
)

const (
	jksMagic = "\xfe\xed\xfe\xed"
	jksSum   = 20
)

// A jksReader reads a key store, whose numbers are big-endian.
type jksReader struct {
	in *input
	at int64
}

func (r *jksReader) number(size int64) (int64, error) {
	raw, err := r.in.bytes(r.at, size)
	if err != nil {
		return 0, err
	}
	r.at += size
	var wide [8]byte
	copy(wide[8-size:], raw)
	return int64(binary.BigEndian.Uint64(wide[:])), nil
}

// data reads bytes with their number in front, which has size bytes.
func (r *jksReader) data(size int64) ([]byte, error) {
	n, err := r.number(size)
	if err != nil {
		return nil, err
	}
	raw, err := r.in.bytes(r.at, n)
	r.at += int64(len(raw))
	return raw, err
}

// parseJKS takes a key store of Java's apart (JDK, sun.security.provider.JavaKeyStore):
// each certificate by its alias, with the time when it was put there. Of private keys
// it says whether they are the same.
func parseJKS(in *input, b *builder) error {
	r := &jksReader{in: in, at: 4}
	version, err := r.number(4)
	if err != nil {
		return err
	}
	n, err := r.number(4)
	if err != nil {
		return err
	}
	b.field("version", decimal(version), 4, 4)
	for range n {
		p := Part{Offset: r.at}
		if err := r.entry(&p, version); err != nil {
			return err
		}
		p.Size = r.at - p.Offset
		if !b.add(p.withoutBytes()) {
			return nil
		}
	}
	return addDerivedRest(in, b, "checksum", r.at)
}

// entry reads a certificate, or a key and its certificates.
func (r *jksReader) entry(p *Part, version int64) error {
	tag, err := r.number(4)
	if err != nil {
		return err
	}
	alias, err := r.data(2)
	if err != nil {
		return err
	}
	p.Name = strings.ToValidUTF8(string(alias), "?")
	at := r.at
	created, err := r.number(8)
	if err != nil {
		return err
	}
	p.Fields = append(p.Fields, Part{Name: "created", Value: timeText(time.UnixMilli(created)), Offset: at, Size: 8})
	certificates := int64(1)
	if tag == 1 {
		key, err := r.data(4)
		if err != nil {
			return err
		}
		p.Fields = append(p.Fields, Part{Name: "private key sha256", Value: digest(key)})
		if certificates, err = r.number(4); err != nil {
			return err
		}
	}
	for range certificates {
		if version == 2 {
			if _, err := r.data(2); err != nil { // the kind of certificate
				return err
			}
		}
		raw, err := r.data(4)
		if err != nil {
			return err
		}
		if len(p.Fields) > maxPackageFields {
			return &LimitError{What: "certificates of a key", Limit: maxPackageFields}
		}
		if cert, err := x509.ParseCertificate(raw); err == nil && tag != 1 {
			p.Fields = append(p.Fields, certificateFields(cert)...)
		} else {
			p.Fields = append(p.Fields, Part{Name: "certificate sha256", Value: digest(raw)})
		}
	}
	return nil
}

// addDerivedRest adds what follows the last part, and from it.
func addDerivedRest(in *input, b *builder, name string, offset int64) error {
	if size := in.Size() - offset; size > 0 {
		b.add(Part{Name: name, Open: in.open(offset, size), Derived: size == jksSum, Offset: offset, Size: size})
	}
	return nil
}
