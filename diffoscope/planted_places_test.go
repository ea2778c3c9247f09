package diffoscope

import "gitlab.com/tailsbuild/tailsbuild/diffoscope/cause"

const helloC = `printf '#include <assert.h>\nint main(int n, char **v) { assert(n); return 0; }\n' >x.c; `

// plantedPlaces are where and by whom something was built: paths, hosts, users,
// modes, kernels.
var plantedPlaces = []planted{
	{name: "gcc -g", want: cause.BuildPath, mend: "-ffile-prefix-map", needs: "gcc", a: pathOne, b: pathTwo, script: helloC + `gcc -g -o $OUT/x x.c`, fixed: helloC + `gcc -g -ffile-prefix-map=$PWD=. -o $OUT/x x.c`},
	{name: "__FILE__", want: cause.BuildPath, mend: "-ffile-prefix-map", needs: "gcc", a: pathOne, b: pathTwo, script: helloC + `gcc -o $OUT/x $PWD/x.c`, fixed: helloC + `gcc -ffile-prefix-map=$PWD=. -o $OUT/x $PWD/x.c`},
	{
		name: "gcc -g in an archive", want: cause.BuildPath, mend: "-ffile-prefix-map", needs: "gcc ar", a: pathOne, b: pathTwo,
		script: helloC + `gcc -g -c x.c; ar rcD $OUT/x.a x.o`, fixed: helloC + `gcc -g -ffile-prefix-map=$PWD=. -c x.c; ar rcD $OUT/x.a x.o`,
	},
	{name: "rpath", want: cause.BuildPath, needs: "gcc", a: pathOne, b: pathTwo, script: helloC + `gcc -Wl,-rpath,$PWD/lib -o $OUT/x x.c`, fixed: helloC + `gcc -o $OUT/x x.c`},
	{name: "go build", want: cause.BuildPath, mend: "-trimpath", needs: "go", a: pathOne, b: pathTwo, script: helloGo + `go build -o $OUT/x .`, fixed: helloGo + `go build -trimpath -o $OUT/x .`},
	{
		name: "path in pyc", want: cause.BuildPath, mend: "compileall -s", needs: "python3", a: pathOne, b: pathTwo,
		script: `echo 'x = 1' >x.py; touch -d @0 x.py; python3 -m compileall -q -b $PWD/x.py; cp x.pyc $OUT`, fixed: `echo 'x = 1' >x.py; touch -d @0 x.py; python3 -m compileall -q -b -s $PWD -p / $PWD/x.py; cp x.pyc $OUT`,
	},
	{name: "path in a script", want: cause.BuildPath, a: pathOne, b: pathTwo, script: `printf '#!/bin/sh\nexec %s/x\n' "$PWD" >$OUT/run`, fixed: `printf '#!/bin/sh\nexec /usr/bin/x\n' >$OUT/run`},
	{name: "pkg-config", want: cause.BuildPath, a: pathOne, b: pathTwo, script: `printf 'prefix=%s\nlibdir=${prefix}/lib\n' "$PWD" >$OUT/x.pc`, fixed: `printf 'prefix=/usr\n' >$OUT/x.pc`},
	{name: "symlink", want: cause.BuildPath, a: pathOne, b: pathTwo, script: `ln -s $PWD/x $OUT/x`, fixed: `ln -s x $OUT/x`},
	{name: "dependency file", want: cause.BuildPath, needs: "gcc", a: pathOne, b: pathTwo, script: helloC + `gcc -MMD -MF $OUT/x.d -c -o x.o $PWD/x.c`, fixed: helloC + `gcc -MMD -MF $OUT/x.d -c -o x.o x.c`},

	{name: "hostname", want: cause.Hostname, builds: hosts, needs: "unshare hostname", a: hostOne, b: hostTwo, script: `echo "built on $(hostname)" >$OUT/built`, fixed: `echo "built" >$OUT/built`},
	{name: "unknown hostname", want: cause.Hostname, needs: "unshare hostname", a: hostOne, b: hostTwo, script: `echo "host: $(hostname)" >$OUT/built`, fixed: `echo "built" >$OUT/built`},
	{name: "uname -n", want: cause.Hostname, needs: "unshare hostname", a: hostOne, b: hostTwo, script: `uname -a >$OUT/uname`, fixed: `uname -s >$OUT/uname`},
	{name: "root@host", want: cause.Hostname, needs: "unshare hostname", a: hostOne, b: hostTwo, script: `echo "compiled by root@$(hostname)" >$OUT/version`, fixed: `echo compiled >$OUT/version`},
	{
		name: "host in a program", want: cause.Hostname, builds: hosts, needs: "unshare hostname gcc", a: hostOne, b: hostTwo,
		script: `echo 'const char *host = HOST; int main(void) { return host[0]; }' >x.c; gcc -DHOST="\"built on $(hostname)\"" -o $OUT/x x.c`, fixed: helloC + `gcc -o $OUT/x x.c`,
	},
	{name: "etc/hostname", want: cause.Hostname, needs: "unshare hostname", a: hostOne, b: hostTwo, script: `mkdir $OUT/etc; hostname >$OUT/etc/hostname`, fixed: `mkdir $OUT/etc; echo localhost >$OUT/etc/hostname`},

	{name: "id", want: cause.User, needs: "unshare", a: userOne, b: userTwo, script: `id >$OUT/id`, fixed: `echo >$OUT/id`},
	{name: "id -u", want: cause.User, needs: "unshare", a: userOne, b: userTwo, script: `echo "uid=$(id -u)" >$OUT/id`, fixed: `echo >$OUT/id`},
	{name: "$USER", want: cause.User, a: `USER=alice`, b: `USER=bob`, script: `echo "built by $USER" >$OUT/built`, fixed: `echo built >$OUT/built`},
	{name: "$HOME", want: cause.User, a: `export HOME=/home/alice`, b: `export HOME=/home/bob`, script: `echo "cache = $HOME/.cache" >$OUT/x.conf`, fixed: `echo "cache = ~/.cache" >$OUT/x.conf`},
	{name: "owner in tar", want: cause.Ownership, mend: "--owner=0", needs: "unshare tar", a: userOne, b: userTwo, script: clamped + `tar cf $OUT/x.tar x.txt`, fixed: clamped + `tar cf $OUT/x.tar --owner=0 --group=0 --numeric-owner x.txt`},
	{name: "owner in ar", want: cause.Ownership, mend: "ar D", needs: "unshare ar", a: userOne, b: userTwo, script: clamped + `ar rcU $OUT/x.a x.txt`, fixed: clamped + `ar rcD $OUT/x.a x.txt`},
	{name: "owner in zip", want: cause.Ownership, mend: "zip -X", needs: "unshare zip", a: userOne, b: userTwo, script: clamped + `touch -a -d @0 x.txt; zip -q $OUT/x.zip x.txt`, fixed: clamped + `zip -q -X $OUT/x.zip x.txt`},
	{
		name: "owner in cpio", want: cause.Ownership, mend: "cpio --owner", needs: "unshare cpio", a: userOne, b: userTwo,
		script: clamped + `echo x.txt | cpio --quiet --reproducible -H newc -o >$OUT/x.cpio`, fixed: clamped + `echo x.txt | cpio --quiet --reproducible --owner=0:0 -H newc -o >$OUT/x.cpio`,
	},

	{name: "umask", want: cause.Umask, mend: "umask 022", headers: true, a: `umask 022`, b: `umask 077`, script: `echo >$OUT/x; mkdir $OUT/d; touch -d @0 $OUT/x $OUT/d`, fixed: `umask 022; echo >$OUT/x; mkdir $OUT/d; touch -d @0 $OUT/x $OUT/d`},
	{name: "umask in tar", want: cause.Umask, mend: "umask 022", needs: "tar", a: `umask 022`, b: `umask 027`, script: clamped + `tar cf $OUT/x.tar x.txt`, fixed: clamped + `tar cf $OUT/x.tar --mode=u=rw,go=r x.txt`},
	{name: "umask in text", want: cause.Umask, a: `umask 022`, b: `umask 077`, script: `echo "umask $(umask)" >$OUT/x`, fixed: `echo >$OUT/x; chmod 644 $OUT/x`},
	{name: "ls -l of a mode", want: cause.Umask, a: `umask 022`, b: `umask 077`, script: clamped + `ls -l x.txt >$OUT/list`, fixed: clamped + `ls x.txt >$OUT/list`},

	{name: "kernel", want: cause.Kernel, needs: "setarch", a: `:`, b: `[ -n "${INSIDE-}" ] || INSIDE=1 exec setarch --uname-2.6 sh -eu "$0"`, script: `uname -r >$OUT/kernel`, fixed: `uname -s >$OUT/kernel`},
	{name: "kernel in a line", want: cause.Kernel, needs: "setarch", a: `:`, b: `[ -n "${INSIDE-}" ] || INSIDE=1 exec setarch --uname-2.6 sh -eu "$0"`, script: `echo "built on $(uname -sr)" >$OUT/built`, fixed: `echo built >$OUT/built`},
	{name: "machine", want: cause.Architecture, needs: "setarch", a: `:`, b: `[ -n "${INSIDE-}" ] || INSIDE=1 exec setarch i686 sh -eu "$0"`, script: `echo "arch=$(uname -m)" >$OUT/arch`, fixed: `echo >$OUT/arch`},

	{name: "nproc", want: cause.Parallelism, needs: "taskset", a: `taskset -pc 0 $$ >/dev/null`, b: `taskset -pc 0,1 $$ >/dev/null`, script: `echo "jobs=$(nproc)" >$OUT/x.conf`, fixed: `echo "jobs=1" >$OUT/x.conf`},
	{name: "MAKEFLAGS", want: cause.Parallelism, a: oneCPU, b: manyCPUs, script: `echo "MAKEFLAGS=-j$JOBS" >$OUT/env`, fixed: `echo >$OUT/env`},
	{name: "known CPUs", want: cause.Parallelism, builds: cause.Builds{Varied: map[string]cause.Variation{"cpus": {A: "1", B: "4"}}}, a: oneCPU, b: manyCPUs, script: `echo $JOBS >$OUT/cpus`, fixed: `echo >$OUT/cpus`},
	{
		name: "jobs at once", want: cause.Parallelism, a: `D="0.1 0.2 0.3"`, b: `D="0.3 0.2 0.1"`, script: `n=0; for d in $D; do n=$((n + 1)); (sleep $d; echo "job $n done" >>$OUT/log) & done; wait`,
		fixed: `n=0; for d in $D; do n=$((n + 1)); echo "job $n done" >>$OUT/log; done`,
	},
	{name: "xz -T", want: cause.Parallelism, mend: "xz -T1", needs: "xz", a: oneCPU, b: manyCPUs, script: `seq 1 20000 | xz -T$JOBS >$OUT/x.xz`, fixed: `seq 1 20000 | xz -T1 >$OUT/x.xz`},
}
