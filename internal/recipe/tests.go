package recipe

// tests fills in the tests, each of which has a command or a client.
func (e *evaluator) tests(r *Recipe, b *block) {
	e.labelled(b, "test")
	for _, t := range b.all("test") {
		e.program(t, "run")
		e.distinct(t.items("packages"), "Package is there twice")
		e.client(r, t)
		r.Tests = append(r.Tests, Test{
			Name: t.labels[0].text, Run: t.texts("run"),
			Client: t.text("client"), ClientRange: t.rangeOf("client"),
			Packages: t.texts("packages"), PackagesRange: t.rangeOf("packages"),
			Setup: t.text("setup"), SetupRange: t.rangeOf("setup"),
			Timeout: int(t.number("timeout")), Range: t.rng,
		})
	}
}

// client checks what a test has beside its command or client.
func (e *evaluator) client(r *Recipe, t *block) {
	switch {
	case t.has("run") && t.has("client"):
		e.fail(t.rng, "Test does two things", "It has both run and client. Write a test for each.")
		return
	case !t.has("run") && !t.has("client"):
		e.fail(t.rng, "Test does nothing", `Write run = ["/usr/bin/app", "--check"] for a command in the image, or client = "..." for a script that talks to the running service.`)
		return
	case t.has("client"):
		if r.Runtime == nil {
			e.fail(t.rangeOf("client"), "No service to talk to", "The recipe has no runtime block, so that nothing is started for a client. Add one, or test a command with run.")
		}
		return
	}
	for _, name := range []string{"packages", "setup"} {
		if t.has(name) {
			e.fail(t.rangeOf(name), "Test has no client", "%s is for the client's container, and this test runs a command in the image. Remove it, or write client = \"...\".", name)
		}
	}
}
