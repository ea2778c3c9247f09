package cause

import (
	"fmt"
	"path"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// A rule recognises, in a pair of lines, texts of one sort. The judge is given two
// that differ, and says what that means, or false when it means nothing.
type rule struct {
	pattern *lazyregexp.Regexp
	judge   func(*sight, found) (Cause, bool)
	// needs are characters without which a text has nothing of the sort.
	needs string
	// oneSided asks also when only one of the lines has such a text: then the
	// other is the whole line.
	oneSided bool
}

// rules are in the order in which they are asked. What one recognised is not shown
// to the next, so the longer and stricter ones come first.
var rules = slicesOf(
	[]rule{
		{needs: "$", pattern: lazyregexp.New(`\$[0-9a-z]{1,8}\$[./0-9A-Za-z$=,]{8,}`), judge: is(Random, Certain, "the salt of a password's hash")},
		{needs: ":", pattern: lazyregexp.New(`^[^:]+:[^:]*:\d{0,6}:`), judge: shadowLine},
		{needs: "-", pattern: lazyregexp.New(`\b(?:ssh-(?:rsa|ed25519|dss)|ecdsa-[a-z0-9-]+) [A-Za-z0-9+/=]{20,}(?: \S+)?`), judge: is(Random, Certain, "a key that was made in the build")},
		{needs: "-", pattern: lazyregexp.New(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), judge: uuid},
		{needs: "=", pattern: lazyregexp.New(`\buid=\d+(?:\([^)\s]*\))?(?: gid=\d+(?:\([^)\s]*\))?)?(?: groups=\S+)?`), judge: is(User, Certain, "what id(1) says of who built")},
		{needs: "#.", pattern: lazyregexp.New(`\bLinux \S+ \d+\.\d+\S* #.*`), judge: kernelLine},
	},
	dateRules(),
	[]rule{
		{pattern: calendarWords, judge: calendar, oneSided: true},
		{pattern: lazyregexp.New(`\b(?:[a-z]{2,3}_[A-Z]{2}(?:\.[A-Za-z0-9-]+)?(?:@[a-z]+)?|C(?:\.UTF-8|\.utf8)?|POSIX)(?:\W|$)`), judge: localeName},
		{pattern: lazyregexp.New(`\b(?:x86_64|amd64|i[3-6]86|aarch64|arm64|armv[5-8][a-z]*|armhf|riscv64|ppc64le|ppc64el|s390x|loongarch64|mips64el)\b`), judge: is(Architecture, Likely, "the architecture of who built")},
		{needs: "/", pattern: lazyregexp.New(`\b(?:(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc)/[A-Za-z0-9_/+-]+|UTC|GMT|Etc/UTC)\b`), judge: is(TimeZone, Likely, "the name of a time zone")},
		{needs: "/", pattern: lazyregexp.New(`(?:/[A-Za-z0-9._+@~%=,-]+)+/?`), judge: builtPath},
		{pattern: lazyregexp.New(`\b(?:tmp|temp|cc|go-build|pip-|pytmp|sh-thd|conftest|rustc|sess_|\.tmp)[._-]?[A-Za-z0-9_]{6,}\b`), judge: tempName},
		{pattern: lazyregexp.New(`\b0x[0-9a-fA-F]{6,16}\b|\b(?:7f[0-9a-f]{10}|5[56][0-9a-f]{10})\b`), judge: address},
		{needs: "@", pattern: lazyregexp.New(`\b[A-Za-z0-9._-]+@[A-Za-z0-9][A-Za-z0-9.-]*\b`), judge: userAtHost},
		{pattern: lazyregexp.New(`\b(?:UTC|GMT|CES?T|EES?T|WES?T|BST|E[SD]T|C[SD]T|M[SD]T|P[SD]T|JST|IST|[+-](?:0\d|1[0-4]):?(?:00|15|30|45))\b`), judge: is(TimeZone, Likely, "the zone that times are told in")},
		{needs: ".", pattern: lazyregexp.New(`\b\d+\.\d+\.\d+(?:[-.+][A-Za-z0-9_.+-]*)?`), judge: kernelVersion},
		{pattern: lazyregexp.New(`\b(?:[0-9a-f]{16,128}|[0-9A-F]{16,128})\b`), judge: hexDigits},
		{pattern: lazyregexp.New(`[A-Za-z0-9+/_-]{20,}={0,2}`), judge: base64Digits},
		{pattern: lazyregexp.New(`\b0?[0-7]{3}\b|\bu=[rwx]*,g=[rwx]*,o=[rwx]*`), judge: after(umaskWords, Umask, Certain, "a umask")},
		{pattern: lazyregexp.New(`\b0?[0-7]{3,4}\b|[-dlbcps](?:[-r][-w][-xsStT]){3}`), judge: permissions},
		{pattern: lazyregexp.New(`\d+\b`), judge: after(cpuWords, Parallelism, Likely, "a number of CPUs or jobs"), oneSided: true},
		{pattern: lazyregexp.New(`\b\d+\b`), judge: after(userWords, User, Likely, "a user's number")},
		{pattern: lazyregexp.New(`\b[A-Za-z0-9._-]+\b`), judge: randomNumber},
		{pattern: lazyregexp.New(`\b[A-Za-z0-9][A-Za-z0-9.-]*\b`), judge: hostName},
		{pattern: lazyregexp.New(`\b[a-z_][a-z0-9_-]*\b`), judge: after(userWords, User, Likely, "the name of who built")},
		{pattern: lazyregexp.New(`\d+(?:[.,'\x{a0}\x{202f}]\d+)+`), judge: numberForm},
		{pattern: lazyregexp.New(`.+`), judge: shuffledWords},
		{pattern: lazyregexp.New(`.+`), judge: message},
	},
)

func slicesOf(lists ...[]rule) []rule {
	var all []rule
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// Words that say what the number or name after them is. They are matched at the end
// of what is before it.
var (
	umaskWords  = lazyregexp.New(`umask\W{0,4}$`)
	cpuWords    = lazyregexp.New(`(\b(n?cpus?|nproc\w*|processors?|cores?|threads?|jobs?|workers?|parallel\w*|makeflags|gomaxprocs|concurrency)\b\W{0,6}(-j ?)?|\b(make|ninja|xz|zstd)\b.{0,16} -[jt] ?|[\w]*(_jobs|_cpus|_cores|_threads|njobs|ncpus)\W{1,4}|(^|\s)-j ?)$`)
	userWords   = lazyregexp.New(`(\b(e?uid|e?gid|whoami|home/)\W{1,4}|\b(users?|user ?name|logname|login|owner|packager|maintainer)["']?\s*[:=]\W{0,3}|\b(built|compiled|created|made|packaged|generated) by:?\s+|^\s*by:?\s+)$`)
	hostWords   = lazyregexp.New(`(\b(host ?names?|hosts?|node ?names?|nodes?|build[ _-]?host|domain(name)?|machine|server)["']?\s*[:=]\W{0,3}|\b(host ?name|build host|host|(built|build|compiled|made|generated) on|on host)\s+(is )?)$`)
	randomWords = lazyregexp.New(`(\b(random|rand|seed|nonce|salt|cookie|secret|token|password|session|uuid|guid|boundary|unique|pid|ppid|process|inode|ino|serial|entropy|address|addr|nanos?)(\w|-)?( ?id| number)?\W{1,4}|_(random|seed|nonce|salt|secret|token|password|pid|uuid)\W{1,4}|\bseed\W+)$`)
)

// is returns the judge that needs no second look.
func is(name Name, c Confidence, detail string) func(*sight, found) (Cause, bool) {
	return func(_ *sight, f found) (Cause, bool) {
		return Cause{Name: name, Confidence: c, Detail: detail, A: f.a, B: f.b}, true
	}
}

// after returns the judge of what comes after one of words, in the line, or in the
// name of the field or file when the value is all of it.
func after(words *lazyregexp.Regexp, name Name, c Confidence, detail string) func(*sight, found) (Cause, bool) {
	return func(s *sight, f found) (Cause, bool) {
		if f.a == f.b {
			return Cause{}, false
		}
		if words.MatchString(f.before) {
			return Cause{Name: name, Confidence: c, Detail: detail, A: f.a, B: f.b}, true
		}
		if strings.TrimSpace(f.before) != "" || len(f.a) > maxExcerpt || len(f.b) > maxExcerpt {
			return Cause{}, false
		}
		for _, w := range []string{s.field, strings.TrimSuffix(path.Base(s.file), path.Ext(s.file)), path.Ext(s.file)} {
			if w != "" && words.MatchString(strings.ToLower(w)+" = ") {
				return Cause{Name: name, Confidence: Likely, Detail: detail, A: f.a, B: f.b}, true
			}
		}
		return Cause{}, false
	}
}

// randomNumber is for what a word calls random: it has digits in it.
func randomNumber(s *sight, f found) (Cause, bool) {
	const digits = "0123456789"
	if !strings.ContainsAny(f.a, digits) || !strings.ContainsAny(f.b, digits) || ipAddress.MatchString(f.a) || ipAddress.MatchString(f.b) {
		return Cause{}, false
	}
	return after(randomWords, Random, Likely, "a number made at random, or of a process")(s, f)
}

var ipAddress = lazyregexp.New(`^\d+\.\d+\.\d+\.\d+$`)

// hostName is for a name after a word that says that it is a machine's: not for a
// version.
func hostName(s *sight, f found) (Cause, bool) {
	if version.MatchString(f.a) || version.MatchString(f.b) {
		return Cause{}, false
	}
	return after(hostWords, Hostname, Likely, "the name of the machine that built")(s, f)
}

var version = lazyregexp.New(`^v?\d+(\.\d+)*$`)

func uuid(_ *sight, f found) (Cause, bool) {
	detail := "a UUID"
	if f.a[14] == '4' && f.b[14] == '4' {
		detail = "a random UUID (version 4)"
	} else if f.a[14] == '1' && f.b[14] == '1' {
		detail = "a UUID of the time and the machine (version 1)"
	}
	return Cause{Name: Random, Confidence: Certain, Detail: detail, A: f.a, B: f.b}, true
}

// shadowLine is for a user's line in shadow(5), whose third field is a day.
func shadowLine(s *sight, f found) (Cause, bool) {
	a, b := strings.Split(f.a, ":"), strings.Split(f.b, ":")
	c := Cause{Name: ShadowDay, Confidence: Certain, Detail: "the day of the last change of the password", A: a[2], B: b[2]}
	return c, a[0] == b[0] && a[2] != b[2] && (strings.HasPrefix(path.Base(s.file), "shadow") || strings.HasPrefix(path.Base(s.entry), "shadow"))
}

func address(_ *sight, f found) (Cause, bool) {
	return Cause{Name: Random, Confidence: Likely, Detail: "an address in memory, which ASLR moves", A: f.a, B: f.b}, true
}

// tempName is for the names of temporary files, not for letters in what is binary: there
// a folder has to be before them.
func tempName(s *sight, f found) (Cause, bool) {
	inFolder := strings.HasPrefix(f.a, "/") || strings.HasSuffix(f.before, "/")
	return Cause{Name: Random, Confidence: Likely, Detail: "a temporary name", A: f.a, B: f.b}, inFolder || isText(s.A) && isText(s.B)
}

func hexDigits(s *sight, f found) (Cause, bool) {
	c := Cause{Name: Random, Confidence: Possible, A: f.a, B: f.b, Detail: "random digits, or a digest of something else that differs"}
	if randomWords.MatchString(f.before) {
		c.Confidence, c.Detail = Likely, "random digits"
	}
	return c, len(f.a) == len(f.b) || randomWords.MatchString(f.before)
}

// base64Digits is for what looks drawn at random: letters of both cases and digits,
// which a word that says so may stand for.
func base64Digits(s *sight, f found) (Cause, bool) {
	named := randomWords.MatchString(f.before)
	mixed := func(t string) bool {
		return (named || strings.ContainsAny(t, "0123456789")) && strings.ToLower(t) != t && strings.ToUpper(t) != t
	}
	if !mixed(f.a) || !mixed(f.b) {
		return Cause{}, false
	}
	c := Cause{Name: Random, Confidence: Possible, A: f.a, B: f.b, Detail: "random letters, or a digest of something else that differs"}
	if named {
		c.Confidence = Likely
	}
	return c, true
}

// permissions is for modes in a text, as ls and stat write them.
func permissions(_ *sight, f found) (Cause, bool) {
	letters := strings.ContainsAny(f.a, "rwx-") && len(f.a) == 10 && len(f.b) == 10
	if letters && f.a[:4] == f.b[:4] || !letters && lazyMode.MatchString(f.before) {
		return Cause{Name: Umask, Confidence: Likely, Detail: "permissions of group and others", A: f.a, B: f.b}, true
	}
	return Cause{}, false
}

var lazyMode = lazyregexp.New(`\b(mode|permissions?|chmod|perms?)\W{1,4}$`)

// kernelLine is for what uname -a says.
func kernelLine(_ *sight, f found) (Cause, bool) {
	a, b := strings.Fields(f.a), strings.Fields(f.b)
	c := Cause{Name: Kernel, Confidence: Certain, Detail: "what uname(1) says of the machine that built", A: a[2], B: b[2]}
	if a[2] != b[2] {
		return c, true
	}
	if a[1] != b[1] {
		c.Name, c.A, c.B = Hostname, a[1], b[1]
		return c, true
	}
	c.A, c.B = f.a, f.b
	if a[len(a)-2] != b[len(b)-2] {
		c.Name, c.A, c.B = Architecture, a[len(a)-2], b[len(b)-2]
	}
	return c, true
}

var kernelWords = lazyregexp.New(`(\b(kernel|linux|uname|osrelease|os release|release)\b[^\d]{0,16}|^\s*)$`)

// kernelVersion is for the version of a kernel, where a word says that it is one, or
// one build saw 2.6 (personality(2), UNAME26).
func kernelVersion(s *sight, f found) (Cause, bool) {
	c := Cause{Name: Kernel, Confidence: Likely, Detail: "the version of the kernel", A: f.a, B: f.b}
	old := func(v string) bool { return strings.HasPrefix(v, "2.6.") }
	switch {
	case s.builds.Varied["uname"] != Variation{} && old(f.a) != old(f.b):
		c.Confidence = Certain
	case kernelWords.MatchString(f.before) && old(f.a) != old(f.b):
	case kernelWords.MatchString(f.before) && strings.TrimSpace(f.before) != "":
	case strings.Contains(s.place(), "kernel") || strings.Contains(s.place(), "uname"):
	default:
		return c, false
	}
	return c, true
}

// userAtHost is for root@builder.
func userAtHost(_ *sight, f found) (Cause, bool) {
	ua, ha, _ := strings.Cut(f.a, "@")
	ub, hb, _ := strings.Cut(f.b, "@")
	if ha != hb {
		return Cause{Name: Hostname, Confidence: Likely, Detail: "the name of the machine that built", A: ha, B: hb}, true
	}
	return Cause{Name: User, Confidence: Likely, Detail: "the name of who built", A: ua, B: ub}, true
}

// builtPath is for absolute paths.
func builtPath(s *sight, f found) (Cause, bool) {
	a, b := strings.Split(strings.Trim(f.a, "/"), "/"), strings.Split(strings.Trim(f.b, "/"), "/")
	c := Cause{Name: BuildPath, Confidence: Likely, Detail: "a path of the machine that built", A: f.a, B: f.b}
	same := 0
	for same < min(len(a), len(b)) && a[len(a)-1-same] == b[len(b)-1-same] {
		same++
	}
	start := 0
	for start < min(len(a), len(b))-same && a[start] == b[start] {
		start++
	}
	i := len(a) - 1 - same
	switch {
	case start < len(a) && start < len(b) && a[start] == b[start], !boundary(f.before):
		return c, false
	case same == 0 && i >= 0 && temporary(a[len(a)-1]) && temporary(b[len(b)-1]):
		return tempName(s, f)
	case len(a) == len(b) && start == i && tempRoots.MatchString(f.a) && temporary(a[i]) && temporary(b[i]):
		return tempName(s, f)
	case start == 1 && a[0] == "home" && len(a) == len(b) && len(a) <= 3:
		c.Name, c.Detail = User, "the home of who built"
	case same > 0 || len(a) > 1 && len(b) > 1:
		// The same file, elsewhere; or one folder and another.
	default:
		c.Confidence = Possible
		return c, buildRoots.MatchString(f.a+"/") || buildRoots.MatchString(f.b+"/")
	}
	if same == 0 && !buildRoots.MatchString(f.a+"/") && !buildRoots.MatchString(f.b+"/") {
		c.Confidence = Possible
	}
	return c, true
}

// boundary reports whether a path can begin after what is before it: not in the
// middle of a word, such as base64's, but after an option, as in -I/usr/include.
func boundary(before string) bool {
	if before == "" || !isWord(before[len(before)-1]) && before[len(before)-1] != '+' {
		return true
	}
	words := strings.FieldsFunc(before, between)
	return len(words) > 0 && words[len(words)-1][0] == '-'
}

// buildRoots are where builds are made.
var buildRoots = lazyregexp.New(`^/(build|builds|tmp|home|root|src|usr/src|var/tmp|work|workspace|run/tailsbuild|go|github|mnt|dev/shm)/`)

// tempRoots are where mktemp(1) makes folders.
var tempRoots = lazyregexp.New(`^/(tmp|var/tmp|dev/shm)/`)

var tempPattern = lazyregexp.New(`^(\.?(tmp|temp|cc|go-build|pip-|pytmp|rustc|conftest|sess_|dpkg-deb|apk)[._-]?[A-Za-z0-9_]{4,}(\.[a-z0-9]{1,3})?|.*[.-][A-Za-z0-9]{6,12})$`)

// temporary reports whether a name is one that mktemp(3) and its like make.
func temporary(name string) bool {
	return tempPattern.MatchString(name) && strings.ContainsAny(name, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
}

// dateRules has a rule for each form of a date.
func dateRules() []rule {
	list := make([]rule, len(dateForms))
	for i := range dateForms {
		f := &dateForms[i]
		list[i] = rule{needs: f.needs, pattern: f.pattern, judge: func(s *sight, m found) (Cause, bool) {
			a, okA := f.read(m.a)
			b, okB := f.read(m.b)
			if !okA || !okB || !s.plausible(a, b) || neighbour(m.before) {
				return Cause{}, false
			}
			sure := s.evident(m, a, b)
			if sure == "" {
				return Cause{}, false
			}
			c := s.timeCause(a, b)
			if sure == Possible && c.Confidence == Likely {
				c.Confidence = Possible
			}
			c.A, c.B = m.a, m.b
			c.Detail = fmt.Sprintf("%s, %s", f.name, c.Detail)
			return c, true
		}}
	}
	return list
}

// timeWords say that what comes after them is a time, and countWords that it isn't.
var (
	timeWords  = lazyregexp.New(`time|date|stamp|epoch|build|built|made|creat|modif|chang|updat|generat|expir|since|second|now|start|day|version|release|snapshot|serial|\b(at|on|t)\b`)
	countWords = lazyregexp.New(`\b(sizes?|bytes|len(gth)?|count|total|num(ber)?|nr|no|offset|port|ids?|[eug]id|key|crc|sum|limit|max|min)\W{0,4}$`)
)

// evident says how sure it is that two texts are times, "" when they are none: plain
// numbers, and clocks without a day, are other things as often.
func (s *sight) evident(m found, a, b stamp) Confidence {
	digits := strings.Trim(m.a, "0123456789.") == "" && !strings.Contains(m.a[:min(8, len(m.a))], ".")
	clock := a.form == "__TIME__"
	near := s.nearStart(a.time, 0) && s.nearStart(b.time, 1)
	switch {
	case !digits && !clock || near:
		return Likely
	case countWords.MatchString(m.before):
		return ""
	case timeWords.MatchString(m.before), timeWords.MatchString(strings.ToLower(s.field)), timeWords.MatchString(strings.ToLower(path.Base(s.file))):
		return Likely
	case clock && a.time.Second() == 0 && b.time.Second() == 0 && !s.knowsZones():
		return "" // hours that people wrote
	case clock || m.whole:
		return Likely
	}
	return Possible
}

// neighbour reports whether what was found goes on to the left: as in a MAC address
// or a longer number.
func neighbour(before string) bool {
	return before != "" && strings.ContainsRune(":.", rune(before[len(before)-1])) && len(before) > 1 && isHex(before[len(before)-2])
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }

// plausible reports whether two numbers that could be times are: those of two builds
// are less than ten years apart, and plain numbers less than one.
func (s *sight) plausible(a, b stamp) bool {
	limit := 20 * 365 * 24 * 60 * 60.0
	if strings.HasPrefix(a.form, "a number") {
		limit = 400 * 24 * 60 * 60
		if s.builds.Epoch != nil && (a.time.Unix() == *s.builds.Epoch || b.time.Unix() == *s.builds.Epoch) {
			return true
		}
	}
	return b.time.Sub(a.time).Abs().Seconds() < limit
}
