package cause

import "gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"

// A fileRule says what differs in a file that is known by its name.
type fileRule struct {
	pattern *lazyregexp.Regexp // for the name, or path in the layer
	name    Name
	sure    Confidence
	detail  string
	mend    string
}

// files are known to have something in them that no build gives twice. They are
// asked after fields and before values.
var files = []fileRule{
	{lazyregexp.New(`^(etc/machine-id|var/lib/dbus/machine-id)$`), Random, Certain, "the machine's ID is made at random", "leave /etc/machine-id empty: it is made at the first start"},
	{lazyregexp.New(`(^|/)ssh_host_[a-z0-9]+_key(\.pub)?$`), Random, Certain, "a host key that was made in the build", "remove etc/ssh/ssh_host_* and make them at the first start (ssh-keygen -A)"},
	{lazyregexp.New(`(^|/)(id_(rsa|ed25519|ecdsa)|[^/]*[._-]key|[^/]*key\.pem|dhparams?\.pem)(\.pub)?$`), Random, Likely, "a key that was made in the build", "make no keys in the build: make them at the first start"},
	{lazyregexp.New(`(^|/)(random-seed|\.rnd|random_seed|urandom)$`), Random, Certain, "a seed for random numbers", "remove it: it is made at the first start"},
	{lazyregexp.New(`^var/cache/ldconfig/aux-cache$`), Timestamp, Certain, "it has the times and inodes of libraries", "rm /var/cache/ldconfig/aux-cache"},
	{lazyregexp.New(`^var/(log|cache|tmp)/|^tmp/|^run/|(^|/)\.(ash|bash|python|wget)_?(history|hsts)$|(^|/)config\.log$`), Timestamp, Possible, "a log or cache that the build left behind", "remove it: rm -rf /var/log/* /var/cache/* /tmp/*"},
	{lazyregexp.New(`^etc/(hostname|mailname)$`), Hostname, Likely, "it has the name of the machine that built", "set it, or remove it: it is made at the first start"},
	{lazyregexp.New(`^etc/(resolv\.conf|hosts)$`), Hostname, Possible, "it is the network of the machine that built", "set it, or remove it: the runtime writes it"},
}

// byFile is for what files of that name are known for, when nothing in the values
// says it better.
func (s *sight) byFile() (Cause, bool) {
	if s.Kind == kindHeader {
		return Cause{}, false
	}
	for _, r := range files {
		if r.sure == Certain && (r.pattern.MatchString(s.entry) || r.pattern.MatchString(s.file)) {
			return r.cause(s), true
		}
	}
	return Cause{}, false
}

// byFormat is the last that is asked: what is not certain about a file's name, and
// what its format is known for.
func (s *sight) byFormat() []Cause {
	if s.Kind == kindHeader {
		return nil
	}
	for _, r := range files {
		if r.sure != Certain && (r.pattern.MatchString(s.entry) || r.pattern.MatchString(s.file)) {
			return []Cause{r.cause(s)}
		}
	}
	for _, r := range formats {
		if r.pattern.MatchString(s.place()) {
			return []Cause{r.cause(s)}
		}
	}
	return nil
}

func (r fileRule) cause(s *sight) Cause {
	return Cause{Name: r.name, Confidence: r.sure, Detail: r.detail, Mend: r.mend, A: s.A, B: s.B}
}

// formats say what is worth a look in a part that nothing else explains. The
// pattern is for [sight.place].
var formats = []fileRule{
	{lazyregexp.New(`/(elf|pe|macho)/.*/(\.debug_(line|line_str|str|macro|gdb_scripts)|\.gopclntab|\.gosymtab)( strings)?/`), BuildPath, Possible, "what debuggers read has paths of the build", ""},
	{lazyregexp.New(`/elf/.*/\.(sh)?strtab( strings)?/$`), Consequence, Likely, "names of symbols and sections follow from what else differs", ""},
	{lazyregexp.New(`/elf/.*/(\.debug_[a-z_]+|\.(text|data|rodata|dynstr|init|fini|bss|tbss|tdata|noptrdata|itablink|typelink|go\.[a-z]+)[^/]*|[^/]* symbols|symbols)/`), Consequence, Possible, "code and data that point to what else differs, or another compiler", ""},
	{lazyregexp.New(`/(pyc|python bytecode|python)/.*/(code|const[^/]*|constants|flags|marshal[^/]*|frozenset[^/]*|names)/`), HashOrder, Possible, "sets in the code are written in the order of their hashes, and flags by what else was referred to", ""},
	{lazyregexp.New(`^/unexplained/([^ ]*/)?(zip|jar|deb|apk|ar)/ /.*/bytes between the parts/$`), Compression, Possible, "the archive's own bytes differ, with the same members", ""},
}
