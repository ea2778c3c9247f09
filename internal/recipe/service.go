package recipe

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// service fills in what only a service has.
func (e *evaluator) service(r *Recipe, b *block) {
	r.Client, r.Connect = b.text("client"), b.text("connect")
	e.build(r, b)
	e.users(r, b)
	e.files(r, b)
	if rt := b.one("runtime"); rt != nil {
		r.Runtime = e.runtime(r, rt)
	}
	e.privileges(r, b)
	if l := b.one("limits"); l != nil {
		size, _ := parseSize(l.text("size"))
		memory, _ := parseSize(l.text("memory"))
		r.Limits = Limits{Size: size, Memory: memory, Pids: l.number("pids"), Range: l.rng}
	}
	e.tests(r, b)
}

// build fills in sources, toolchains and the build step.
func (e *evaluator) build(r *Recipe, b *block) {
	e.labelled(b, "source")
	for _, s := range b.all("source") {
		source := Source{Kind: s.labels[0].text, Name: s.labels[1].text, Range: s.rng}
		switch source.Kind {
		case SourceHTTP:
			source.URL, source.Strip = s.text("url"), int(s.number("strip"))
		case SourceGoModule:
			source.Module, source.Version, source.Packages = s.text("module"), s.text("version"), s.texts("packages")
			e.moduleMajor(s)
		}
		r.Sources = append(r.Sources, source)
	}
	e.labelled(b, "toolchain")
	for _, t := range b.all("toolchain") {
		r.Toolchains = append(r.Toolchains, Toolchain{Name: t.labels[0].text, Version: t.text("version"), Range: t.rng})
	}
	step := b.one("build")
	if step == nil {
		for _, unused := range append(b.all("source"), b.all("toolchain")...) {
			e.fail(unused.rng, "Nothing reads it", "The recipe has no build block, so that no step would see this %s. Add build { run = ... }, or remove it.", unused.name)
		}
		return
	}
	e.distinct(step.items("packages"), "Package is there twice")
	r.Build = &Build{
		Run: step.text("run"), RunRange: step.rangeOf("run"),
		Env:      step.table("env"),
		Packages: step.texts("packages"), PackagesRange: step.rangeOf("packages"),
		Range: step.rng,
	}
}

// moduleMajor reports a module path and a version with different majors, which
// no proxy has.
func (e *evaluator) moduleMajor(s *block) {
	if !s.valid("module") || !s.valid("version") {
		return
	}
	if p := checkModule(s.text("module"), s.text("version")); p != nil {
		e.fail(s.rangeOf("version"), p.summary, "%s", p.detail)
	}
}

func (e *evaluator) users(r *Recipe, b *block) {
	e.labelled(b, "user")
	uids := map[string]string{}
	for _, u := range b.all("user") {
		name := u.labels[0].text
		if name == RootUser {
			e.fail(u.labels[0].rng, "User exists already", "root is part of every base. Name the user of the service.")
		}
		if other, again := uids[u.text("uid")]; again && u.valid("uid") && other != name {
			e.fail(u.rangeOf("uid"), "Number is there twice", "The user %s has %s already, so that both would be the same to the kernel.", quote(other), u.text("uid"))
		}
		uids[u.text("uid")] = name
		r.Users = append(r.Users, User{
			Name: name, UID: uint32(u.number("uid")), Home: u.text("home"), Shell: u.text("shell"), Range: u.rng,
		})
	}
}

// declared reports a user that the recipe doesn't declare.
func (e *evaluator) declared(r *Recipe, b *block, name string) {
	user := b.text(name)
	known := []string{RootUser}
	for _, u := range r.Users {
		known = append(known, u.Name)
	}
	if b.valid(name) && !slices.Contains(known, user) {
		e.fail(b.rangeOf(name), "Unknown user", "The recipe declares no user %s: its number could change with the base. Add user %s { uid = ... }.%s", quote(user), quote(user), suggest(user, known))
	}
}

