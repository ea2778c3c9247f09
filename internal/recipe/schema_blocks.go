package recipe

var sourceType = &blockType{
	name: "source",
	labels: []label{
		{name: "KIND", doc: "What it is."},
		{name: "NAME", check: checkIdentifier, doc: "Lower-case letters, digits and `_`, starting with a letter. Build steps find the source at `$SRC_NAME`."},
	},
	doc:   "Something a build reads. The lock pins its bytes.",
	many:  true,
	later: []string{"git", "file"},
	variants: []*blockType{
		{
			name: SourceHTTP, of: "source",
			doc: "A file from a web server. An archive is unpacked into the source's folder, by the base's own tar or unzip: `.tar`, also with gzip (`.tar.gz`, `.tgz`), bzip2 (`.tar.bz2`, `.tbz2`) or xz (`.tar.xz`, `.txz`), and `.zip`. Any other file is put into that folder.",
			example: `source "http" "release" {
  url   = "https://example.org/foo-${self.version}.tar.gz"
  strip = 1
}`,
			attrs: []attribute{
				{name: "url", typ: text, required: true, check: checkInputURL, doc: "Where the file is published."},
				{name: "strip", typ: number, def: "0", max: 16, doc: "How many leading elements of an archive's paths to leave out."},
			},
		},
		{
			name: SourceGoModule, of: "source",
			doc: "A Go module with all modules that building it needs, as its go.mod and go.sum say.",
			example: `source "go_module" "mochi" {
  module   = "github.com/mochi-mqtt/server/v2"
  version  = "v${self.version}"
  packages = ["./cmd"]
}`,
			attrs: []attribute{
				{name: "module", typ: text, required: true, check: checkModulePath, doc: "Module path."},
				{name: "version", typ: text, required: true, check: checkModuleVersion, doc: "Canonical version, `v1.2.3` or a pseudo-version."},
				{name: "packages", typ: texts, check: checkGoPackage, doc: "Packages that the build compiles, such as `./cmd`. Only the modules that these need are inputs then; the default is every module that go.mod names."},
			},
		},
	},
}

var toolchainType = &blockType{
	name:   "toolchain",
	labels: []label{{name: "NAME", check: checkToolchain, doc: "`go`."}},
	doc:    "A compiler that build steps find on their PATH.",
	example: `toolchain "go" {
  version = "1.26.8"
}`,
	many: true,
	attrs: []attribute{
		{name: "version", typ: text, required: true, check: checkGoVersion, doc: "Release of Go, without the `go` in front."},
	},
}

var buildType = &blockType{
	name: "build",
	doc:  "How the service is made from its sources. There is no network.",
	example: `build {
  run = "cd $SRC_mochi && go build -trimpath -buildvcs=false -o $OUT/usr/bin/mqtt ./cmd"
}`,
	attrs: []attribute{
		{name: "run", typ: script, required: true, filled: true, doc: "Script for `/bin/sh -e`. What it writes below `$OUT` becomes the service's layer. A dollar sign before a brace is doubled to leave it to the shell: `$${HOME}`."},
		{name: "env", typ: table, key: checkBuildEnvKey, doc: "Environment of the script. `OUT`, `PATH`, `SOURCE_DATE_EPOCH` and `SRC_*` are set already, and can't be set here."},
		{name: "packages", typ: texts, check: checkPackage, doc: "Alpine packages that are there for the build, and never reach the image."},
	},
}

var fileType = &blockType{
	name:   "file",
	labels: []label{{name: "PATH", check: checkFilePath, doc: "Where it is in the image, from `/`."}},
	doc:    "A file of the image, from the recipe's folder or from the recipe itself.",
	example: `file "/etc/ssh/sshd_config" {
  source = "files/sshd_config"
  mode   = "0644"
}`,
	many: true,
	attrs: []attribute{
		{name: "source", typ: text, check: checkRelative, doc: "File below the recipe's folder. Either this or `content` is there."},
		{name: "content", typ: content, doc: "The file's content."},
		{name: "mode", typ: text, def: "0644", check: checkMode, doc: "Permissions in octal, with setuid, setgid and sticky bits as in chmod(1)."},
		{name: "owner", typ: text, def: RootUser, check: checkUserOrRoot, doc: "Name of a declared user, or `root`."},
	},
}

var userType = &blockType{
	name:   "user",
	labels: []label{{name: "NAME", check: checkUserName, doc: "Lower-case letters, digits, `_` and `-`, starting with a letter or `_`; at most 31 characters."}},
	doc:    "A user and a group of the image, with the same name and number, and no password.",
	example: `user "sftp" {
  uid   = 1000
  home  = "/srv/sftp"
  shell = "/sbin/nologin"
}`,
	many: true,
	attrs: []attribute{
		{name: "uid", typ: number, required: true, min: 1, max: 65533, doc: "Its number: fixed, so that it is the same on every machine, and not root's."},
		{name: "home", typ: text, def: "/", check: checkPath, doc: "Home folder."},
		{name: "shell", typ: text, def: "/sbin/nologin", check: checkPath, doc: "Login shell."},
	},
}

