package progress

import (
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

// Solve returns the channel that BuildKit's client sends one solve's status to,
// drawn under the builder's name: "a" is drawn as "[A] …". The caller closes the
// channel, as client.Client.Solve and Build do.
func (d *Display) Solve(builder string) chan *client.SolveStatus {
	ch := make(chan *client.SolveStatus)
	if d == nil {
		go func() {
			for range ch {
			}
		}()
		return ch
	}
	d.solves.Go(func() {
		for s := range ch {
			d.send(relabel(builder, s))
		}
	})
	return ch
}

// relabel returns a copy of s for the display that draws both builders. Equal
// plans have equal vertex digests, so each builder's get their own.
func relabel(builder string, s *client.SolveStatus) *client.SolveStatus {
	own := func(d digest.Digest) digest.Digest {
		return digest.FromString(builder + " " + string(d))
	}
	prefix := "[" + strings.ToUpper(builder) + "] "
	out := &client.SolveStatus{}
	for _, v := range s.Vertexes {
		c := *v
		c.Digest = own(v.Digest)
		c.Name = prefix + Clean(v.Name)
		c.Error = Clean(v.Error)
		c.Inputs = nil // nothing draws them
		if g := v.ProgressGroup; g != nil {
			c.ProgressGroup = &pb.ProgressGroup{
				Id:   builder + " " + g.Id,
				Name: prefix + Clean(g.Name),
				Weak: g.Weak,
			}
		}
		out.Vertexes = append(out.Vertexes, &c)
	}
	for _, v := range s.Statuses {
		c := *v
		c.Vertex = own(v.Vertex)
		c.ID = Clean(v.ID)
		out.Statuses = append(out.Statuses, &c)
	}
	for _, l := range s.Logs {
		c := *l
		c.Vertex = own(l.Vertex)
		c.Data = []byte(Clean(string(l.Data)))
		out.Logs = append(out.Logs, &c)
	}
	for _, w := range s.Warnings {
		c := client.VertexWarning{Vertex: own(w.Vertex), Level: w.Level}
		c.Short = []byte(Clean(string(w.Short)))
		out.Warnings = append(out.Warnings, &c)
	}
	return out
}
