package cause

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// A judge says what a place's two values mean, false if not that after all.
type judge func(*sight) (Cause, bool)

// kindHeader is diffoscope's KindHeader, a field of a layer's entry.
const kindHeader = "header"

// headers are the fields of a tar entry's header (POSIX, pax, "ustar Interchange
// Format"), of which there can be a million.
var headers = map[string]judge{
	"mtime": stamped, "atime": stamped, "ctime": stamped,
	"pax mtime": stamped, "pax atime": stamped, "pax ctime": stamped,
	"mode": mode,
	"uid":  owned, "gid": owned, "uname": owned, "gname": owned,
	"linkname": func(s *sight) (Cause, bool) { return Cause{}, false }, // as any other path
}

// archives have members with such fields, of which there can be many, too.
var archives = map[string]bool{"tar": true, "ar": true, "cpio": true, "zip": true, "jar": true, "deb": true}

// A placeRule says what differs by where it is alone. The pattern is for
// [sight.place].
type placeRule struct {
	pattern *lazyregexp.Regexp
	judge   judge
}

// wholes are what the content of a file is by its name, also as a member of another.
// The first that matches counts.
var wholes = []placeRule{
	// Who signed, and with what. Before all times and numbers that are in it.
	{lazyregexp.New(`/\.sign\.(rsa|dsa|ed25519)[^/]*/|/_gpg[a-z]*/|/meta-inf/[^/]+\.(rsa|dsa|ec|sf)/|/[^/]+\.(sig|asc|p7s|minisig)/`), always(Signature, Certain, "a signature is in it")},
	{lazyregexp.New(`/(x509|x\.509|pem|der|certificate)/.*/signature[^/]*/$|/module signature/|/(pe|elf)/.*/(certificate table|\.note\.package\.sig|authenticode)/`), always(Signature, Certain, "a signature over what differs too")},
	{lazyregexp.New(`/[^/]*(private[ _]key|secret[ _]key)[^/]*/`), always(Random, Certain, "a key that was made in the build")},
	{lazyregexp.New(`^/[a-z]+/([^ ]*/)?(pem|x509)/.*/certificate/content/$`), follows},
}

// places are the fields that other formats have, and what they are about.
var places = []placeRule{
	{lazyregexp.New(`/(x509|x\.509|pem|der|certificate)/.*/(serial|public|key|subject key|authority key|x509v3 subject)[^/]*/$`), always(Random, Certain, "a key or number that was made in the build")},
	{lazyregexp.New(`/shadow-?/(.*/)?[^/]*(day|last ?change|changed)[^/]*/$`), shadowDay},

	// Build IDs.
	{lazyregexp.New(`/[^/]*(build[ -]?id|gnu\.build-id|gnu_build_id)[^/]*/$|/\.note\.go\.buildid/`), buildID},

	// Tables of offsets and sizes, and sums, which follow from the rest.
	{lazyregexp.New(`/elf/.*/((section|program) headers?( table)?|elf header|entry|\.(symtab|dynsym|dynamic|hash|gnu\.hash|gnu\.version(_r)?|got(\.plt)?|plt(\.got|\.sec)?|rela?\.[a-z._]+|relr\.dyn|eh_frame(_hdr)?|gnu_debuglink|debug_aranges|note\.gnu\.build-id|init_array|fini_array)|after [^/]*)( strings)?/$`), follows},

	// How it was compressed.
	{lazyregexp.New(`/xz/.*/sizes in the block header/$`), always(Parallelism, Certain, "xz writes blocks with their sizes when it has several threads")},
	{lazyregexp.New(`/(gzip|xz|zstd|bzip2|lzma|zip|png|layer)/.*/(os|xfl|flags|extra flags|level|method|window[^/]*|block[^/]*|dictionary[^/]*|filters?|strategy|frames?|check|preset|compressed[^/]*)/$`), compressed},
	{lazyregexp.New(`/(gzip)/.*/(name|original name|file ?name|fname)/$`), always(Compression, Certain, "gzip's header has the file's name")},
	{lazyregexp.New(`^/compression/.*/gzip mtime/$`), gzipTime},
	{lazyregexp.New(`^/compression/.*/gzip name/$`), always(Compression, Certain, "gzip's header has the file's name")},
	{lazyregexp.New(`^/compression/.*/gzip flags/$`), always(Compression, Certain, "gzip's header has other fields, as with a name or without")},
	{lazyregexp.New(`^/compression/`), compressed},
	// All parts are the same, so the content is.
	{lazyregexp.New(`^/unexplained/([^ ]*/)?(gzip|xz|zstd|bzip2|lzma|png)/ /.*/bytes between the parts/$`), always(Compression, Likely, "the same content, compressed in another way")},

	{lazyregexp.New(`/[^/]*(crc-?32|adler-?32|checksum|digest|sha(1|256|512)|md5|size|length|offset)[^/]*/$`), sums},

	// What only one side has.
	{lazyregexp.New(`^/member// /.*(annotations|labels)[^/]*/$`), annotated},

	// Times, owners and modes of members.
	{lazyregexp.New(`/[^/]*(mtime|atime|ctime|modified|modification time|creation[ _-]date|creation time|revision[ _-]date|created|timestamp|time ?stamp|not ?before|not ?after|build ?date|builddate|date|time)/$`), stamped},
	{lazyregexp.New(`/(mode|permissions?|external attributes?)/$`), mode},
	{lazyregexp.New(`/([^/]* )?(uid|gid|uname|gname|owner|group|user)/$`), owned},

	{lazyregexp.New(`/(cpio|tar)/.*/(inode|devmajor|devminor|links|pax (schily\.(dev|ino|nlink)|libarchive\.creationtime))/$`), always(Random, Likely, "a number that the file system gave")},

	// Order.
	{lazyregexp.New(`^/order/([^ ]*/)?json/ /`), arrayOrder},
	{lazyregexp.New(`^/order// /order of layers[^/]*/$`), func(s *sight) (Cause, bool) { // that of the steps that made them
		return Cause{Name: Unknown, Confidence: Possible, A: s.A, B: s.B}, true
	}},
	{lazyregexp.New(`^/order/|/order( of [^/]*)?/$`), func(s *sight) (Cause, bool) {
		return Cause{Name: Order, Confidence: Likely, Detail: "the same members in another order", A: s.A, B: s.B}, true
	}},

	{lazyregexp.New(`/pyc/ /.*/filename/$`), sourceName},

	// The machine.
	{lazyregexp.New(`/(goarch|go(amd64|arm|arm64|386|mips|ppc64|riscv64)|machine|architecture|arch|e_machine|e_flags|class|isa|cpu ?type)/$`), always(Architecture, Likely, "built for another machine")},
	{lazyregexp.New(`/(go|buildinfo|go build info|elf)/.*/(setting )?(-trimpath|trimpath)/$`), always(BuildPath, Certain, "one of the two was built with -trimpath")},
	{lazyregexp.New(`/(host ?name|build ?host|buildhost|packager ?host)/$`), always(Hostname, Certain, "")},
}

