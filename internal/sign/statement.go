package sign

import (
	"encoding/json"
	"errors"
	"fmt"

	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/types/known/structpb"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// readStatement returns the in-toto statement in payload, with its subjects' names and
// digests, and without what is in its predicate, which is often far larger than the
// rest and for others to decode. No name may come twice anywhere in it, and nothing is
// taken that protobuf's JSON doesn't know.
func readStatement(payload []byte) (*intoto.Statement, error) {
	members, err := oci.Members("statement", payload)
	if err != nil {
		return nil, err
	}
	st := &intoto.Statement{}
	for name, raw := range members {
		switch name {
		case "_type":
			err = json.Unmarshal(raw, &st.Type)
		case "predicateType":
			err = json.Unmarshal(raw, &st.PredicateType)
		case "subject":
			st.Subject, err = readSubjects(raw)
		case "predicate":
			if raw[0] != '{' {
				err = errors.New("not an object")
			}
			st.Predicate = &structpb.Struct{}
		default:
			err = errors.New("not a member of statements")
		}
		if err != nil {
			return nil, fmt.Errorf("statement: %q: %w", name, err)
		}
	}
	if t := st.GetType(); t != intoto.StatementTypeUri && t != statementV01 {
		return nil, fmt.Errorf("statement has type %q, want %q", t, intoto.StatementTypeUri)
	}
	if err := st.Validate(); err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	return st, nil
}

// readSubjects returns those of a statement.
func readSubjects(src []byte) ([]*intoto.ResourceDescriptor, error) {
	var all []map[string]json.RawMessage
	if err := json.Unmarshal(src, &all); err != nil {
		return nil, err
	}
	subjects := make([]*intoto.ResourceDescriptor, len(all))
	for i, members := range all {
		s := &intoto.ResourceDescriptor{}
		for name, raw := range members {
			var err error
			switch name {
			case "name":
				err = json.Unmarshal(raw, &s.Name)
			case "uri":
				err = json.Unmarshal(raw, &s.Uri)
			case "digest":
				err = json.Unmarshal(raw, &s.Digest)
			case "content", "downloadLocation", "mediaType", "annotations": // which nothing here reads
			default:
				err = errors.New("not a member of subjects")
			}
			if err != nil {
				return nil, fmt.Errorf("%q: %w", name, err)
			}
		}
		subjects[i] = s
	}
	return subjects, nil
}
