package sign

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/oauthflow"
)

// MaxToken is the size, in bytes, of the largest identity token that is read.
const MaxToken = 64 << 10

// A Token is an OpenID Connect identity token, by which its issuer says who has it
// (OpenID Connect Core 1.0, 2). It is a secret, and there is no accessor for it.
type Token struct {
	raw     string
	subject string // what a certificate authority wants signed
}

// OpenToken reads file, a token as its issuer hands it out: a JSON web token, with
// white space around it at most. Nothing in it is verified: that is the certificate
// authority's work.
//
// It returns a *[LimitError], or a *[TokenError], which says so if it has expired by
// now.
func OpenToken(file []byte, now time.Time) (*Token, error) {
	if len(file) > MaxToken {
		return nil, &LimitError{What: "identity token", Size: int64(len(file)), Limit: MaxToken}
	}
	raw := string(bytes.TrimSpace(file))
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, &TokenError{Err: errors.New("it is no JSON web token")}
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, &TokenError{Err: err}
	}
	var c struct {
		Expires int64 `json:"exp"`
	}
	if err := json.Unmarshal(claims, &c); err != nil {
		return nil, &TokenError{Err: err}
	}
	if expires := time.Unix(c.Expires, 0).UTC(); !now.Before(expires) {
		return nil, &TokenError{Err: fmt.Errorf("it has expired: %s", expires.Format(time.RFC3339)), Expired: true}
	}
	subject, err := oauthflow.SubjectFromUnverifiedToken(claims)
	if err != nil {
		return nil, &TokenError{Err: err}
	}
	return &Token{raw, subject}, nil
}