// always returns the judge that needs no look at the values.
func always(name Name, c Confidence, detail string) judge {
	return func(s *sight) (Cause, bool) {
		return Cause{Name: name, Confidence: c, Detail: detail, A: s.A, B: s.B}, true
	}
}

func (s *sight) byField() (Cause, bool) {
	if j, ok := headers[s.field]; ok && (s.Kind == kindHeader || archives[s.format]) {
		if c, ok := j(s); ok {
			return c, ok
		}
	}
	if c, ok := s.byPlace(wholes); ok || s.Kind == "content" || s.wrapped() {
		return c, ok
	}
	return s.byPlace(places)
}

func (s *sight) byPlace(rules []placeRule) (Cause, bool) {
	for _, r := range rules {
		if r.pattern.MatchString(s.place()) {
			if c, ok := r.judge(s); ok {
				return c, true
			}
		}
	}
	return Cause{}, false
}

// stamped is for fields that hold a time: in any of the forms, or as a number.
func stamped(s *sight) (Cause, bool) {
	a, okA := parseTime(s.A)
	b, okB := parseTime(s.B)
	if !okA || !okB {
		return Cause{Name: Timestamp, Confidence: Certain, Detail: fmt.Sprintf("%s is a time", s.field), A: s.A, B: s.B}, s.OnlyA || s.OnlyB || okA || okB
	}
	c := s.timeCause(a, b)
	switch {
	case cutToSeconds(a, b):
		c.Name, c.Confidence, c.Detail = Timestamp, Possible, "one time, of which one side has whole seconds"
	case c.Name == Timestamp:
		c.Confidence = Certain
	}
	return c, true
}

// cutToSeconds reports whether a and b are one time, of which one has no fraction of a
// second: formats differ in that.
func cutToSeconds(a, b stamp) bool {
	whole := func(s stamp) bool { return s.time.Nanosecond() == 0 }
	return whole(a) != whole(b) && a.time.Truncate(time.Second).Equal(b.time.Truncate(time.Second))
}

// gzipTime is for the time in the header of a gzip file, 0 when it has none (RFC 1952,
// section 2.3.1).
func gzipTime(s *sight) (Cause, bool) {
	if s.A == "0" || s.B == "0" {
		return Cause{Name: Timestamp, Confidence: Certain, Detail: "gzip's header has a time on one side only", A: s.A, B: s.B}, true
	}
	return stamped(s)
}

