package filetype

import (
	"strings"
)

// codeFields are those of a code object that are objects, and numbers in between, in
// the order of Python 3.8 and of 3.11, where some moved (CPython, Python/marshal.c,
// w_complex_object).
var codeFields = map[bool][]string{
	false: {
		"int argcount", "int posonlyargcount", "int kwonlyargcount", "int nlocals", "int stacksize", "int flags",
		"bytecode", "consts", "names", "varnames", "freevars", "cellvars", "filename", "name", "int firstlineno", "lnotab",
	},
	true: {
		"int argcount", "int posonlyargcount", "int kwonlyargcount", "int stacksize", "int flags",
		"bytecode", "consts", "names", "localsplusnames", "localspluskinds", "filename", "name", "qualname",
		"int firstlineno", "linetable", "exceptiontable",
	},
}

// styles are how fields are shown that aren't in the line of their name.
var styles = map[string]style{
	"bytecode": hexDump, "consts": perLine, "lnotab": hexDump, "linetable": hexDump, "exceptiontable": hexDump,
}

// code reads a code object. Its text has a line for each field, each constant and
// each 32 bytes of bytecode; that of code objects among the constants follows.
func (m *marshal) code() (string, error) {
	outer := m.text
	m.text = nil
	m.indent++
	values := map[string]string{}
	for _, field := range codeFields[m.version >= 11] {
		name, number := strings.CutPrefix(field, "int ")
		if number {
			n, err := m.long()
			if err != nil {
				return "", err
			}
			values[name] = decimal(n)
			continue
		}
		s, err := m.object(styles[name])
		if err != nil {
			return "", err
		}
		values[name] = s
	}
	m.indent--
	m.filename = strings.Trim(values["filename"], `"`)
	title := values["name"]
	if q := values["qualname"]; q != "" {
		title = q
	}
	inner := m.text
	m.text = outer
	if err := m.show(title, values); err != nil {
		return "", err
	}
	m.text = append(m.text, inner...)
	return "<code " + title + ">", nil
}

// show adds the text of a code object.
func (m *marshal) show(title string, values map[string]string) error {
	line := func(indent int, s string) error {
		n := len(m.text)
		for range m.indent + indent {
			m.text = append(m.text, "  "...)
		}
		m.text = append(append(m.text, s...), '\n')
		return m.charge(2 * (len(m.text) - n))
	}
	if err := line(0, "code "+title); err != nil {
		return err
	}
	for _, field := range codeFields[m.version >= 11] {
		name := strings.TrimPrefix(field, "int ")
		value := values[name]
		var err error
		switch {
		case name == "name" || name == "qualname" || name == "filename" || value == "":
		case styles[name] == inline:
			err = line(1, name+" "+value)
		default:
			err = line(1, name)
			for part := range strings.SplitSeq(value, "\n") {
				if err == nil {
					err = line(2, part)
				}
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
