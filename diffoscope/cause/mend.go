package cause

import (
	"slices"
	"strings"

	"gitlab.com/tailsbuild/tailsbuild/internal/lazyregexp"
)

// A mendRule says what to change when something differs because of name in a place
// that pattern, for [sight.place], finds.
type mendRule struct {
	name    Name
	pattern *lazyregexp.Regexp
	mend    string
}

// What places have in common, for mends. The patterns are for [sight.holder]: the one
// format that holds a value decides, or else a file's name.
var (
	anywhere = lazyregexp.New(``)
	inHeader = lazyregexp.New(`^/header/`)
	inConfig = lazyregexp.New(`^/member// /`)
	inGzip   = lazyregexp.New(`^/[a-z]*/gzip/`)
	inZip    = lazyregexp.New(`^/[a-z]*/(zip|jar)/|^/[a-z]*// /.*\.(zip|jar|war|whl|ipa)/$`)
	inAr     = lazyregexp.New(`^/[a-z]*/ar/`)
	inTar    = lazyregexp.New(`^/[a-z]*/tar/|^/[a-z]*// /.*\.tar/$`)
	inCpio   = lazyregexp.New(`^/[a-z]*/cpio/|^/[a-z]*// /.*\.cpio/$`)
	inPyc    = lazyregexp.New(`^/[a-z]*/pyc/|^/[a-z]*// /.*\.pyc/$`)
	inPython = lazyregexp.New(`^/[a-z]*/pyc/|^/[a-z]*// /.*\.(pyc|py|pickle)/$`)
	inGo     = lazyregexp.New(`^/[a-z]*/[a-z-]+/go/`)
	inELF    = lazyregexp.New(`^/[a-z]*/(elf|pe|mach-o)/|^/[a-z]*// /.*\.(so[.0-9]*|o|a|ko)/$`)
	inMO     = lazyregexp.New(`^/[a-z]*/mo/|^/[a-z]*// /.*\.(mo|po|pot|gmo)/$`)
	inSQLite = lazyregexp.New(`^/[a-z]*/sqlite/|^/[a-z]*// /.*\.(db|sqlite3?)/$`)
	inX509   = lazyregexp.New(`^/[a-z]*/(x509|pem)/|^/[a-z]*// /.*\.(pem|crt|cer|der)/$`)
	inMan    = lazyregexp.New(`^/[a-z]*// /(.*/)?man/.*\.[1-8][a-z]*/$|^/[a-z]*// /.*[a-z_-]\.[1-8]/$`)
	inDeb    = lazyregexp.New(`^/[a-z]*/deb/|^/[a-z]*// /.*\.deb/$`)
	inJSON   = lazyregexp.New(`^/[a-z]*/json/|^/[a-z]*// /.*\.json/$`)
	inRust   = lazyregexp.New(`^/[a-z]*/(elf|ar)/ /(.*\.rlib/|.*/\.rustc/)`)
	inPerl   = lazyregexp.New(`^/[a-z]*// /.*\.(pl|pm|t)/$`)
	inPNG    = lazyregexp.New(`^/[a-z]*/png/|^/[a-z]*// /.*\.png/$`)
	inPDF    = lazyregexp.New(`^/[a-z]*// /.*\.pdf/$`)
	inZstd   = lazyregexp.New(`^/[a-z]*/zstd/`)
	inXz     = lazyregexp.New(`^/[a-z]*/xz/|^/[a-z]*// /.*\.(xz|lzma)/$`)
	inUsers  = lazyregexp.New(`^/[a-z]*/(passwd|group|shadow|gshadow)/`)
	inRPath  = lazyregexp.New(`^/[a-z]*/elf(/go)?/ /.*/(runpath|rpath|dt_runpath|dt_rpath)/$`)
	inPkg    = lazyregexp.New(`^/[a-z]*/(apk|pkginfo|apk 3|apk database)/`)
)

