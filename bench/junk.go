package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	bundleType   = "application/vnd.dev.sigstore.bundle.v0.3+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	emptyType    = "application/vnd.oci.empty.v1+json"
)

// A descriptor names a blob or manifest (image-spec, descriptor.md).
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

func describe(mediaType string, content []byte) descriptor {
	return descriptor{mediaType, fmt.Sprintf("sha256:%x", sha256.Sum256(content)), int64(len(content))}
}

// zeros is size bytes of zeros, for as often as it is read from the start: this
// program itself has to stay smaller than what it measures.
func zeros(size int64) io.ReadSeeker { return io.NewSectionReader(zero{}, 0, size) }

type zero struct{}

func (zero) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

// attach attaches a bundle with that content to the image with a tag in a repository:
// what anybody can do who may push.
func (s *server) attach(ctx context.Context, repository, tag string, content io.ReadSeeker) error {
	image, err := s.do(ctx, http.MethodGet, repository+"/manifests/"+tag, manifestType, nil, 0)
	if err != nil {
		return err
	}
	sum := sha256.New()
	size, err := io.Copy(sum, content)
	if err != nil {
		return err
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return err
	}
	blob, empty := descriptor{bundleType, fmt.Sprintf("sha256:%x", sum.Sum(nil)), size}, describe(emptyType, []byte("{}"))
	for d, r := range map[descriptor]io.Reader{blob: content, empty: strings.NewReader("{}")} {
		if _, err := s.do(ctx, http.MethodPost, repository+"/blobs/uploads/?digest="+d.Digest, "application/octet-stream", r, d.Size); err != nil {
			return err
		}
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType, "artifactType": bundleType,
		"config": empty, "layers": []descriptor{blob}, "subject": describe(manifestType, image),
	})
	if err != nil {
		return err
	}
	_, err = s.do(ctx, http.MethodPut, repository+"/manifests/"+describe(manifestType, manifest).Digest, manifestType,
		bytes.NewReader(manifest), int64(len(manifest)))
	return err
}

// do returns the answer to one request.
func (s *server) do(ctx context.Context, method, path, mediaType string, body io.Reader, size int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.address+"/v2/"+path, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", mediaType)
	req.Header.Set("Accept", mediaType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	return answer, err
}
