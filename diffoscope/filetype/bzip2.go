package filetype

import (
	"bufio"
	"compress/bzip2"
	"io"
)

func sniffBzip2(head []byte, _ string) bool {
	return len(head) >= 10 && string(head[:3]) == "BZh" && head[3] >= '1' && head[3] <= '9' &&
		(string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17\x72\x45\x38\x50\x90")
}

// parseBzip2 takes a bzip2 file apart into its level, which is the size of its blocks
// in units of 100 kB, and its content.
func parseBzip2(in *input, b *builder) error {
	head, err := in.bytes(0, 4)
	if err != nil {
		return err
	}
	b.field("level", string(head[3:]), 3, 1)
	b.add(Part{Name: "content", Encoding: "bzip2", Offset: 4, Size: in.Size() - 4, Open: in.decode(func() (io.ReadCloser, error) {
		return io.NopCloser(bzip2.NewReader(bufio.NewReader(in.section(0, in.Size())))), nil
	})})
	return nil
}
