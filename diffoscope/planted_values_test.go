package diffoscope

import "gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"

// plantedOrders are orders of folders, of hash maps and of locales.
var plantedOrders = []planted{
	{name: "find", want: cause.Order, mend: "LC_ALL=C sort", a: madeForward, b: madeBackward, script: `find . -type f >$OUT/list; rm -r "$FOLDER"`, fixed: `find . -type f | sort >$OUT/list; rm -r "$FOLDER"`},
	{name: "ls -U", want: cause.Order, a: madeForward, b: madeBackward, script: `ls -U >$OUT/list; rm -r "$FOLDER"`, fixed: `ls >$OUT/list; rm -r "$FOLDER"`},
	{name: "sums", want: cause.Order, a: madeForward, b: madeBackward, script: `find . -type f | xargs sha256sum >$OUT/sums; rm -r "$FOLDER"`, fixed: `find . -type f | sort | xargs sha256sum >$OUT/sums; rm -r "$FOLDER"`},
	{name: "tar --sort", want: cause.Order, mend: "--sort=name", needs: "tar", a: madeForward, b: madeBackward, script: `touch -d @0 .; tar cf $OUT/x.tar .; rm -r "$FOLDER"`, fixed: `touch -d @0 .; tar cf $OUT/x.tar --sort=name .; rm -r "$FOLDER"`},
	{name: "order in ar", want: cause.Order, mend: "ar rcD", needs: "ar", a: madeForward, b: madeBackward, script: `find . -type f | xargs ar rcD $OUT/x.a; rm -r "$FOLDER"`, fixed: `find . -type f | sort | xargs ar rcD $OUT/x.a; rm -r "$FOLDER"`},
	{name: "order in zip", want: cause.Order, mend: "zip -X", needs: "zip", a: madeForward, b: madeBackward, script: `find . -type f | zip -q -X $OUT/x.zip -@; rm -r "$FOLDER"`, fixed: `find . -type f | sort | zip -q -X $OUT/x.zip -@; rm -r "$FOLDER"`},
	{name: "python listdir", want: cause.Order, needs: "python3", a: madeForward, b: madeBackward, script: `python3 -c 'import os; print("\n".join(os.listdir()))' >$OUT/list; rm -r "$FOLDER"`, fixed: `python3 -c 'import os; print("\n".join(sorted(os.listdir())))' >$OUT/list; rm -r "$FOLDER"`},

	{name: "find of many", want: cause.Order, a: `ls() { seq 1 3000 | sed 's/^/lib\/file-/; s/$/.txt/'; }`, b: `ls() { seq 3000 -1 1 | sed 's/^/lib\/file-/; s/$/.txt/'; }`, script: `ls >$OUT/list`, fixed: `ls | sort >$OUT/list`},
	{
		name: "sort of many", want: cause.Locale, mend: "LC_ALL=C sort", needs: "localedef", a: inC, b: inGerman,
		script: `seq 1 700 | while read n; do echo "item-$n"; echo "Item$n"; done | sort >$OUT/list`, fixed: `seq 1 700 | while read n; do echo "item-$n"; echo "Item$n"; done | LC_ALL=C sort >$OUT/list`,
	},

	{name: "python set", want: cause.HashOrder, mend: "PYTHONHASHSEED=0", needs: "python3", a: sameSeed, b: otherSeed, script: `python3 -c 'print({"apple", "pear", "plum", "fig"})' >$OUT/set`, fixed: `PYTHONHASHSEED=0 python3 -c 'print({"apple", "pear", "plum", "fig"})' >$OUT/set`},
	{
		name: "lines of a set", want: cause.HashOrder, mend: "PYTHONHASHSEED=0", needs: "python3", a: sameSeed, b: otherSeed,
		script: `python3 -c 'for k in {"apple", "pear", "plum", "fig"}: print(k, "=", len(k))' >$OUT/set.conf`, fixed: `python3 -c 'for k in sorted({"apple", "pear", "plum", "fig"}): print(k, "=", len(k))' >$OUT/set.conf`,
	},
	{
		name: "JSON of a set", want: cause.HashOrder, needs: "python3", a: sameSeed, b: otherSeed,
		script: `python3 -c 'import json; print(json.dumps(list({"apple", "pear", "plum", "fig"})))' >$OUT/set.json`, fixed: `python3 -c 'import json; print(json.dumps(sorted({"apple", "pear", "plum", "fig"})))' >$OUT/set.json`,
	},
	{
		name: "JSON keys", want: cause.HashOrder, mend: "sort_keys", needs: "python3", a: sameSeed, b: otherSeed,
		script: `python3 -c 'import json; print(json.dumps({k: len(k) for k in {"apple", "pear", "plum", "fig"}}))' >$OUT/set.json`, fixed: `python3 -c 'import json; print(json.dumps({k: len(k) for k in {"apple", "pear", "plum", "fig"}}, sort_keys=True))' >$OUT/set.json`,
	},
	{
		name: "generated code", want: cause.HashOrder, needs: "python3", a: sameSeed, b: otherSeed,
		script: `python3 -c 'for k in {"apple", "pear", "plum", "fig"}: print(f"#define {k.upper()} {len(k)}")' >$OUT/set.h`, fixed: `python3 -c 'for k in sorted({"apple", "pear", "plum", "fig"}): print(f"#define {k.upper()} {len(k)}")' >$OUT/set.h`,
	},
	{
		name: "perl hash", want: cause.HashOrder, needs: "perl", a: sameSeed, b: otherSeed, script: `perl -e '%h = map {$_ => 1} qw(apple pear plum fig date kiwi lime); print "$_ = $h{$_}\n" for keys %h' >$OUT/hash.conf`,
		fixed: `perl -e '%h = map {$_ => 1} qw(apple pear plum fig date kiwi lime); print "$_ = $h{$_}\n" for sort keys %h' >$OUT/hash.conf`,
	},
	{
		name: "perl dump", want: cause.HashOrder, needs: "perl", a: sameSeed, b: otherSeed, script: `perl -MData::Dumper -e '$Data::Dumper::Indent = 0; print Dumper({map {$_ => 1} qw(apple pear plum fig date kiwi lime)})' >$OUT/hash.pl`,
		fixed: `perl -MData::Dumper -e '$Data::Dumper::Indent = 0; $Data::Dumper::Sortkeys = 1; print Dumper({map {$_ => 1} qw(apple pear plum fig date kiwi lime)})' >$OUT/hash.pl`,
	},

	{name: "sort in a locale", want: cause.Locale, mend: "LC_ALL=C sort", needs: "localedef", a: inC, b: inGerman, script: `printf '%s\n' Zeta alpha Beta gamma Delta _under >x; sort x >$OUT/list`, fixed: `printf '%s\n' Zeta alpha Beta gamma Delta _under >x; LC_ALL=C sort x >$OUT/list`},
	{name: "ls in a locale", want: cause.Locale, mend: "LC_ALL=C sort", needs: "localedef", a: inC, b: inGerman, script: `touch Makefile README a.c b.c Z.c; ls *.c README Makefile >$OUT/list`, fixed: `touch Makefile README a.c b.c Z.c; LC_ALL=C ls *.c README Makefile >$OUT/list`},
	{name: "glob in a locale", want: cause.Locale, needs: "localedef bash", a: inC, b: inGerman, script: `touch B.txt a.txt C.txt d.txt; bash -c 'printf "%s\n" *' >$OUT/list`, fixed: `touch B.txt a.txt C.txt d.txt; LC_ALL=C bash -c 'printf "%s\n" *' >$OUT/list`},
	{name: "date in a locale", want: cause.Locale, mend: "LC_ALL=C", needs: "localedef", a: inC, b: inGerman, script: `date -d @1700000000 '+%A %d %B %Y' >$OUT/at`, fixed: `LC_ALL=C date -d @1700000000 '+%A %d %B %Y' >$OUT/at`},
	{name: "decimal point", want: cause.Locale, mend: "LC_ALL=C", needs: "localedef bash", a: inC, b: inGerman, script: `env printf '%.2f\n' $(case $LC_ALL in C) echo 3.14;; *) echo 3,14;; esac) >$OUT/pi`, fixed: `LC_ALL=C env printf '%.2f\n' 3.14 >$OUT/pi`},
	{name: "quotes of gcc", want: cause.Locale, mend: "LC_ALL=C", needs: "gcc localedef", a: inC, b: inGerman, script: `echo 'int main(void) { return y; }' >x.c; gcc -c x.c 2>$OUT/log || true`, fixed: `echo 'int main(void) { return y; }' >x.c; LC_ALL=C gcc -c x.c 2>$OUT/log || true`},
	{name: "$LANG", want: cause.Locale, a: inC, b: inGerman, script: `echo "lang=$LC_ALL" >$OUT/env`, fixed: `echo >$OUT/env`},
}

