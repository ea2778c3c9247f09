package recipe

import "gitlab.com/tailsbuild/tailsbuild/internal/hclschema"

var sourceType = &hclschema.BlockType{
	Name: "source",
	Labels: []hclschema.Label{
		{Name: "KIND", Doc: "What it is."},
		{Name: "NAME", Check: checkIdentifier, Doc: "Lower-case letters, digits and `_`, starting with a letter. Build steps find the source at `$SRC_NAME`."},
	},
	Doc:   "Something a build reads. The lock pins its bytes.",
	Many:  true,
	Later: []string{"git", "file"},
	Variants: []*hclschema.BlockType{
		{
			Name: SourceHTTP, Of: "source",
			Doc: "A file from a web server. An archive is unpacked into the source's folder, by the base's own tar or unzip: `.tar`, also with gzip (`.tar.gz`, `.tgz`), bzip2 (`.tar.bz2`, `.tbz2`) or xz (`.tar.xz`, `.txz`), and `.zip`. Any other file is put into that folder.",
			Example: `source "http" "release" {
  url   = "https://example.org/foo-${self.version}.tar.gz"
  strip = 1
}`,
			Attrs: []hclschema.Attribute{
				{Name: "url", Type: hclschema.Text, Required: true, Check: checkInputURL, Doc: "Where the file is published."},
				{Name: "strip", Type: hclschema.Number, Default: "0", Max: 16, Doc: "How many leading elements of an archive's paths to leave out."},
			},
		},
		{
			Name: SourceGoModule, Of: "source",
			Doc: "A Go module with all modules that building it needs, as its go.mod and go.sum say.",
			Example: `source "go_module" "mochi" {
  module   = "github.com/mochi-mqtt/server/v2"
  version  = "v${self.version}"
  packages = ["./cmd"]
}`,
			Attrs: []hclschema.Attribute{
				{Name: "module", Type: hclschema.Text, Required: true, Check: checkModulePath, Doc: "Module path."},
				{Name: "version", Type: hclschema.Text, Required: true, Check: checkModuleVersion, Doc: "Canonical version, `v1.2.3` or a pseudo-version."},
				{Name: "packages", Type: hclschema.Texts, Check: checkGoPackage, Doc: "Packages that the build compiles, such as `./cmd`. Only the modules that these need are inputs then; the default is every module that go.mod names."},
			},
		},
	},
}

var toolchainType = &hclschema.BlockType{
	Name:   "toolchain",
	Labels: []hclschema.Label{{Name: "NAME", Check: checkToolchain, Doc: "`go`."}},
	Doc:    "A compiler that build steps find on their PATH.",
	Example: `toolchain "go" {
  version = "1.26.8"
}`,
	Many: true,
	Attrs: []hclschema.Attribute{
		{Name: "version", Type: hclschema.Text, Required: true, Check: checkGoVersion, Doc: "Release of Go, without the `go` in front."},
	},
}

var buildType = &hclschema.BlockType{
	Name: "build",
	Doc:  "How the service is made from its sources. There is no network.",
	Example: `build {
  run = "cd $SRC_mochi && go build -trimpath -buildvcs=false -o $OUT/usr/bin/mqtt ./cmd"
}`,
	Attrs: []hclschema.Attribute{
		{Name: "run", Type: hclschema.Script, Required: true, Filled: true, Doc: "Script for `/bin/sh -e`. What it writes below `$OUT` becomes the service's layer. A dollar sign before a brace is doubled to leave it to the shell: `$${HOME}`."},
		{Name: "env", Type: hclschema.Table, Key: checkBuildEnvKey, Doc: "Environment of the script. `OUT`, `PATH`, `SOURCE_DATE_EPOCH` and `SRC_*` are set already, and can't be set here."},
		{Name: "packages", Type: hclschema.Texts, Check: checkPackage, Doc: "Alpine packages that are there for the build, and never reach the image."},
	},
}

var fileType = &hclschema.BlockType{
	Name:   "file",
	Labels: []hclschema.Label{{Name: "PATH", Check: checkFilePath, Doc: "Where it is in the image, from `/`."}},
	Doc:    "A file of the image, from the recipe's folder or from the recipe itself.",
	Example: `file "/etc/ssh/sshd_config" {
  source = "files/sshd_config"
  mode   = "0644"
}`,
	Many: true,
	Attrs: []hclschema.Attribute{
		{Name: "source", Type: hclschema.Text, Check: checkRelative, Doc: "File below the recipe's folder. Either this or `content` is there."},
		{Name: "content", Type: hclschema.Content, Doc: "The file's content."},
		{Name: "mode", Type: hclschema.Text, Default: "0644", Check: checkMode, Doc: "Permissions in octal, with setuid, setgid and sticky bits as in chmod(1)."},
		{Name: "owner", Type: hclschema.Text, Default: RootUser, Check: checkUserOrRoot, Doc: "Name of a declared user, or `root`."},
	},
}

var userType = &hclschema.BlockType{
	Name:   "user",
	Labels: []hclschema.Label{{Name: "NAME", Check: checkUserName, Doc: "Lower-case letters, digits, `_` and `-`, starting with a letter or `_`; at most 31 characters."}},
	Doc:    "A user and a group of the image, with the same name and number, and no password.",
	Example: `user "sftp" {
  uid   = 1000
  home  = "/srv/sftp"
  shell = "/sbin/nologin"
}`,
	Many: true,
	Attrs: []hclschema.Attribute{
		{Name: "uid", Type: hclschema.Number, Required: true, Min: 1, Max: 65533, Doc: "Its number: fixed, so that it is the same on every machine, and not root's."},
		{Name: "home", Type: hclschema.Text, Default: "/", Check: checkPath, Doc: "Home folder."},
		{Name: "shell", Type: hclschema.Text, Default: "/sbin/nologin", Check: checkPath, Doc: "Login shell."},
	},
}

