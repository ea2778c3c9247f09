package recipe

import "gitlab.com/tailsbuild/tailsbuild/internal/hclschema"

// tests fills in the tests, each of which has a command or a client.
func (e *evaluator) tests(r *Recipe, b *hclschema.Block) {
	e.Labelled(b, "test")
	asked := map[string]hclschema.Item{} // of the tests before
	for _, t := range b.All("test") {
		e.program(t, "run")
		e.distinctPackages(t.Items("packages"))
		for _, it := range t.Items("packages") {
			first, again := asked[packageName(it.Text)]
			if again && first.Text != it.Text {
				e.Fail(it.Range, "Package is asked for in two ways", "What the clients of all tests need is installed together, and line %d asks for %s. Write one of the two in both.", first.Range.Start.Line, hclschema.Quote(first.Text))
			} else {
				asked[packageName(it.Text)] = it
			}
		}
		e.client(r, t)
		r.Tests = append(r.Tests, Test{
			Name: t.Labels[0].Text, Run: t.Texts("run"),
			Client: t.Text("client"), ClientRange: t.RangeOf("client"),
			Packages: t.Texts("packages"), PackagesRange: t.RangeOf("packages"),
			Setup: t.Text("setup"), SetupRange: t.RangeOf("setup"),
			Timeout: int(t.Number("timeout")), Range: t.Range,
		})
	}
}

// client checks what a test has beside its command or client.
func (e *evaluator) client(r *Recipe, t *hclschema.Block) {
	switch {
	case t.Has("run") && t.Has("client"):
		e.Fail(t.Range, "Test does two things", "It has both run and client. Write a test for each.")
		return
	case !t.Has("run") && !t.Has("client"):
		e.Fail(t.Range, "Test does nothing", `Write run = ["/usr/bin/app", "--check"] for a command in the image, or client = "..." for a script that talks to the running service.`)
		return
	case t.Has("client"):
		if r.Runtime == nil {
			e.Fail(t.RangeOf("client"), "No service to talk to", "The recipe has no runtime block, so that nothing is started for a client. Add one, or test a command with run.")
		}
		return
	}
	for _, name := range []string{"packages", "setup"} {
		if t.Has(name) {
			e.Fail(t.RangeOf(name), "Test has no client", "%s is for the client's container, and this test runs a command in the image. Remove it, or write client = \"...\".", name)
		}
	}
}
