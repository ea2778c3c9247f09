// Package podman tests what tailsbuild policy export --for podman writes, with the
// library that podman itself asks whether an image may be used.
package podman
