// Package interop has tests of what tailsbuild publishes with the libraries of
// those who read it: podman's and skopeo's policies, and the CNCF's registry. It has
// those of keys in services, too, whose programs kms/cloud builds. They need the build
// tag containers_image_openpgp, which make test sets.
package interop