var runtimeType = &blockType{
	name: "runtime",
	doc:  "How the service is run. Without this block, the image has files that nothing starts.",
	example: `runtime {
  user       = "sftp"
  entrypoint = ["/usr/sbin/sshd", "-D", "-e"]
}`,
	attrs: []attribute{
		{name: "user", typ: text, required: true, check: checkUserOrRoot, doc: "Name of a declared user, or `root`, of which there is a warning."},
		{name: "entrypoint", typ: texts, required: true, filled: true, doc: "The program and its first arguments. The program is an absolute path."},
		{name: "command", typ: texts, doc: "More arguments, which whoever runs the image may replace."},
		{name: "working_dir", typ: text, def: "/", check: checkPath, doc: "Working folder."},
		{name: "env", typ: table, key: checkEnvKey, doc: "Environment."},
		{name: "stop_signal", typ: text, def: "SIGTERM", check: checkSignal, doc: "The signal that asks it to stop."},
	},
	blocks: []*blockType{
		{
			name:   "port",
			labels: []label{{name: "NAME", check: checkPortName, doc: "Lower-case letters, digits and `-`."}},
			doc:    "Where the service listens.",
			example: `port "ssh" {
  number = 2222
  onion  = 22
}`,
			many: true,
			attrs: []attribute{
				{name: "number", typ: number, required: true, min: 1, max: 65535, doc: "Port that the service listens on (target port)."},
				{name: "protocol", typ: text, def: "tcp", check: checkProtocol, doc: "`tcp` or `udp`."},
				{name: "onion", typ: number, min: 1, max: 65535, doc: "Virtual port of the onion service; without it the port is not published there. Tor carries TCP only."},
			},
		},
		{
			name:    "volume",
			labels:  []label{{name: "PATH", check: checkVolumePath, doc: "Folder in the image, from `/`."}},
			doc:     "A folder that the service writes to.",
			example: `volume "/srv/sftp" { persistent = true }`,
			many:    true,
			attrs: []attribute{
				{name: "persistent", typ: boolean, def: "false", doc: "Whether its content outlives the container."},
			},
		},
	},
}

var privilegeType = &blockType{
	name: "privilege",
	labels: []label{
		{name: "KIND", check: checkPrivilegeKind, doc: "What is asked for; see below."},
		{name: "NAME", doc: "Which one."},
	},
	doc:     "Something beyond the strict default, which is: no capabilities, no devices, no network but the declared ports, no way to gain privileges, a read-only root. A privilege is part of the signed image, and a person is asked for it.",
	example: `privilege "capability" "SYS_CHROOT" { reason = "locks each connection into /srv/sftp" }`,
	many:    true,
	attrs: []attribute{
		{name: "reason", typ: text, required: true, doc: "Why the service needs it, for the person who is asked."},
	},
}

var limitsType = &blockType{
	name: "limits",
	doc:  "What the image and the service may take at most. Sizes are numbers with KiB, MiB or GiB, in quotes.",
	example: `limits {
  size   = "16MiB"
  memory = "64MiB"
}`,
	attrs: []attribute{
		{name: "size", typ: text, check: checkSize, doc: "Compressed image. A larger one is not released."},
		{name: "memory", typ: text, check: checkSize, doc: "Memory of the running service."},
		{name: "pids", typ: number, min: 1, max: 4194304, doc: "Processes and threads of the running service."},
	},
}

var testType = &blockType{
	name:   "test",
	labels: []label{{name: "NAME", check: checkTestName, doc: "Lower-case letters, digits and `-`."}},
	doc:    "Something that must work in the finished image, under exactly the declared privileges: a command of the image (`run`), or a client that talks to the running service (`client`). [tests.md](tests.md) says what they have and how to write them.",
	example: `test "answers" {
  packages = ["netcat-openbsd"]
  client   = "nc -z 127.0.0.1 2222"
}`,
	many: true,
	attrs: []attribute{
		{name: "run", typ: texts, filled: true, doc: "A program of the image and its arguments, run alone, instead of the entrypoint; it must exit with 0. The program is an absolute path. Either this or `client` is there."},
		{name: "client", typ: script, filled: true, doc: "Script for `/bin/sh -eu`, run in a container beside the service once all its tcp ports accept connections. A dollar sign before a brace is doubled to leave it to the shell: `$${HOME}`."},
		{name: "packages", typ: texts, check: checkPackage, doc: "Alpine packages of the client, beside those of the base. They never reach the image."},
		{name: "setup", typ: script, filled: true, doc: "Script for `/bin/sh -eu`, run in the client's container before the service starts."},
		{name: "timeout", typ: number, def: "60", min: 1, max: 3600, doc: "Seconds for the whole test."},
	},
}
