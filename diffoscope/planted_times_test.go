package diffoscope

import "gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"

var epochKnown = cause.Builds{Epoch: ptr(int64(1_700_000_000))}

// source makes a file with the time of the clock that the situation has.
const source = `echo content >x.txt; touch -d "@$(date +%s)" x.txt; `

// clamped is what mends that.
const clamped = `echo content >x.txt; touch -d @0 x.txt; `

const helloDate = `echo 'const char *built = __DATE__ " " __TIME__; int main(void) { return built[0]; }' >x.c; `

// plantedTimes are times of clocks and files, and their zones.
var plantedTimes = []planted{
	{name: "date", want: cause.Timestamp, a: sameClock, b: laterClock, script: `date >$OUT/built`, fixed: `date -u -d @0 >$OUT/built`},
	{name: "date -R", want: cause.Timestamp, a: sameClock, b: laterClock, script: `date -R >$OUT/built`, fixed: `date -R -u -d @0 >$OUT/built`},
	{name: "date -Is", want: cause.Timestamp, a: sameClock, b: laterClock, script: `date -Is >$OUT/built`, fixed: `date -Is -u -d @0 >$OUT/built`},
	{name: "date +%s", want: cause.Timestamp, a: sameClock, b: laterClock, script: `echo "BUILD=$(date +%s)" >$OUT/built`, fixed: `echo "BUILD=$(date -d @0 +%s)" >$OUT/built`},
	{name: "compact date", want: cause.Timestamp, a: sameClock, b: laterClock, script: `echo "version 1.2-$(date +%Y%m%d%H%M%S)" >$OUT/built`, fixed: `echo "version 1.2" >$OUT/built`},
	{name: "day", want: cause.Timestamp, a: sameClock, b: nextWeek, script: `date +"%B %d, %Y" >$OUT/built; date +%F >$OUT/day`, fixed: `date -d @0 +%F >$OUT/day`},
	{
		name: "date with SOURCE_DATE_EPOCH", want: cause.Epoch, mend: "SOURCE_DATE_EPOCH", builds: epochKnown, a: sameClock, b: laterClock,
		script: `export SOURCE_DATE_EPOCH=1700000000; date >$OUT/built`, fixed: `date -u -d @1700000000 >$OUT/built`,
	},
	{name: "time in JSON", want: cause.Timestamp, a: sameClock, b: laterClock, script: `echo "{\"name\": \"x\", \"built\": \"$(date -Is)\"}" >$OUT/x.json`, fixed: `echo '{"name": "x"}' >$OUT/x.json`},
	{name: "log", want: cause.Timestamp, a: sameClock, b: laterClock, script: `mkdir -p $OUT/var/log; echo "$(date +%H:%M:%S) started" >$OUT/var/log/x.log`, fixed: `mkdir -p $OUT/var/log`},
	{name: "ls -l", want: cause.Timestamp, a: sameClock, b: laterClock, script: source + `ls -l x.txt >$OUT/list`, fixed: clamped + `ls -l x.txt >$OUT/list`},
	{name: "perl localtime", want: cause.Timestamp, needs: "perl", a: sameClock, b: laterClock, script: `perl -e 'print scalar localtime, "\n"' >$OUT/built`, fixed: `perl -e 'print scalar gmtime 0, "\n"' >$OUT/built`},
	{name: "python time", want: cause.Timestamp, needs: "python3", a: sameClock, b: laterClock, script: `python3 -c 'import datetime; print(datetime.datetime.now())' >$OUT/built`, fixed: `echo >$OUT/built`},

	{
		name: "file's mtime", want: cause.Timestamp, mend: "--mtime=@$SOURCE_DATE_EPOCH", headers: true, a: sameClock, b: laterClock,
		script: source + `cp -p x.txt $OUT; touch -d @0 $OUT`, fixed: clamped + `cp -p x.txt $OUT`,
	},
	{name: "__DATE__", want: cause.Timestamp, mend: "-Wdate-time", needs: "gcc", a: sameClock, b: nextWeek, script: helloDate + `gcc -o $OUT/x x.c`, fixed: helloDate + `SOURCE_DATE_EPOCH=0 gcc -o $OUT/x x.c`},
	{name: "__TIME__ in an object", want: cause.Timestamp, mend: "-Wdate-time", needs: "gcc", a: sameClock, b: laterClock, script: helloDate + `gcc -c -o $OUT/x.o x.c`, fixed: helloDate + `SOURCE_DATE_EPOCH=0 gcc -c -o $OUT/x.o x.c`},
	{name: "gzip", want: cause.Timestamp, mend: "gzip -n", needs: "gzip", a: sameClock, b: laterClock, script: source + `gzip -c x.txt >$OUT/x.gz`, fixed: source + `gzip -n -c x.txt >$OUT/x.gz`},
	{
		name: "python gzip", want: cause.Timestamp, mend: "gzip -n", needs: "python3", a: sameClock, b: laterClock,
		script: `python3 -c 'import gzip, sys; sys.stdout.buffer.write(gzip.compress(b"content"))' >$OUT/x.gz`,
		fixed:  `python3 -c 'import gzip, sys; sys.stdout.buffer.write(gzip.compress(b"content", mtime=0))' >$OUT/x.gz`,
	},
	{name: "tar --mtime", want: cause.Timestamp, mend: "tar", needs: "tar", a: sameClock, b: laterClock, script: source + `tar cf $OUT/x.tar x.txt`, fixed: source + `tar cf $OUT/x.tar --mtime=@0 x.txt`},
	{name: "tar in gzip", want: cause.Timestamp, mend: "--mtime=@$SOURCE_DATE_EPOCH", needs: "tar gzip", a: sameClock, b: laterClock, script: source + `tar czf $OUT/x.tar.gz x.txt`, fixed: source + `tar cf - --mtime=@0 x.txt | gzip -n >$OUT/x.tar.gz`},
	{name: "zip", want: cause.Timestamp, mend: "zip -X", needs: "zip", a: sameClock, b: laterClock, script: source + `zip -q -X $OUT/x.zip x.txt`, fixed: clamped + `zip -q -X $OUT/x.zip x.txt`},
	{
		name: "zip extra fields", want: cause.Timestamp, mend: "zip -X", needs: "zip", a: sameClock, b: laterClock,
		script: clamped + `touch -a -d "@$(date +%s)" x.txt; zip -q $OUT/x.zip x.txt`, fixed: clamped + `touch -a -d "@$(date +%s)" x.txt; zip -q -X $OUT/x.zip x.txt`,
	},
	{name: "python zipfile", want: cause.Timestamp, mend: "zip", needs: "python3", a: sameClock, b: laterClock, script: source + `python3 -m zipfile -c $OUT/x.zip x.txt`, fixed: `echo content >x.txt; touch -d @1000000000 x.txt; python3 -m zipfile -c $OUT/x.zip x.txt`},
	{name: "jar", want: cause.Timestamp, mend: "--date", needs: "jar", a: sameClock, b: laterClock, script: source + `jar cMf $OUT/x.jar x.txt`, fixed: source + `jar -c -M --date=2020-01-01T00:00:00Z -f $OUT/x.jar x.txt`},
	{
		name: "ar", want: cause.Timestamp, mend: "ar D", needs: "gcc ar", a: sameClock, b: laterClock,
		script: `echo 'int x;' >x.c; gcc -c x.c; touch -d "@$(date +%s)" x.o; ar rcU $OUT/x.a x.o`, fixed: `echo 'int x;' >x.c; gcc -c x.c; touch -d "@$(date +%s)" x.o; ar rcD $OUT/x.a x.o`,
	},
	{
		name: "cpio", want: cause.Timestamp, mend: "cpio", needs: "cpio", a: sameClock, b: laterClock,
		script: source + `echo x.txt | cpio --quiet --reproducible -H newc -o >$OUT/x.cpio`, fixed: clamped + `echo x.txt | cpio --quiet --reproducible -H newc -o >$OUT/x.cpio`,
	},
	{name: "dpkg-deb", want: cause.Timestamp, mend: "SOURCE_DATE_EPOCH", needs: "dpkg-deb", a: sameClock, b: laterClock, script: makeDeb, fixed: `export SOURCE_DATE_EPOCH=0; ` + makeDeb},
	{
		name: "pyc", want: cause.Timestamp, mend: "unchecked-hash", needs: "python3", a: sameClock, b: laterClock,
		script: `echo 'x = 1' >x.py; touch -d "@$(date +%s)" x.py; python3 -m compileall -q -b x.py; cp x.pyc $OUT`,
		fixed:  `echo 'x = 1' >x.py; touch -d "@$(date +%s)" x.py; python3 -m compileall -q -b --invalidation-mode unchecked-hash x.py; cp x.pyc $OUT`,
	},
	{
		name: "xgettext", want: cause.Timestamp, mend: "POT-Creation-Date", needs: "xgettext", a: sameClock, b: nextWeek,
		script: `echo 'puts(_("x"));' >x.c; xgettext -k_ -o $OUT/x.pot x.c`, fixed: `echo 'puts(_("x"));' >x.c; xgettext -k_ -o - x.c | sed '/^"POT-Creation-Date/d' >$OUT/x.pot`,
	},
	{
		name: "msgfmt", want: cause.Timestamp, mend: "PO-Revision-Date", needs: "xgettext msginit msgfmt", a: sameClock, b: nextWeek,
		script: makePo + `msgfmt -o $OUT/x.mo x.po`, fixed: makePo + `sed -i '/^"P.*-Date/d' x.po; msgfmt -o $OUT/x.mo x.po`,
	},
	{
		name: "sqlite", want: cause.Timestamp, mend: "CURRENT_TIMESTAMP", needs: "sqlite3", a: sameClock, b: laterClock,
		script: `sqlite3 $OUT/x.db "create table t (at text default current_timestamp, n int); insert into t (n) values (1)"`, fixed: `sqlite3 $OUT/x.db "create table t (at text, n int); insert into t (n) values (1)"`,
	},
	{
		name: "pod2man", want: cause.Timestamp, mend: "SOURCE_DATE_EPOCH", needs: "pod2man", a: sameClock, b: nextWeek,
		script: makePod + `pod2man <x.pod >$OUT/x.1`, fixed: makePod + `SOURCE_DATE_EPOCH=0 pod2man <x.pod >$OUT/x.1`,
	},
	{name: "groff -Tps", want: cause.Timestamp, mend: "SOURCE_DATE_EPOCH", needs: "groff", a: sameClock, b: laterClock, script: `echo text | groff -Tps >$OUT/x.ps`, fixed: `export SOURCE_DATE_EPOCH=0; echo text | groff -Tps >$OUT/x.ps`},
	{
		name: "go -X", want: cause.Timestamp, mend: "SOURCE_DATE_EPOCH", needs: "go", a: `NOW=$(date -Is)`, b: `NOW=$(date -Is -d '3 days')`,
		script: helloGo + `go build -trimpath -ldflags "-X main.built=$NOW" -o $OUT/x .`, fixed: helloGo + `go build -trimpath -ldflags "-X main.built=$(date -Is -d @0)" -o $OUT/x .`,
	},
	{
		name: "certificate", want: cause.Timestamp, mend: "certificate", needs: "openssl", a: fixedKey + sameClock, b: fixedKey + nextWeek,
		script: `openssl req -x509 -key key.pem -subj /CN=x -set_serial 1 -days 10 -out $OUT/x.crt`, fixed: `:`,
	},

	{name: "shadow", want: cause.ShadowDay, mend: "chage", needs: "useradd", a: sameClock, b: nextWeek, script: addUser, fixed: `export SOURCE_DATE_EPOCH=0; ` + addUser},

	{name: "zone of date", want: cause.TimeZone, mend: "TZ=UTC", a: utc, b: farEast, script: `date -R -d @1700000000 >$OUT/at`, fixed: `date -u -R -d @1700000000 >$OUT/at`},
	{name: "name of the zone", want: cause.TimeZone, mend: "TZ=UTC", a: utc, b: `export TZ=CET-1`, script: `date +%Z >$OUT/zone`, fixed: `date -u +%Z >$OUT/zone`},
	{
		name: "local time", want: cause.TimeZone, mend: "TZ=UTC", needs: "python3", a: utc, b: farEast,
		script: `python3 -c 'import datetime; print(datetime.datetime.fromtimestamp(1700000000))' >$OUT/at`, fixed: `export TZ=UTC; python3 -c 'import datetime; print(datetime.datetime.fromtimestamp(1700000000))' >$OUT/at`,
	},
	{name: "zone of zip", want: cause.TimeZone, mend: "TZ=UTC", needs: "zip", a: utc, b: farEast, script: `echo content >x.txt; touch -d @1700000000 x.txt; zip -q -X $OUT/x.zip x.txt`, fixed: `echo content >x.txt; touch -d @1700000000 x.txt; TZ=UTC zip -q -X $OUT/x.zip x.txt`},
}

