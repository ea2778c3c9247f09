package sign

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	trustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

// maxAnswer is the size, in bytes, of the largest answer of a service that is read.
const maxAnswer = 1 << 20

// A Request is one to a service, sent with HTTP's method POST.
type Request struct {
	URL string
	// Type is the media type of Body.
	Type string
	Body []byte
	// Token, if set, says who asks (RFC 6750, 2.1).
	Token string
	// Limit is how many bytes the answer has at most.
	Limit int64
}

// A Post sends a request and returns the answer. Another status than 200 and 201 is
// a *[StatusError], and a longer answer a *[LimitError]. Package sigstore makes one.
type Post func(ctx context.Context, r Request) ([]byte, error)

// Services are those that are asked about each signature that is made.
type Services struct {
	root *TrustedRoot
	post Post
	// authority certifies who signs without a key; it may be "".
	authority    string
	logs, stamps []string
}

// OpenServices reads config, a signing configuration of sigstore as JSON
// (application/vnd.dev.sigstore.signingconfig.v0.2+json), and chooses the services
// that it has for now: Rekor v2, timestamp authorities, and Fulcio. What they answer
// is verified by t, and nothing is sent but by post.
//
// It returns a *[LimitError], or a *[ConfigError] also when there is no service, or
// one that would be asked without encryption.
func OpenServices(config []byte, t *TrustedRoot, post Post, now time.Time) (*Services, error) {
	if len(config) > MaxTrustedRoot {
		return nil, &LimitError{What: "signing configuration", Size: int64(len(config)), Limit: MaxTrustedRoot}
	}
	if t == nil || post == nil {
		return nil, &ConfigError{Err: errors.New("no trusted root to verify answers with, or nobody to send requests")}
	}
	s := &Services{root: t, post: post}
	if err := s.choose(config, now); err != nil {
		return nil, &ConfigError{Err: err}
	}
	for _, service := range append(append([]string{s.authority}, s.logs...), s.stamps...) {
		if service != "" && !private(service) {
			return nil, &ConfigError{Err: fmt.Errorf("%q is neither https nor on this machine, or has more than a path", service)}
		}
	}
	return s, nil
}

func (s *Services) choose(config []byte, now time.Time) error {
	pb, err := root.NewSigningConfigProtobuf(config)
	if err != nil {
		return err
	}
	parsed, err := root.NewSigningConfigFromProtobuf(pb)
	if err != nil {
		return err
	}
	s.logs, err = chosen(parsed.RekorLogURLs(), pb.GetRekorTlogConfig(), 2, now)
	if err != nil {
		return fmt.Errorf("transparency logs, Rekor v2: %w", err)
	}
	s.stamps, err = chosen(parsed.TimestampAuthorityURLs(), pb.GetTsaConfig(), 1, now)
	if err != nil {
		return fmt.Errorf("timestamp authorities: %w", err)
	}
	if authorities := parsed.FulcioCertificateAuthorityURLs(); len(authorities) > 0 {
		a, err := root.SelectService(authorities, []uint32{1}, now)
		if err != nil {
			return fmt.Errorf("certificate authorities: %w", err)
		}
		s.authority = a.URL
	}
	if len(s.logs)+len(s.stamps) == 0 {
		return errors.New("it names neither a transparency log nor a timestamp authority")
	}
	return nil
}

// chosen returns the URLs of the services that a selector takes. Where there are
// services there has to be a selector.
func chosen(all []root.Service, how *trustroot.ServiceConfiguration, version uint32, now time.Time) ([]string, error) {
	if len(all) == 0 {
		return nil, nil
	}
	selector := root.ServiceConfiguration{Selector: how.GetSelector(), Count: how.GetCount()}
	services, err := root.SelectServices(all, selector, []uint32{version}, now)
	var urls []string
	for _, s := range services {
		urls = append(urls, s.URL)
	}
	return urls, err
}

// private reports whether nobody on the way to a service can read what it is sent.
func private(service string) bool {
	u, err := url.Parse(service)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	local := u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && local
}

// String names the kinds of service that are asked about each signature; "" for nil.
func (s *Services) String() string {
	if s == nil {
		return ""
	}
	var all []string
	for _, kind := range []struct {
		count     int
		one, many string
	}{
		{len(s.logs), "a transparency log", "%d transparency logs"},
		{len(s.stamps), "a timestamp authority", "%d timestamp authorities"},
	} {
		switch kind.count {
		case 0:
		case 1:
			all = append(all, kind.one)
		default:
			all = append(all, fmt.Sprintf(kind.many, kind.count))
		}
	}
	return strings.Join(all, " and ")
}

// With returns a key that signs as k does, and asks the services about each
// statement that it signs.
func (k *Key) With(s *Services) *Key {
	with := *k
	with.services = s
	return &with
}

// Services returns those that are asked about each statement that k signs, or nil.
func (k *Key) Services() *Services {
	if k == nil {
		return nil
	}
	return k.services
}

// Keyless returns a key that signs statements alone, each with a key pair that is
// made for it and forgotten, and a certificate of it by which the token's issuer
// says who has signed. It has no public key.
//
// It returns a *[ConfigError] when the services can't certify that, or say when it
// was signed: the certificate counts for minutes.
func (s *Services) Keyless(token *Token) (*Key, error) {
	switch {
	case s.authority == "":
		return nil, &ConfigError{Err: errors.New("it names no certificate authority, which signing without a key needs")}
	case len(s.stamps) == 0:
		return nil, &ConfigError{Err: errors.New("it names no timestamp authority, without which no certificate counts")}
	}
	return &Key{services: s, token: token}, nil
}

// ask sends a request to a service, which is called kind in errors.
func (s *Services) ask(ctx context.Context, kind Service, r Request) ([]byte, error) {
	r.Limit = maxAnswer
	answer, err := s.post(ctx, r)
	if err != nil {
		return nil, &ServiceError{Service: kind, URL: r.URL, Err: err}
	}
	return answer, nil
}

// transparency returns the logs as sigstore-go's signer asks for them.
func (s *Services) transparency() []sign.Transparency {
	var all []sign.Transparency
	for _, url := range s.logs {
		all = append(all, rekor{s, url})
	}
	return all
}

// stamp adds timestamps of the signature to b.
func (s *Services) stamp(ctx context.Context, b *protobundle.Bundle) error {
	signature := b.GetDsseEnvelope().GetSignatures()[0].GetSig()
	for _, url := range s.stamps {
		stamp, err := s.timestamp(ctx, url, sha256.Sum256(signature))
		if err != nil {
			return err
		}
		addTimestamp(b, stamp)
	}
	return nil
}

// check checks that b, by the key or certificate that it names, has all that the
// services were asked for, and by those of the trusted root.
func (s *Services) check(b *bundle.Bundle, keys root.TrustedMaterial) error {
	if err := s.root.logged(b, keys, len(s.logs)); err != nil {
		return &OtherServiceError{Service: TransparencyLog, Err: err}
	}
	if len(s.stamps) == 0 {
		return nil
	}
	if _, err := verify.VerifySignedTimestampWithThreshold(b, s.root.root, len(s.stamps)); err != nil {
		return &OtherServiceError{Service: TimestampAuthority, Err: err}
	}
	return nil
}