// plantedValues are random values, IDs, signatures and compression.
var plantedValues = []planted{
	{name: "uuid", want: cause.Random, script: `cat /proc/sys/kernel/random/uuid >$OUT/id`, fixed: `echo >$OUT/id`},
	{name: "machine-id", want: cause.Random, mend: "machine-id", script: `mkdir $OUT/etc; tr -d - </proc/sys/kernel/random/uuid >$OUT/etc/machine-id`, fixed: `mkdir $OUT/etc; : >$OUT/etc/machine-id`},
	{name: "mktemp", want: cause.Random, script: `t=$(mktemp); rm $t; echo "cache: $t" >$OUT/x`, fixed: `echo "cache: /tmp/x" >$OUT/x`},
	{name: "left temporary file", want: cause.Random, script: `mktemp -p $OUT >/dev/null`, fixed: `rm $(mktemp -p $OUT)`},
	{name: "python tempfile", want: cause.Random, needs: "python3", script: `python3 -c 'import tempfile; print(tempfile.mkdtemp(dir="."))' >$OUT/x`, fixed: `echo >$OUT/x`},
	{name: "address", want: cause.Random, needs: "python3", script: `python3 -c 'print(object())' >$OUT/x`, fixed: `python3 -c 'print(object)' >$OUT/x`},
	{name: "random digits", want: cause.Random, needs: "openssl", script: `openssl rand -hex 16 >$OUT/x`, fixed: `echo >$OUT/x`},
	{name: "random letters", want: cause.Random, needs: "openssl", script: `echo "secret=$(openssl rand -base64 24)" >$OUT/x`, fixed: `echo >$OUT/x`},
	{name: "random number", want: cause.Random, needs: "python3", script: `python3 -c 'import random; print("seed:", random.randrange(10**9))' >$OUT/x`, fixed: `python3 -c 'import random; random.seed(1); print("seed:", random.randrange(10**9))' >$OUT/x`},
	{name: "process", want: cause.Random, script: `echo "pid $$" >$OUT/x.pid`, fixed: `: >$OUT/x.pid`},
	{name: "key", want: cause.Random, mend: "first start", needs: "openssl", script: `openssl genpkey -algorithm ed25519 -out $OUT/server.key`, fixed: `: >$OUT/server.key`},
	{name: "self-signed certificate", want: cause.Random, mend: "first start", needs: "openssl", script: `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -subj /CN=x -out $OUT/x.pem 2>/dev/null`, fixed: `: >$OUT/x.pem`},
	{name: "host keys", want: cause.Random, mend: "ssh-keygen -A", needs: "ssh-keygen", script: `mkdir -p $OUT/etc/ssh; ssh-keygen -q -t ed25519 -N '' -C '' -f $OUT/etc/ssh/ssh_host_ed25519_key`, fixed: `mkdir -p $OUT/etc/ssh`},
	{name: "salt", want: cause.Random, needs: "openssl", script: `mkdir $OUT/etc; echo "root:$(openssl passwd -6 secret):1::::::" >$OUT/etc/shadow`, fixed: `mkdir $OUT/etc; echo "root:$(openssl passwd -6 -salt abcdefgh secret):1::::::" >$OUT/etc/shadow`},
	{name: "sqlite random", want: cause.Random, needs: "sqlite3", script: `sqlite3 $OUT/x.db "create table t (id text); insert into t values (lower(hex(randomblob(16))))"`, fixed: `sqlite3 $OUT/x.db "create table t (id text); insert into t values ('1')"`},
	{name: "boundary", want: cause.Random, needs: "python3", script: `python3 -c 'import email.generator; print("boundary=" + email.generator._make_boundary())' >$OUT/x`, fixed: `echo "boundary=x" >$OUT/x`},
	{name: "gcc -flto", want: cause.Random, needs: "gcc", script: `echo 'int f(void) { return 1; }' >x.c; gcc -flto -c -o $OUT/x.o x.c`, fixed: `echo 'int f(void) { return 1; }' >x.c; gcc -flto -frandom-seed=x -c -o $OUT/x.o x.c`},

	{name: "ld --build-id=uuid", want: cause.BuildID, mend: "--build-id=sha1", needs: "gcc", script: helloC + `gcc -Wl,--build-id=uuid -o $OUT/x x.c`, fixed: helloC + `gcc -Wl,--build-id=sha1 -o $OUT/x x.c`},
	{name: "go -buildid", want: cause.BuildID, mend: "-buildid=", needs: "go", script: helloGo + `go build -trimpath -ldflags=-buildid=$(tr -d - </proc/sys/kernel/random/uuid) -o $OUT/x .`, fixed: helloGo + `go build -trimpath -ldflags=-buildid= -o $OUT/x .`},

	{name: "gzip's level", want: cause.Compression, mend: "gzip -n", needs: "gzip", a: `L=1`, b: `L=9`, script: `seq 1 20000 | gzip -n -$L >$OUT/x.gz`, fixed: `seq 1 20000 | gzip -n -6 >$OUT/x.gz`},
	{name: "gzip's name", want: cause.Compression, mend: "gzip -n", needs: "gzip", a: `N=one`, b: `N=two`, script: `echo content >$N; touch -d @1000000000 $N; gzip -c $N >$OUT/x.gz`, fixed: `echo content >$N; touch -d @1000000000 $N; gzip -n -c $N >$OUT/x.gz`},
	{name: "xz's level", want: cause.Compression, mend: "xz", needs: "xz", a: `L=0`, b: `L=9`, script: `seq 1 20000 | xz -T1 -$L >$OUT/x.xz`, fixed: `seq 1 20000 | xz -T1 -6 >$OUT/x.xz`},
	{name: "zstd's level", want: cause.Compression, mend: "zstd", needs: "zstd", a: `L=1`, b: `L=19`, script: `seq 1 20000 | zstd -q -$L >$OUT/x.zst`, fixed: `seq 1 20000 | zstd -q -3 >$OUT/x.zst`},
	{name: "bzip2's level", want: cause.Compression, needs: "bzip2", a: `L=1`, b: `L=9`, script: `seq 1 20000 | bzip2 -$L >$OUT/x.bz2`, fixed: `seq 1 20000 | bzip2 -9 >$OUT/x.bz2`},
	{name: "zip's level", want: cause.Compression, needs: "zip", a: `L=1`, b: `L=9`, script: `seq 1 20000 >x; touch -d @0 x; zip -q -X -$L $OUT/x.zip x`, fixed: `seq 1 20000 >x; touch -d @0 x; zip -q -X -6 $OUT/x.zip x`},

	{name: "signature", want: cause.Signature, needs: "openssl", script: `echo content >$OUT/x; openssl ecparam -name prime256v1 -genkey -noout -out key; openssl dgst -sha256 -sign key -out $OUT/x.sig $OUT/x`, fixed: `echo content >$OUT/x`},
	{name: "apk's signature", want: cause.Signature, needs: "openssl tar", script: `echo content >x; openssl genrsa -out key 2048 2>/dev/null; openssl dgst -sha1 -sign key -out .SIGN.RSA.x.rsa.pub x; touch -d @0 .SIGN.RSA.x.rsa.pub; tar cf $OUT/x.tar --owner=0 --group=0 .SIGN.RSA.x.rsa.pub`, fixed: `:`},
}