var runtimeType = &hclschema.BlockType{
	Name: "runtime",
	Doc:  "How the service is run. Without this block, the image has files that nothing starts.",
	Example: `runtime {
  user       = "sftp"
  entrypoint = ["/usr/sbin/sshd", "-D", "-e"]
}`,
	Attrs: []hclschema.Attribute{
		{Name: "user", Type: hclschema.Text, Required: true, Check: checkUserOrRoot, Doc: "Name of a declared user, or `root`, of which there is a warning."},
		{Name: "entrypoint", Type: hclschema.Texts, Required: true, Filled: true, Doc: "The program and its first arguments. The program is an absolute path."},
		{Name: "command", Type: hclschema.Texts, Doc: "More arguments, which whoever runs the image may replace."},
		{Name: "working_dir", Type: hclschema.Text, Default: "/", Check: checkPath, Doc: "Working folder."},
		{Name: "env", Type: hclschema.Table, Key: checkEnvKey, Doc: "Environment."},
		{Name: "stop_signal", Type: hclschema.Text, Default: "SIGTERM", Check: checkSignal, Doc: "The signal that asks it to stop."},
	},
	Blocks: []*hclschema.BlockType{
		{
			Name:   "port",
			Labels: []hclschema.Label{{Name: "NAME", Check: checkPortName, Doc: "Lower-case letters, digits and `-`."}},
			Doc:    "Where the service listens.",
			Example: `port "ssh" {
  number = 2222
  onion  = 22
}`,
			Many: true,
			Attrs: []hclschema.Attribute{
				{Name: "number", Type: hclschema.Number, Required: true, Min: 1, Max: 65535, Doc: "Port that the service listens on (target port)."},
				{Name: "protocol", Type: hclschema.Text, Default: "tcp", Check: checkProtocol, Doc: "`tcp` or `udp`."},
				{Name: "onion", Type: hclschema.Number, Min: 1, Max: 65535, Doc: "Virtual port of the onion service; without it the port is not published there. Tor carries TCP only."},
			},
		},
		{
			Name:    "volume",
			Labels:  []hclschema.Label{{Name: "PATH", Check: checkVolumePath, Doc: "Folder in the image, from `/`."}},
			Doc:     "A folder that the service writes to.",
			Example: `volume "/srv/sftp" { persistent = true }`,
			Many:    true,
			Attrs: []hclschema.Attribute{
				{Name: "persistent", Type: hclschema.Boolean, Default: "false", Doc: "Whether its content outlives the container."},
			},
		},
	},
}

var privilegeType = &hclschema.BlockType{
	Name: "privilege",
	Labels: []hclschema.Label{
		{Name: "KIND", Check: checkPrivilegeKind, Doc: "What is asked for; see below."},
		{Name: "NAME", Doc: "Which one."},
	},
	Doc:     "Something beyond the strict default, which is: no capabilities, no devices, no network but the declared ports, no way to gain privileges, a read-only root. A privilege is part of the signed image, and a person is asked for it.",
	Example: `privilege "capability" "SYS_CHROOT" { reason = "locks each connection into /srv/sftp" }`,
	Many:    true,
	Attrs: []hclschema.Attribute{
		{Name: "reason", Type: hclschema.Text, Required: true, Doc: "Why the service needs it, for the person who is asked."},
	},
}

var limitsType = &hclschema.BlockType{
	Name: "limits",
	Doc:  "What the image and the service may take at most. Sizes are numbers with KiB, MiB or GiB, in quotes.",
	Example: `limits {
  size   = "16MiB"
  memory = "64MiB"
}`,
	Attrs: []hclschema.Attribute{
		{Name: "size", Type: hclschema.Text, Check: hclschema.CheckSize, Doc: "Compressed image. A larger one is not released."},
		{Name: "memory", Type: hclschema.Text, Check: hclschema.CheckSize, Doc: "Memory of the running service."},
		{Name: "pids", Type: hclschema.Number, Min: 1, Max: 4194304, Doc: "Processes and threads of the running service."},
	},
}

var testType = &hclschema.BlockType{
	Name:   "test",
	Labels: []hclschema.Label{{Name: "NAME", Check: checkTestName, Doc: "Lower-case letters, digits and `-`."}},
	Doc:    "Something that must work in the finished image, under exactly the declared privileges: a command of the image (`run`), or a client that talks to the running service (`client`). [tests.md](tests.md) says what they have and how to write them.",
	Example: `test "answers" {
  packages = ["netcat-openbsd"]
  client   = "nc -z 127.0.0.1 2222"
}`,
	Many: true,
	Attrs: []hclschema.Attribute{
		{Name: "run", Type: hclschema.Texts, Filled: true, Doc: "A program of the image and its arguments, run alone, instead of the entrypoint; it must exit with 0. The program is an absolute path. Either this or `client` is there."},
		{Name: "client", Type: hclschema.Script, Filled: true, Doc: "Script for `/bin/sh -eu`, run in a container beside the service once all its tcp ports accept connections. A dollar sign before a brace is doubled to leave it to the shell: `$${HOME}`."},
		{Name: "packages", Type: hclschema.Texts, Check: checkPackage, Doc: "Alpine packages of the client, beside those of the base. They never reach the image."},
		{Name: "setup", Type: hclschema.Script, Filled: true, Doc: "Script for `/bin/sh -eu`, run in the client's container before the service starts."},
		{Name: "timeout", Type: hclschema.Number, Default: "60", Min: 1, Max: 3600, Doc: "Seconds for the whole test."},
	},
}
