package filetype

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"maps"
	"path"
	"slices"
)

const (
	// maxTraces and maxTraceBytes bound what is kept of one content.
	maxTraces     = 10_000
	maxTraceBytes = 1 << 20
	// maxRun is how many printable bytes are looked at as one string, minRun how many
	// the shortest trace has.
	maxRun, minRun = 4 << 10, 6
)

// traces returns an Open for what the content that open opens has of where, when and
// by whom it was made: absolute paths, dates and times, user@host, UUIDs and long
// hexadecimal numbers. They are sorted, one a line, each once. Of files with source
// code it has the folders.
func (in *input) traces(open func() (io.ReadCloser, error)) func() (io.ReadCloser, error) {
	return in.text(func(yield func(string) bool) error {
		src, err := open()
		if err != nil {
			return err
		}
		defer src.Close()
		found, err := findTraces(src)
		if err != nil {
			return err
		}
		for _, s := range slices.Sorted(maps.Keys(found)) {
			if !yield(s + "\n") {
				return nil
			}
		}
		return nil
	})
}

// findTraces reads src to its end, or until it has enough.
func findTraces(src io.Reader) (map[string]struct{}, error) {
	found := map[string]struct{}{}
	buf := make([]byte, 64<<10)
	size, have := 0, 0
	for {
		n, err := src.Read(buf[have:])
		data := buf[:have+n]
		keep := 0 // the last run may go on in the next read
		for err == nil && keep < min(len(data), maxRun) && printable(data[len(data)-1-keep]) {
			keep++
		}
		for s := range tracesIn(data[:len(data)-keep]) {
			if isSource(s) {
				s = append(bytes.Clone(s[:bytes.LastIndexByte(s, '/')]), '/')
			}
			if _, ok := found[string(s)]; ok {
				continue
			}
			found[string(s)] = struct{}{}
			if size += len(s); size > maxTraceBytes || len(found) >= maxTraces {
				return found, nil
			}
		}
		have = copy(buf, data[len(data)-keep:])
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func isSource(name []byte) bool {
	switch path.Ext(string(name)) {
	case ".go", ".s", ".S", ".c", ".h", ".cc", ".cpp", ".hpp", ".rs":
		return name[0] == '/'
	}
	return false
}

func printable(c byte) bool { return c >= ' ' && c <= '~' }

// printableEnd returns where the printable bytes end that begin at data[at].
func printableEnd(data []byte, at int) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for at+8 <= len(data) {
		// A byte below ' ' borrows, one above '~' carries or has its high bit.
		x := binary.LittleEndian.Uint64(data[at:])
		if (x|(x-ones*' ')|(x+ones))&high != 0 {
			break
		}
		at += 8
	}
	for at < len(data) && printable(data[at]) {
		at++
	}
	return at
}

// tracesIn yields the traces in the printable strings of data.
func tracesIn(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		// No string of minRun bytes is before next that has not this byte.
		for next := minRun - 1; next < len(data); {
			if !printable(data[next]) {
				next += minRun
				continue
			}
			at, end := next, next
			for at > next-minRun+1 && printable(data[at-1]) {
				at--
			}
			end = printableEnd(data, end)
			if end-at >= minRun && !tracesOf(data[at:end], yield) {
				return
			}
			next = end + minRun
		}
	}
}

// tracesOf yields the traces in a string, and reports whether to go on.
func tracesOf(s []byte, yield func([]byte) bool) bool {
	for at := 0; at < len(s); {
		begin := begins[s[at]]
		if begin == 0 || begin == inWord && at > 0 && word[s[at-1]] {
			at++
			continue
		}
		from, n := at, 0
		switch begin {
		case '/':
			n = pathAt(s, at)
		case '@':
			from, n = userAt(s, at)
		default:
			n = max(timeLen(s[at:]), hexLen(s[at:]))
		}
		if n == 0 {
			at++
			continue
		}
		if !yield(s[from : at+n]) {
			return false
		}
		at += n
	}
	return true
}

