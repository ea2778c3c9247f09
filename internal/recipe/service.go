package recipe

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"gitlab.com/tailsbuild/tailsbuild/internal/hclschema"
)

// service fills in what only a service has.
func (e *evaluator) service(r *Recipe, b *hclschema.Block) {
	r.Client, r.Connect = b.Text("client"), b.Text("connect")
	e.build(r, b)
	e.users(r, b)
	e.files(r, b)
	if rt := b.One("runtime"); rt != nil {
		r.Runtime = e.runtime(r, rt)
	}
	e.privileges(r, b)
	if l := b.One("limits"); l != nil {
		size, _ := hclschema.ParseSize(l.Text("size"))
		memory, _ := hclschema.ParseSize(l.Text("memory"))
		r.Limits = Limits{Size: size, Memory: memory, Pids: l.Number("pids"), Range: l.Range}
	}
	e.tests(r, b)
}

// build fills in sources, toolchains and the build step.
func (e *evaluator) build(r *Recipe, b *hclschema.Block) {
	e.Labelled(b, "source")
	for _, s := range b.All("source") {
		source := Source{Kind: s.Labels[0].Text, Name: s.Labels[1].Text, Range: s.Range}
		switch source.Kind {
		case SourceHTTP:
			source.URL, source.Strip = s.Text("url"), int(s.Number("strip"))
		case SourceGoModule:
			source.Module, source.Version, source.Packages = s.Text("module"), s.Text("version"), s.Texts("packages")
			e.moduleMajor(s)
		}
		r.Sources = append(r.Sources, source)
	}
	e.Labelled(b, "toolchain")
	for _, t := range b.All("toolchain") {
		r.Toolchains = append(r.Toolchains, Toolchain{Name: t.Labels[0].Text, Version: t.Text("version"), Range: t.Range})
	}
	step := b.One("build")
	if step == nil {
		for _, unused := range append(b.All("source"), b.All("toolchain")...) {
			e.Fail(unused.Range, "Nothing reads it", "The recipe has no build block, so that no step would see this %s. Add build { run = ... }, or remove it.", unused.Name)
		}
		return
	}
	e.distinctPackages(step.Items("packages"))
	r.Build = &Build{
		Run: step.Text("run"), RunRange: step.RangeOf("run"),
		Env:      step.Table("env"),
		Packages: step.Texts("packages"), PackagesRange: step.RangeOf("packages"),
		Range: step.Range,
	}
}

// moduleMajor reports a module path and a version with different majors, which
// no proxy has.
func (e *evaluator) moduleMajor(s *hclschema.Block) {
	if !s.Valid("module") || !s.Valid("version") {
		return
	}
	if p := checkModule(s.Text("module"), s.Text("version")); p != nil {
		e.Fail(s.RangeOf("version"), p.Summary, "%s", p.Detail)
	}
}

func (e *evaluator) users(r *Recipe, b *hclschema.Block) {
	e.Labelled(b, "user")
	uids := map[string]string{}
	for _, u := range b.All("user") {
		name := u.Labels[0].Text
		if name == RootUser {
			e.Fail(u.Labels[0].Range, "User exists already", "root is part of every base. Name the user of the service.")
		}
		if other, again := uids[u.Text("uid")]; again && u.Valid("uid") && other != name {
			e.Fail(u.RangeOf("uid"), "Number is there twice", "The user %s has %s already, so that both would be the same to the kernel.", hclschema.Quote(other), u.Text("uid"))
		}
		uids[u.Text("uid")] = name
		r.Users = append(r.Users, User{
			Name: name, UID: uint32(u.Number("uid")), Home: u.Text("home"), Shell: u.Text("shell"), Range: u.Range,
		})
	}
}

// declared reports a user that the recipe doesn't declare.
func (e *evaluator) declared(r *Recipe, b *hclschema.Block, name string) {
	user := b.Text(name)
	known := []string{RootUser}
	for _, u := range r.Users {
		known = append(known, u.Name)
	}
	if b.Valid(name) && !slices.Contains(known, user) {
		e.Fail(b.RangeOf(name), "Unknown user", "The recipe declares no user %s: its number could change with the base. Add user %s { uid = ... }.%s", hclschema.Quote(user), hclschema.Quote(user), hclschema.Suggest(user, known))
	}
}

