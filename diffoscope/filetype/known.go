package filetype

// HeadSize is how many of a file's first bytes [Known] looks at.
const HeadSize = headSize

// Known reports whether [Parse] would try a file of that name, whose first HeadSize
// bytes are head, or all when it has fewer.
func Known(name string, head []byte) bool {
	for _, p := range parsers {
		if p.sniff(head, name) {
			return true
		}
	}
	return false
}