// mends are asked from the first to the last; each cause has one for anywhere.
var mends = []mendRule{
	{Timestamp, inHeader, "tar --mtime=@$SOURCE_DATE_EPOCH --clamp-mtime, or touch -hd @$SOURCE_DATE_EPOCH the files"},
	{Timestamp, inConfig, "set the image's times from SOURCE_DATE_EPOCH (buildctl: --opt build-arg:SOURCE_DATE_EPOCH=…; docker buildx: --output rewrite-timestamp=true)"},
	{Timestamp, inPyc, "python3 -m compileall --invalidation-mode unchecked-hash, or touch -d @$SOURCE_DATE_EPOCH the .py first"},
	{Timestamp, inZip, "zip -X after touch -d @$SOURCE_DATE_EPOCH the files; jar --date=…"},
	{Timestamp, inDeb, "set SOURCE_DATE_EPOCH for dpkg-deb"},
	{Timestamp, inAr, "ar D: ar rcD, ranlib -D, or binutils with --enable-deterministic-archives"},
	{Timestamp, inTar, "tar --sort=name --mtime=@$SOURCE_DATE_EPOCH --owner=0 --group=0 --numeric-owner"},
	{Timestamp, inCpio, "cpio --reproducible after touch -d @$SOURCE_DATE_EPOCH the files"},
	{Timestamp, inGzip, "gzip -n"},
	{Timestamp, inMO, "set POT-Creation-Date and PO-Revision-Date in the .po, or leave them out: sed -i '/^\"P.*-Date:/d' *.po"},
	{Timestamp, inGo, "give -ldflags -X a time from SOURCE_DATE_EPOCH (date -u -d @$SOURCE_DATE_EPOCH), and -buildvcs=false"},
	{Timestamp, inX509, "make no certificate in the build, or give it fixed times (openssl x509 -not_before … -not_after …)"},
	{Timestamp, inSQLite, "write no CURRENT_TIMESTAMP or datetime('now'): give the time from SOURCE_DATE_EPOCH"},
	{Timestamp, inPNG, "convert -define png:exclude-chunks=date,time, or +set date:create +set date:modify"},
	{Timestamp, inPDF, "set SOURCE_DATE_EPOCH and FORCE_SOURCE_DATE=1"},
	{Timestamp, inPkg, "set SOURCE_DATE_EPOCH for abuild or apk mkpkg, which write builddate"},
	{Timestamp, inELF, "set SOURCE_DATE_EPOCH: gcc and clang take __DATE__ and __TIME__ from it (find who uses them with -Wdate-time)"},
	{Timestamp, inMan, "set SOURCE_DATE_EPOCH for what makes the manual page"},
	{Timestamp, anywhere, "take the time from SOURCE_DATE_EPOCH: date -u -d \"@$SOURCE_DATE_EPOCH\""},

	{Epoch, inELF, "take the time from SOURCE_DATE_EPOCH, as gcc does for __DATE__ (find who uses another with -Wdate-time)"},
	{Epoch, inGzip, "gzip -n"},
	{Epoch, inPyc, "python3 -m compileall --invalidation-mode unchecked-hash"},
	{Epoch, anywhere, "have the tool read SOURCE_DATE_EPOCH: date -u -d \"@$SOURCE_DATE_EPOCH\""},

	{BuildPath, inRPath, "link with -Wl,-rpath,'$ORIGIN/…' or without it (cmake -DCMAKE_SKIP_BUILD_RPATH=ON), or patchelf --remove-rpath"},
	{BuildPath, inGo, "go build -trimpath"},
	{BuildPath, inPyc, "python3 -m compileall -s \"$DESTDIR\" -p /"},
	{BuildPath, inRust, "RUSTFLAGS=--remap-path-prefix=$PWD=."},
	{BuildPath, inELF, "gcc -ffile-prefix-map=$PWD=. (with -fdebug-prefix-map and -fmacro-prefix-map in it), or strip -g"},
	{BuildPath, anywhere, "build in the same folder each time, or write paths relative to it"},

	{Hostname, inConfig, "set no hostname in the image's config"},
	{Hostname, anywhere, "write a fixed name instead of hostname(1): KBUILD_BUILD_HOST=, HOSTNAME=…, or leave it out"},
	{User, anywhere, "write a fixed name instead of whoami(1), id(1) or $USER: KBUILD_BUILD_USER=…, or leave it out"},
	{Environment, anywhere, "write no variables of the environment, or set them in the script: env -i PATH=\"$PATH\" COMMAND"},
	{Umask, anywhere, "umask 022 at the start of the script, or chmod -R u=rwX,go=rX; install -m 644"},

	{Ownership, inUsers, "give adduser and addgroup fixed numbers: adduser -u NUMBER, addgroup -g NUMBER"},
	{Ownership, inAr, "ar D: ar rcD, ranlib -D"},
	{Ownership, inZip, "zip -X"},
	{Ownership, inCpio, "cpio --owner=0:0 --reproducible"},
	{Ownership, inDeb, "dpkg-deb --root-owner-group"},
	{Ownership, anywhere, "tar --owner=0 --group=0 --numeric-owner; chown -R 0:0"},

	{Locale, anywhere, "LC_ALL=C sort, and LC_ALL=C for all that writes"},
	{TimeZone, inZip, "TZ=UTC zip -X"},
	{TimeZone, anywhere, "TZ=UTC, or date -u"},
	{Parallelism, inXz, "xz -T1"},
	{Parallelism, inZstd, "zstd --single-thread"},
	{Parallelism, anywhere, "write no number of CPUs; make -j1, or sort what jobs write"},

	{Order, inELF, "link objects in one order: $(sort $(wildcard *.o)), or LC_ALL=C sort"},
	{Order, inHeader, "tar --sort=name"},
	{Order, inAr, "ar rcD lib.a $(ls *.o | LC_ALL=C sort)"},
	{Order, inZip, "find . | LC_ALL=C sort | zip -X -@"},
	{Order, inTar, "tar --sort=name"},
	{Order, lazyregexp.New(`^/order/`), "tar --sort=name"},
	{Order, anywhere, "find … | LC_ALL=C sort"},

	{HashOrder, inPython, "PYTHONHASHSEED=0"},
	{HashOrder, inPerl, "PERL_HASH_SEED=0, or sort keys"},
	{HashOrder, inSQLite, "insert rows in one order: INSERT … SELECT … ORDER BY, or sort before"},
	{HashOrder, inJSON, "sort the keys: json.dump(sort_keys=True), jq -S"},
	{HashOrder, anywhere, "sort before writing; PYTHONHASHSEED=0, PERL_HASH_SEED=0"},

	{Random, inX509, "make no keys or certificates in the build: make them at the first start"},
	{Random, inCpio, "cpio --reproducible"},
	{Random, lazyregexp.New(`^/[a-z]*/elf/.*(/\.gnu\.lto|shstrtab)`), "gcc -frandom-seed=$FILE"},
	{Random, anywhere, "derive it from the content, or fix the seed: no mktemp, uuidgen or $RANDOM in what is written"},
	{BuildID, inGo, "go build -trimpath -ldflags=-buildid="},
	{BuildID, anywhere, "mend what else differs; -Wl,--build-id=sha1, or none, and not uuid"},
	{Kernel, anywhere, "write no uname(1): it is the machine's that built"},
	{Architecture, inGo, "set GOARCH and GOAMD64"},
	{Architecture, anywhere, "set the architecture, and no -march=native"},

	{Compression, inGzip, "gzip -n with a fixed level, of one version"},
	{Compression, inXz, "xz -T1 with a fixed level, of one version"},
	{Compression, inZstd, "zstd with a fixed level and number of threads, of one version"},
	{Compression, anywhere, "compress both with the same library, version and level"},

	{ShadowDay, anywhere, "chage -d $((SOURCE_DATE_EPOCH / 86400)) NAME, or leave the field empty"},
	{Signature, anywhere, "keep signatures apart from what is built, and add them afterwards"},
}