func (e *evaluator) files(r *Recipe, b *block) {
	e.labelled(b, "file")
	paths := map[string]bool{}
	for _, f := range b.all("file") {
		paths[f.labels[0].text] = true
	}
	for _, f := range b.all("file") {
		for dir := path.Dir(f.labels[0].text); dir != "/" && dir != "."; dir = path.Dir(dir) {
			if paths[dir] {
				e.fail(f.labels[0].rng, "File is below a file", "%s is a file of this recipe, so that nothing can be below it.", quote(dir))
			}
		}
		switch {
		case f.has("source") && f.has("content"):
			e.fail(f.rng, "File has two contents", "It has both source and content. Remove one of the two.")
		case !f.has("source") && !f.has("content"):
			e.fail(f.rng, "File has no content", `Write source = "files/NAME" for a file below the recipe's folder, or content = "..." for a short text.`)
		}
		e.declared(r, f, "owner")
		mode, err := strconv.ParseUint(f.text("mode"), 8, 32)
		if err != nil {
			mode = 0 // was reported
		}
		r.Files = append(r.Files, File{
			Path: f.labels[0].text, Source: f.text("source"), Content: f.text("content"),
			Mode: uint32(mode), Owner: f.text("owner"), Range: f.rng,
		})
	}
}

func (e *evaluator) runtime(r *Recipe, b *block) *Runtime {
	e.declared(r, b, "user")
	e.program(b, "entrypoint")
	if b.valid("user") && b.text("user") == RootUser {
		warning := failure(b.rangeOf("user"), "Service runs as root", "A fault in the service is then a fault of root's, in the container at least. Declare a user, and let the service start as that one.")
		warning.Severity = hcl.DiagWarning
		e.diags = append(e.diags, warning)
	}
	rt := &Runtime{
		User: b.text("user"), Entrypoint: b.texts("entrypoint"), Command: b.texts("command"),
		WorkingDir: b.text("working_dir"), Env: b.table("env"), StopSignal: b.text("stop_signal"), Range: b.rng,
	}
	e.ports(rt, b)
	e.labelled(b, "volume")
	for _, v := range b.all("volume") {
		rt.Volumes = append(rt.Volumes, Volume{Path: v.labels[0].text, Persistent: v.text("persistent") == "true", Range: v.rng})
	}
	return rt
}

// program reports a command whose program would be looked up on a PATH.
func (e *evaluator) program(b *block, name string) {
	if argv := b.items(name); b.valid(name) && checkPath(argv[0].text) != nil {
		e.fail(argv[0].rng, "Program is not an absolute path", "Which program %s is would depend on the PATH that an engine sets. Write it from /, as in \"/usr/bin/app\".", quote(argv[0].text))
	}
}

func (e *evaluator) ports(rt *Runtime, b *block) {
	e.labelled(b, "port")
	numbers, onions := map[string]string{}, map[string]string{}
	for _, p := range b.all("port") {
		port := Port{
			Name: p.labels[0].text, Number: uint16(p.number("number")), Protocol: p.text("protocol"),
			Onion: uint16(p.number("onion")), Range: p.rng,
		}
		rt.Ports = append(rt.Ports, port)
		if p.valid("number") {
			e.once(numbers, fmt.Sprintf("%d/%s", port.Number, port.Protocol), port.Name, p.rangeOf("number"))
		}
		if p.valid("onion") {
			e.once(onions, fmt.Sprintf("%d of the onion service", port.Onion), port.Name, p.rangeOf("onion"))
		}
		if p.has("onion") && port.Protocol == "udp" {
			e.fail(p.rangeOf("onion"), "Onion services have no UDP", "Tor carries TCP only. Remove onion, or let the service listen on TCP.")
		}
	}
}

func (e *evaluator) once(seen map[string]string, key, name string, rng hcl.Range) {
	if other, again := seen[key]; again && other != name {
		e.fail(rng, "Port is there twice", "The port %s has %s already. Give each its own.", quote(other), key)
		return
	}
	seen[key] = name
}

func (e *evaluator) privileges(r *Recipe, b *block) {
	seen := map[string]hcl.Range{}
	for _, p := range b.all("privilege") {
		kind, name := p.labels[0].text, p.labels[1]
		if known, ok := privilegeKinds[kind]; ok {
			e.check(name, known.check)
		}
		key := kind + " " + strings.ToLower(name.text)
		if first, again := seen[key]; again {
			e.fail(name.rng, "Privilege is there twice", "It is declared already, on line %d. Put all reasons into that one.", first.Start.Line)
		} else {
			seen[key] = name.rng
		}
		r.Privileges = append(r.Privileges, Privilege{Kind: kind, Name: name.text, Reason: p.text("reason"), Range: p.rng})
	}
}