// begins has what may begin a trace, but for the user in user@host: inWord for what only
// does at the beginning of a word.
var begins = func() (table [256]byte) {
	for _, c := range []byte("0123456789abcdefJFMASOND") {
		table[c] = inWord
	}
	table['/'], table['@'] = '/', '@'
	return table
}()

const inWord = 'w'

// timeLen returns how many bytes the date or time has that s begins with.
func timeLen(s []byte) int {
	if len(s) < 8 {
		return 0
	}
	var patterns []string
	switch {
	case isDigit(s[0]) && s[2] == ':':
		patterns = []string{"dd:dd:dd"}
	case isDigit(s[0]) && s[4] == '-':
		patterns = []string{"dddd-dd-ddTdd:dd:dd", "dddd-dd-dd dd:dd:dd", "dddd-dd-dd"}
	case isMonth(s):
		patterns = []string{"...  d dddd", "... dd dddd", "... dd dd:dd:dd", "...  d dd:dd:dd"}
	}
	for _, pattern := range patterns {
		if matches(s, pattern) {
			return len(pattern)
		}
	}
	return 0
}

// matches reports whether s begins with pattern, where d is a digit and . anything.
func matches(s []byte, pattern string) bool {
	if len(s) < len(pattern) {
		return false
	}
	for i, p := range []byte(pattern) {
		switch {
		case p == 'd' && !isDigit(s[i]):
			return false
		case p != 'd' && p != '.' && p != s[i]:
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isMonth(s []byte) bool {
	switch string(s[:3]) {
	case "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec":
		return s[3] == ' '
	}
	return false
}

// pathAt returns how many bytes the path has that begins at s[at]: two names at
// least, and more before it only where strings of Go stand side by side.
func pathAt(s []byte, at int) int {
	if at > 0 && (s[at-1] == ':' || s[at-1] == '/' || word[s[at-1]] && !rooted(s[at:])) {
		return 0
	}
	names, n := 0, 0
	for s := s[at:]; n < len(s) && (word[s[n]] || s[n] == '/'); n++ {
		if s[n] == '/' && n+1 < len(s) && word[s[n+1]] {
			names++
		}
	}
	if names < 2 || n < minRun {
		return 0
	}
	return n
}

// rooted reports whether s is a path that begins like those where things are built.
func rooted(s []byte) bool {
	if len(s) < 2 || bytes.IndexByte([]byte("hrtuvw"), s[1]) < 0 {
		return false
	}
	for _, root := range []string{"/home/", "/root/", "/tmp/", "/usr/", "/var/", "/workspace/"} {
		if bytes.HasPrefix(s, []byte(root)) {
			return true
		}
	}
	return false
}

// userAt returns the user@host around s[at].
func userAt(s []byte, at int) (from, n int) {
	from, n = at, 1
	for from > 0 && name[s[from-1]] {
		from--
	}
	for at+n < len(s) && (name[s[at+n]] || s[at+n] == '.') {
		n++
	}
	alone := (from == 0 || !word[s[from-1]]) && (at+n == len(s) || !word[s[at+n]])
	if !alone || at-from < 2 || at-from > 32 || n < 3 || n > 64 || isDigit(s[from]) {
		return at, 0
	}
	return from, n
}

// hexLen returns how many digits a hexadecimal number or UUID has, 0 if s doesn't
// begin with a long one.
func hexLen(s []byte) int {
	n := 0
	for n < len(s) && hex[s[n]] {
		n++
	}
	if n >= 32 && n <= 128 && (n == len(s) || !word[s[n]]) {
		return n
	}
	const uuid = 36
	if n != 8 || len(s) < uuid || len(s) > uuid && word[s[uuid]] {
		return 0
	}
	for i, c := range s[:uuid] {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') || !dash && !hex[c] {
			return 0
		}
	}
	return uuid
}

// word has the characters of paths, name those of users and hosts, hex those of
// hexadecimal numbers.
var (
	word = characters("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+~-@")
	name = characters("abcdefghijklmnopqrstuvwxyz0123456789_-")
	hex  = characters("0123456789abcdef")
)

func characters(set string) (table [256]bool) {
	for _, c := range []byte(set) {
		table[c] = true
	}
	return table
}