// mend returns what to change because of name, "" if nothing is known.
func (s *sight) mend(name Name) string {
	for _, r := range mends {
		if r.name != name {
			continue
		}
		if r.pattern == anywhere || r.pattern.MatchString(s.holder()) {
			return r.mend
		}
	}
	return ""
}

// wrappers are formats that hold the contents of other files, and nothing else but what
// they say about these.
var wrappers = map[string]bool{
	"gzip": true, "xz": true, "zstd": true, "bzip2": true, "lzma": true, "apk": true, "apk 3": true,
	"tar": true, "zip": true, "jar": true, "cpio": true, "ar": true, "deb": true,
}

// wrapped reports whether the leaf is in the content of another file in a wrapper.
func (s *sight) wrapped() bool { return (s.Content || s.Kind == "content") && wrappers[s.format] }

// holder says what holds the value: the kind, the innermost format that isn't a mere
// wrapper of it, and the names; without a format that of the innermost file alone.
func (s *sight) holder() string {
	format, names := s.format, strings.Join(s.Path, "/")
	if format == "go" && len(s.Formats) > 1 {
		format = s.Formats[len(s.Formats)-2] + "/go"
	}
	switch {
	case format == "" || s.wrapped():
		format, names = "", s.innermost()
	case format == "tar" && slices.Contains(s.Formats, "deb"):
		format = "deb" // dpkg-deb makes those in it, too
	}
	if s.Kind == "compression" && format == "" && len(s.Path) > 0 {
		// Of a layer, or of the tar that is compared: "gzip mtime".
		if outer, _, ok := strings.Cut(s.Path[len(s.Path)-1], " "); ok {
			format = outer
		}
	}
	return strings.ToLower("/" + s.Kind + "/" + format + "/ /" + names + "/")
}

// innermost returns the name of the file that the value is in the text or bytes of: a
// member's, and that of a compressed file without its ending.
func (s *sight) innermost() string {
	if s.format == "" || !s.wrapped() {
		return s.file
	}
	if s.field != "" {
		return s.field
	}
	for _, end := range []string{".gz", ".xz", ".zst", ".bz2", ".lzma"} {
		if name, ok := strings.CutSuffix(s.file, end); ok {
			return name
		}
	}
	return s.file
}
