package sign

import (
	"bytes"
	"errors"
	"fmt"

	trustroot "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
)

// MaxTrustedRoot is the size, in bytes, of the largest trusted root, and of the
// largest signing configuration, that is read.
const MaxTrustedRoot = 1 << 20

// A TrustedRoot has the services whose word counts: authorities that certify who
// signs, transparency logs, and authorities that say when.
type TrustedRoot struct {
	name string
	root *root.TrustedRoot
}

// OpenTrustedRoot reads file, a trusted root of sigstore as JSON
// (application/vnd.dev.sigstore.trustedroot+json;version=0.1). Name is what results
// call it.
//
// It returns a *[LimitError] or a *[TrustedRootError]. A member that isn't known,
// a log that is there twice, and a root without any service are errors.
func OpenTrustedRoot(name string, file []byte) (*TrustedRoot, error) {
	if len(file) > MaxTrustedRoot {
		return nil, &LimitError{What: "trusted root", Size: int64(len(file)), Limit: MaxTrustedRoot}
	}
	pb, err := root.NewTrustedRootProtobuf(file)
	if err != nil {
		return nil, &TrustedRootError{Err: err}
	}
	parsed, err := root.NewTrustedRootFromProtobuf(pb)
	if err != nil {
		return nil, &TrustedRootError{Err: err}
	}
	if err := checkServices(pb); err != nil {
		return nil, &TrustedRootError{Err: err}
	}
	return &TrustedRoot{name, parsed}, nil
}

// checkServices refuses what the parsed root would not show any more.
func checkServices(pb *trustroot.TrustedRoot) error {
	if len(pb.GetTlogs())+len(pb.GetTimestampAuthorities())+len(pb.GetCertificateAuthorities()) == 0 {
		return errors.New("it names no service")
	}
	for _, logs := range [][]*trustroot.TransparencyLogInstance{pb.GetTlogs(), pb.GetCtlogs()} {
		for i, log := range logs {
			for _, other := range logs[:i] {
				if bytes.Equal(log.GetLogId().GetKeyId(), other.GetLogId().GetKeyId()) {
					return fmt.Errorf("the log with the ID %x is there twice", log.GetLogId().GetKeyId())
				}
			}
		}
	}
	return nil
}

// Name returns what the trusted root was called when it was opened.
func (t *TrustedRoot) Name() string { return t.name }
