package filetype

import (
	"bytes"
	"encoding/binary"
	"runtime/debug"
)

const (
	goBuildMagic = "\xff Go buildinf:"
	// goBuildHead is how many bytes stand before the strings.
	goBuildHead = 32
)

// addGo adds what the go command says of how it built the program.
func (f *elfFile) addGo(b *builder) {
	s, ok := f.find(".go.buildinfo")
	if !ok || s.size > f.limits.Memory/8 {
		return
	}
	data, err := f.bytes(s.offset, s.size)
	if err != nil {
		return
	}
	addGoBuild(b, data, s.name, s.offset)
}

// addGoBuild adds the build information in data as fields: the toolchain's version,
// the main package, each module's version and each setting (debug/buildinfo; in the
// layout since Go 1.18).
func addGoBuild(b *builder, data []byte, of string, offset int64) {
	at := bytes.Index(data, []byte(goBuildMagic))
	if at < 0 || len(data)-at < goBuildHead || data[at+15]&2 == 0 {
		return
	}
	data = data[at+goBuildHead:]
	version, data := goString(data)
	modules, _ := goString(data)
	offset += int64(at)
	add := func(name, value string) bool {
		return value == "" || b.add(Part{Name: name, Value: value, Of: of, Offset: offset})
	}
	add("go version", version)
	// The text stands between two marks of 16 bytes.
	if len(modules) < 33 || modules[len(modules)-17] != '\n' {
		return
	}
	info, err := debug.ParseBuildInfo(modules[16 : len(modules)-16])
	if err != nil {
		add("go build information", "unreadable: "+err.Error())
		return
	}
	// Settings are few, and what most often differs.
	for _, s := range info.Settings {
		if !add("setting "+s.Key, s.Value) {
			return
		}
	}
	add("go package", info.Path)
	add("go module "+info.Main.Path, goModule(&info.Main))
	for _, dep := range info.Deps {
		if !add("go module "+dep.Path, goModule(dep)) {
			return
		}
	}
}

// goString cuts a string with its length in front off data.
func goString(data []byte) (string, []byte) {
	n, k := binary.Uvarint(data)
	if k <= 0 || n > uint64(len(data)-k) {
		return "", nil
	}
	return string(data[k : k+int(n)]), data[k+int(n):]
}

func goModule(m *debug.Module) string {
	s := m.Version
	if m.Sum != "" {
		s += " " + m.Sum
	}
	if m.Replace != nil {
		s += " => " + m.Replace.Path + " " + goModule(m.Replace)
	}
	return s
}