// follows is for what is a consequence of the rest of the file.
func follows(s *sight) (Cause, bool) {
	return Cause{Name: Consequence, Confidence: Likely, Detail: "offsets and sizes follow from what else differs", A: s.A, B: s.B}, true
}

// sums is for sizes and sums, which are numbers.
func sums(s *sight) (Cause, bool) {
	c, _ := follows(s)
	c.Detail = "sums and sizes follow from what else differs"
	return c, s.Kind == "part" && isNumber(s.A) && isNumber(s.B)
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdefABCDEFx") == ""
}

// mode is for permission bits: files are made with 0666 or 0777 less the umask.
func mode(s *sight) (Cause, bool) {
	a, errA := strconv.ParseUint(s.A, 8, 32)
	b, errB := strconv.ParseUint(s.B, 8, 32)
	c := Cause{Name: Umask, Confidence: Possible, A: s.A, B: s.B, Detail: "the modes differ in more than what a umask takes away"}
	if errA != nil || errB != nil {
		return c, true
	}
	// Only what a umask is about: not the type of the file, nor setuid and the like.
	if (a^b)&0o777 == 0 || (a^b)&0o7000 != 0 {
		return Cause{}, false
	}
	a, b = a&0o777, b&0o777
	all := a | b
	c.Detail = fmt.Sprintf("%04o less %03o and less %03o", all, all&^a, all&^b)
	if all&^a&^0o077 != 0 || all&^b&^0o077 != 0 {
		return c, true
	}
	c.Confidence = Likely
	if v, ok := s.builds.Varied["umask"]; ok {
		ua, errA := strconv.ParseUint(v.A, 8, 32)
		ub, errB := strconv.ParseUint(v.B, 8, 32)
		if errA == nil && errB == nil && all&^a == all&ua && all&^b == all&ub {
			c.Confidence = Certain
			c.Detail = fmt.Sprintf("the umask was %s and %s", v.A, v.B)
		}
	}
	return c, true
}

// arrayOrder is for an array of JSON that has the same in another order.
func arrayOrder(s *sight) (Cause, bool) {
	c, ok := shuffledWords(s, found{a: s.A, b: s.B})
	if !ok {
		c = Cause{Name: HashOrder, Confidence: Likely, Detail: "the same values in another order", A: s.A, B: s.B}
	}
	return c, true
}

// annotated is for annotations and labels of which one side has the time of the build
// (image-spec, annotations.md).
func annotated(s *sight) (Cause, bool) {
	const created = "org.opencontainers.image.created"
	c := Cause{Name: Timestamp, Confidence: Certain, Detail: "only one side says when it was created", A: s.A, B: s.B}
	return c, (s.OnlyA || s.OnlyB) && (strings.Contains(s.field, created) || strings.Contains(s.A+s.B, `"`+created+`":`))
}

// sourceName is for the name that compileall was given, where it is no whole path.
func sourceName(s *sight) (Cause, bool) {
	c := Cause{Name: BuildPath, Confidence: Likely, Detail: "the source's name as python3 was given it", A: s.A, B: s.B}
	return c, s.A != "" && s.B != "" && !(s.A[0] == '/' && s.B[0] == '/')
}

func owned(s *sight) (Cause, bool) {
	switch s.format {
	case "passwd", "group", "shadow", "gshadow":
		return Cause{Name: Ownership, Confidence: Likely, Detail: "adduser and addgroup take the next number that is free", A: s.A, B: s.B}, true
	}
	return Cause{
		Name: Ownership, Confidence: Certain, A: s.A, B: s.B,
		Detail: fmt.Sprintf("%s %s is that of who built", s.field, strings.Join(slices.DeleteFunc([]string{s.A, s.B}, func(v string) bool { return v == "" }), " or ")),
	}, true
}

// shadowDay is for the third field of shadow(5), days since 1970.
func shadowDay(s *sight) (Cause, bool) {
	return Cause{Name: ShadowDay, Confidence: Certain, Detail: "the day of the last change of the password", A: s.A, B: s.B}, true
}

func compressed(s *sight) (Cause, bool) {
	c := Cause{Name: Compression, Confidence: Certain, A: s.A, B: s.B}
	c.Detail = "it was compressed in another way"
	if s.field != "" && s.field != "compression" && !strings.Contains(s.field, "bytes") {
		c.Detail = "it was compressed with another " + s.field
	}
	return c, true
}

// buildID is for what linkers write. It follows from all else that differs, unless
// it is random.
func buildID(s *sight) (Cause, bool) {
	c := Cause{Name: BuildID, Confidence: Certain, Detail: "it follows from what else differs", A: s.A, B: s.B}
	if n := len(strings.TrimSpace(s.A)); n == 32 || n == 36 {
		c.Confidence, c.Detail = Likely, "16 bytes, as ld --build-id=uuid writes at random and =md5 from the content"
	}
	return c, true
}
