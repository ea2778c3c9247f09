package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
)

// once makes a contender of one program that succeeds.
func once(name string, rows []comparison, times int, cmd func(context.Context) *exec.Cmd) *contender {
	return &contender{name: name, rows: rows, times: times, run: func(ctx context.Context) error { return start(cmd(ctx)).wait() }}
}

// openStart is what each program takes to do nothing.
func (b *bench) openStart(ctx context.Context) (*benchCase, error) {
	w, err := b.openWorld(ctx)
	if err != nil {
		return nil, err
	}
	return &benchCase{name: "start", milli: true, contenders: []*contender{
		once("tailsbuild version", nil, 20, func(ctx context.Context) *exec.Cmd { return w.ours.command(ctx, "version") }),
		once("cosign version", ratio("cosign"), 20, func(ctx context.Context) *exec.Cmd { return w.cosign.command(ctx, "version") }),
	}}, nil
}

// openVerify verifies one release. cosign reads no release in a folder: what it calls
// a local image is a layout of its own.
func (b *bench) openVerify(ctx context.Context) (*benchCase, error) {
	w, err := b.openWorld(ctx)
	if err != nil {
		return nil, err
	}
	ref := w.references[0]
	return &benchCase{name: "verify one", milli: true, contenders: []*contender{
		once("tailsbuild verify REF --policy", nil, 10, func(ctx context.Context) *exec.Cmd { return w.verify(ctx, ref) }),
		once("tailsbuild verify REF --key", compared("by policy / by key"), 10, func(ctx context.Context) *exec.Cmd { return w.verifyByKey(ctx, ref) }),
		once("tailsbuild verify DIR --policy", compared("registry / folder"), 10, func(ctx context.Context) *exec.Cmd { return w.verify(ctx, w.folders[0]) }),
		once("cosign verify --key REF", ratio("cosign"), 10, func(ctx context.Context) *exec.Cmd { return w.cosign.verify(ctx, w.publicKey(), ref) }),
	}}, nil
}

// openVerifyMany verifies 100 releases.
func (b *bench) openVerifyMany(ctx context.Context) (*benchCase, error) {
	w, err := b.openWorld(ctx)
	if err != nil {
		return nil, err
	}
	return &benchCase{name: "verify 100", milli: true, contenders: []*contender{
		once("tailsbuild verify 100 REFs", nil, 1, func(ctx context.Context) *exec.Cmd { return w.verify(ctx, w.references...) }),
		once("tailsbuild verify 100 DIRs", compared("registry / folder"), 1, func(ctx context.Context) *exec.Cmd { return w.verify(ctx, w.folders...) }),
		{name: "cosign, 100 times in turn", rows: ratio("cosign"), run: w.cosignAll(1)},
		{name: "cosign, 100 times, two at once", rows: ratio("two cosigns"), run: w.cosignAll(2)},
	}}, nil
}

// cosignAll has cosign verify all references, some at once.
func (w *world) cosignAll(atOnce int) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		var all []*running
		for _, ref := range w.references {
			if len(all) == atOnce {
				err = errors.Join(err, all[0].wait())
				all = all[1:]
			}
			all = append(all, start(w.cosign.verify(ctx, w.publicKey(), ref)))
		}
		for _, r := range all {
			err = errors.Join(err, r.wait())
		}
		return err
	}
}

// openSign signs one image. tailsbuild signs nothing that was not built twice: what is
// closest is the name that a release gets in a registry, which takes verifying it.
func (b *bench) openSign(ctx context.Context) (*benchCase, error) {
	w, err := b.openWorld(ctx)
	if err != nil {
		return nil, err
	}
	// A place for each of them in each round: signatures add up.
	n := 0
	place := func() string { n++; return fmt.Sprint("sign", n) }
	theirs := ""
	c := &benchCase{name: "sign one", milli: true, contenders: []*contender{
		{name: "tailsbuild push --key", run: func(ctx context.Context) error {
			return w.push(ctx, w.folders[0], w.reference(place(), imageName(0)), "--key", w.ours.key()).wait()
		}},
		{name: "tailsbuild push", rows: compared("with / without signing"), run: func(ctx context.Context) error {
			theirs = w.reference(place(), imageName(0))
			return w.push(ctx, w.folders[0], theirs).wait()
		}},
		{name: "cosign sign --key", rows: ratio("cosign"), run: func(ctx context.Context) error {
			return start(w.cosign.sign(ctx, w.ours.key(), theirs)).wait()
		}},
	}}
	return c, nil
}

// openJunk verifies a release to which there is junk attached in that place.
func openJunk(name, place string) func(*bench, context.Context) (*benchCase, error) {
	return func(b *bench, ctx context.Context) (*benchCase, error) {
		w, err := b.openWorld(ctx)
		if err != nil {
			return nil, err
		}
		ref := w.reference(place, imageName(0))
		return &benchCase{name: name, milli: true, contenders: []*contender{
			once("tailsbuild verify REF --policy", nil, 1, func(ctx context.Context) *exec.Cmd { return w.verify(ctx, ref) }),
			once("cosign verify --key REF", ratio("cosign"), 1, func(ctx context.Context) *exec.Cmd { return w.cosign.verify(ctx, w.publicKey(), ref) }),
		}}, nil
	}
}
