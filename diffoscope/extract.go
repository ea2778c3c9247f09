package diffoscope

import (
	"archive/tar"
	"context"
	"io"
)

// Extract gives fn the content of those regular files of i that are called one of
// names, of an image as its layers leave them. Names are as [Difference] has them. Of
// a name that is there twice it gives the last.
func (i *Input) Extract(ctx context.Context, names []string, fn func(name string, r io.Reader) error) error {
	t, err := i.asTree(ctx)
	if err != nil {
		return err
	}
	at := map[string]int{}
	for _, name := range names {
		at[name] = -1
	}
	if _, err := t.walk(ctx, func(e *entry) error {
		if _, ok := at[e.header.Name]; ok && e.header.Typeflag == tar.TypeReg {
			at[e.header.Name] = e.index
		}
		return nil
	}); err != nil {
		return err
	}
	wanted, last := map[int]string{}, -1
	for name, index := range at {
		if index >= 0 {
			wanted[index] = name
			last = max(last, index)
		}
	}
	return t.again(ctx, func(index int) bool { return wanted[index] != "" }, last, func(index int, r contentReader) error {
		return fn(wanted[index], r)
	})
}