func (e *evaluator) files(r *Recipe, b *hclschema.Block) {
	e.Labelled(b, "file")
	paths := map[string]bool{}
	for _, f := range b.All("file") {
		paths[f.Labels[0].Text] = true
	}
	for _, f := range b.All("file") {
		for dir := path.Dir(f.Labels[0].Text); dir != "/" && dir != "."; dir = path.Dir(dir) {
			if paths[dir] {
				e.Fail(f.Labels[0].Range, "File is below a file", "%s is a file of this recipe, so that nothing can be below it.", hclschema.Quote(dir))
			}
		}
		switch {
		case f.Has("source") && f.Has("content"):
			e.Fail(f.Range, "File has two contents", "It has both source and content. Remove one of the two.")
		case !f.Has("source") && !f.Has("content"):
			e.Fail(f.Range, "File has no content", `Write source = "files/NAME" for a file below the recipe's folder, or content = "..." for a short text.`)
		}
		e.declared(r, f, "owner")
		mode, err := strconv.ParseUint(f.Text("mode"), 8, 32)
		if err != nil {
			mode = 0 // was reported
		}
		r.Files = append(r.Files, File{
			Path: f.Labels[0].Text, Source: f.Text("source"), Content: f.Text("content"),
			Mode: uint32(mode), Owner: f.Text("owner"), Range: f.Range,
		})
	}
}

func (e *evaluator) runtime(r *Recipe, b *hclschema.Block) *Runtime {
	e.declared(r, b, "user")
	e.program(b, "entrypoint")
	if b.Valid("user") && b.Text("user") == RootUser {
		warning := hclschema.Failure(b.RangeOf("user"), "Service runs as root", "A fault in the service is then a fault of root's, in the container at least. Declare a user, and let the service start as that one.")
		warning.Severity = hcl.DiagWarning
		e.Diags = append(e.Diags, warning)
	}
	rt := &Runtime{
		User: b.Text("user"), Entrypoint: b.Texts("entrypoint"), Command: b.Texts("command"),
		WorkingDir: b.Text("working_dir"), Env: b.Table("env"), StopSignal: b.Text("stop_signal"), Range: b.Range,
	}
	e.ports(rt, b)
	e.Labelled(b, "volume")
	for _, v := range b.All("volume") {
		rt.Volumes = append(rt.Volumes, Volume{Path: v.Labels[0].Text, Persistent: v.Text("persistent") == "true", Range: v.Range})
	}
	return rt
}

// program reports a command whose program would be looked up on a PATH.
func (e *evaluator) program(b *hclschema.Block, name string) {
	if argv := b.Items(name); b.Valid(name) && checkPath(argv[0].Text) != nil {
		e.Fail(argv[0].Range, "Program is not an absolute path", "Which program %s is would depend on the PATH that an engine sets. Write it from /, as in \"/usr/bin/app\".", hclschema.Quote(argv[0].Text))
	}
}

func (e *evaluator) ports(rt *Runtime, b *hclschema.Block) {
	e.Labelled(b, "port")
	numbers, onions := map[string]string{}, map[string]string{}
	for _, p := range b.All("port") {
		port := Port{
			Name: p.Labels[0].Text, Number: uint16(p.Number("number")), Protocol: p.Text("protocol"),
			Onion: uint16(p.Number("onion")), Range: p.Range,
		}
		rt.Ports = append(rt.Ports, port)
		if p.Valid("number") {
			e.once(numbers, fmt.Sprintf("%d/%s", port.Number, port.Protocol), port.Name, p.RangeOf("number"))
		}
		if p.Valid("onion") {
			e.once(onions, fmt.Sprintf("%d of the onion service", port.Onion), port.Name, p.RangeOf("onion"))
		}
		if p.Has("onion") && port.Protocol == "udp" {
			e.Fail(p.RangeOf("onion"), "Onion services have no UDP", "Tor carries TCP only. Remove onion, or let the service listen on TCP.")
		}
	}
}

func (e *evaluator) once(seen map[string]string, key, name string, rng hcl.Range) {
	if other, again := seen[key]; again && other != name {
		e.Fail(rng, "Port is there twice", "The port %s has %s already. Give each its own.", hclschema.Quote(other), key)
		return
	}
	seen[key] = name
}

func (e *evaluator) privileges(r *Recipe, b *hclschema.Block) {
	seen := map[string]hcl.Range{}
	for _, p := range b.All("privilege") {
		kind, name := p.Labels[0].Text, p.Labels[1]
		if known, ok := privilegeKinds[kind]; ok {
			e.Check(name, known.check)
		}
		key := kind + " " + strings.ToLower(name.Text)
		if first, again := seen[key]; again {
			e.Fail(name.Range, "Privilege is there twice", "It is declared already, on line %d. Put all reasons into that one.", first.Start.Line)
		} else {
			seen[key] = name.Range
		}
		r.Privileges = append(r.Privileges, Privilege{Kind: kind, Name: name.Text, Reason: p.Text("reason"), Range: p.Range})
	}
}
