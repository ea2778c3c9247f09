package diffoscope

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"gitlab.com/tailsbuild/tailsbuild/internal/oci"
)

// verified runs compare, and reads every blob of the images that compare hasn't read to
// its end. What is wrong with a blob is the error, whatever compare made of it. With
// decode it checks every diffID, too, which costs ten times as much; notes say of which
// layers it didn't, because of a limit.
func verified(ctx context.Context, images []*Image, decode bool, compare func() error) (notes []string, err error) {
	for _, i := range images {
		i.walked = make([]bool, len(i.layers))
	}
	if err := verify(ctx, images, documents); err != nil {
		return nil, err
	}
	failed := compare()
	if failed == nil && decode {
		return verifyLayers(ctx, images)
	}
	err = verify(ctx, images, func(i *Image) []ocispec.Descriptor {
		var list []ocispec.Descriptor
		for n, desc := range i.layers {
			if failed != nil || !i.walked[n] {
				list = append(list, desc)
			}
		}
		return list
	})
	if err != nil {
		return nil, err
	}
	return nil, failed
}

func documents(i *Image) []ocispec.Descriptor { return []ocispec.Descriptor{i.desc, i.configAt} }

// A decodedLayer is what a layer has to be decoded once for, however many images have it.
type decodedLayer struct {
	digest, diffID digest.Digest
	mediaType      string
	lenient        bool
}

func (i *Image) decoded(n int) decodedLayer {
	return decodedLayer{i.layers[n].Digest, i.diffIDs[n], i.layers[n].MediaType, i.lenient}
}

// verifyLayers reads the layers that were not walked, and checks each diffID.
func verifyLayers(ctx context.Context, images []*Image) ([]string, error) {
	done := map[decodedLayer]bool{}
	for _, i := range images {
		for n, walked := range i.walked {
			if walked {
				done[i.decoded(n)] = true
			}
		}
	}
	var jobs []func(context.Context) (note string, err error)
	for _, i := range images {
		jobs = append(jobs, func(context.Context) (string, error) { return "", i.checkIndex() })
		for n, desc := range i.layers {
			blob := func(ctx context.Context) (string, error) { return "", i.verifyBlob(ctx, desc) }
			switch {
			case i.walked[n]:
			case i.opaque || done[i.decoded(n)]:
				jobs = append(jobs, blob)
			default:
				done[i.decoded(n)] = true
				jobs = append(jobs, func(ctx context.Context) (string, error) { return i.verifyLayer(ctx, n) })
			}
		}
	}
	notes := make([]string, len(jobs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for k, job := range jobs {
		group.Go(func() (err error) {
			notes[k], err = job(ctx)
			return err
		})
	}
	err := group.Wait()
	return slices.DeleteFunc(notes, func(s string) bool { return s == "" }), err
}

// verifyLayer reads a layer and checks its diffID. It only checks the blob when what is
// in it is too large, and says so.
func (i *Image) verifyLayer(ctx context.Context, n int) (note string, err error) {
	got, err := i.layout.DiffID(ctx, i.layers[n], i.layerLimits())
	if err != nil {
		// What is wrong with the blob says more than what a decoder makes of it.
		if wrong := i.verifyBlob(ctx, i.layers[n]); wrong != nil {
			return "", wrong
		}
	}
	var limit *oci.LimitError
	if errors.As(err, &limit) {
		return fmt.Sprintf("layer %d: not decoded, so that its diff_id is not checked: %v", n, limit), nil
	}
	if err == nil && got != i.diffIDs[n] {
		err = &oci.DigestError{Blob: "uncompressed layer", Expected: i.diffIDs[n], Got: got}
	}
	if err != nil {
		return "", fmt.Errorf("%s: layer %d: %w", i.path, n, err)
	}
	i.walked[n] = true
	return "", nil
}

// verify hashes blobs of each image, several at once.
func verify(ctx context.Context, images []*Image, blobs func(*Image) []ocispec.Descriptor) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, i := range images {
		group.Go(func() error { return i.checkIndex() })
		// One digest with two sizes is read for both, so that one is found wrong.
		type blob struct {
			digest digest.Digest
			size   int64
		}
		seen := map[blob]bool{}
		for _, desc := range blobs(i) {
			key := blob{desc.Digest, desc.Size}
			if !seen[key] {
				seen[key] = true
				group.Go(func() error { return i.verifyBlob(ctx, desc) })
			}
		}
	}
	return group.Wait()
}

// checkIndex checks that the layout still holds the image that was opened.
func (i *Image) checkIndex() error {
	now, _, _, err := i.find(i)
	if err != nil {
		return fmt.Errorf("%s: %w", i.path, err)
	}
	if now.Digest != i.desc.Digest {
		return &ChangedError{i.path}
	}
	return nil
}

func (i *Image) verifyBlob(ctx context.Context, desc ocispec.Descriptor) error {
	blob, err := i.layout.Blob(desc)
	if err != nil {
		return fmt.Errorf("%s: %w", i.path, err)
	}
	defer blob.Close()
	buf := make([]byte, 128<<10)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, err := blob.Read(buf)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", i.path, err)
		}
	}
}