const makeDeb = `mkdir -p x/DEBIAN x/usr; echo content >x/usr/x.txt; find x -exec touch -d "@$(date +%s)" {} +
printf 'Package: x\nVersion: 1\nArchitecture: all\nMaintainer: X <x@example.org>\nDescription: x\n' >x/DEBIAN/control
touch -d "@$(date +%s)" x/DEBIAN/control x/DEBIAN x; dpkg-deb -Zgzip --root-owner-group -b x $OUT/x.deb >/dev/null`

const makePo = `echo 'puts(_("x"));' >x.c; xgettext -k_ -o x.pot x.c; msginit --no-translator -l de -i x.pot -o x.po 2>/dev/null; `

const makePod = `printf '=head1 NAME\n\nx - a program\n\n=head1 TEXT\n\nIt does nothing.\n' >x.pod; `

const helloGo = `echo 'module example.org/x' >go.mod; printf 'package main\n\nvar built string\n\nfunc main() { println(built) }\n' >x.go; `

const addUser = `mkdir -p $OUT/etc; touch $OUT/etc/passwd $OUT/etc/group $OUT/etc/shadow $OUT/etc/gshadow; useradd -P $OUT -u 1500 -M anna; rm -f $OUT/etc/*- $OUT/etc/.pwd.lock`

// fixedKey is a key that is the same in both situations.
const fixedKey = `printf -- '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n' >key.pem; `
