package diffoscope

import (
	"context"
	"fmt"
	"io"
	"runtime"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
)

// verified runs compare, and reads every blob of the images that compare hasn't read to
// its end. What is wrong with a blob is the error, whatever compare made of it.
func verified(ctx context.Context, images []*Image, compare func() error) error {
	for _, i := range images {
		i.walked = make([]bool, len(i.layers))
	}
	if err := verify(ctx, images, func(i *Image) []ocispec.Descriptor { return []ocispec.Descriptor{i.desc, i.configAt} }); err != nil {
		return err
	}
	failed := compare()
	err := verify(ctx, images, func(i *Image) []ocispec.Descriptor {
		var list []ocispec.Descriptor
		for n, desc := range i.layers {
			if failed != nil || !i.walked[n] {
				list = append(list, desc)
			}
		}
		return list
	})
	if err != nil {
		return err
	}
	return failed
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
