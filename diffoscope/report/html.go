package report

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"sync"

	"gitlab.com/tailsbuild/tailsbuild/diffoscope"
)

const (
	// maxPage is about how many bytes a page has at most.
	maxPage = 32 << 20
	// chunk is how many files a browser lays out at once, when they are looked at.
	chunk = 50
	// openBelow is up to how many differences all are shown unfolded.
	openBelow = 60
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string

	// No other command has to parse it.
	pageTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.New("page").Parse(pageHTML)) })
	pageCSP      = "default-src 'none'; style-src 'sha256-" + hashOf(pageCSS) + "'; script-src 'sha256-" + hashOf(pageJS) +
		"'; base-uri 'none'; form-action 'none'"
)

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// WriteHTML writes c as one page that needs no other file, no network and no script:
// a script only adds a search field. Its own policy forbids all else that it might
// run or load. Past 32 MiB it says how many files it leaves out.
func WriteHTML(w io.Writer, c *diffoscope.Comparison, o Options) error {
	buf := bufio.NewWriterSize(w, 64<<10)
	p := &pageWriter{w: &countingWriter{w: buf}, view: newView(c, o)}
	p.execute("top", p.view)
	for i := range p.view.parts {
		p.section(i)
	}
	p.execute("bottom", p.view)
	if p.err != nil {
		return p.err
	}
	return buf.Flush()
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

type pageWriter struct {
	w    *countingWriter
	view *view
	err  error
}

func (p *pageWriter) execute(name string, data any) {
	if p.err == nil {
		p.err = pageTemplate().ExecuteTemplate(p.w, name, data)
	}
}

// A section is one part of the images, such as a layer.
type section struct {
	ID, Count string
	Name      []segment
}

// section writes what differs in part i, some at a time.
func (p *pageWriter) section(i int) {
	p.execute("section", p.view.Sections[i])
	list := p.view.parts[i].list
	for at := 0; at < len(list) && p.err == nil; at += chunk {
		if p.w.n > maxPage {
			p.execute("left", plural(len(list)-at, "more difference")+" not shown: the page would get too large.")
			break
		}
		some := list[at:min(at+chunk, len(list))]
		p.execute("chunk", p.view.chunk(some, func(j int) string { return entryID(i, at+j) }))
	}
	p.execute("sectionEnd", nil)
}
