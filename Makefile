# Everything that developers and CI type. Run make without a target for the list.

SHELL := /bin/bash
export PATH := $(CURDIR)/.tools/bin:$(CURDIR)/.tools/go/bin:$(PATH):/usr/local/go/bin:/usr/sbin:/sbin

# As root in somebody else's clone git refuses to answer, and go build would fail.
BUILDVCS := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo auto || echo false)
TESTFLAGS ?=

.PHONY: help setup build kms slsa demo test test-kubernetes test-vault check bench rebuild clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## get what is missing: runc, crun, Go, modules
	@scripts/setup.sh

build: ## bin/tailsbuild
	CGO_ENABLED=0 go build -trimpath -buildvcs=$(BUILDVCS) -ldflags '-s -w' -o bin/tailsbuild ./cmd/tailsbuild

kms: ## bin/sigstore-kms-*: programs that hold keys, in clouds and in tokens
	cd kms/cloud && CGO_ENABLED=0 go build -trimpath -buildvcs=$(BUILDVCS) -ldflags '-s -w' -o ../../bin/ ./...
	cd kms/pkcs11 && CGO_ENABLED=1 go build -trimpath -buildvcs=$(BUILDVCS) -ldflags '-s -w' -o ../../bin/ ./...

slsa: ## bin/slsa-verifier: slsa-verifier for provenance that tailsbuild wrote
	cd slsa && CGO_ENABLED=0 go build -trimpath -buildvcs=$(BUILDVCS) -ldflags '-s -w' -o ../bin/slsa-verifier .

demo: setup build ## build, compare, sign and verify two real recipes
	@scripts/demo.sh

test: setup ## the whole test suite, with real builds
	@[[ $$(id -u) == 0 ]] || echo "test: without root, some tests are skipped: sudo make test" >&2
	go test -timeout 25m $(TESTFLAGS) ./...
	@# Without cgo, as tests build the programs of these modules: nothing is compiled twice.
	@for dir in slsa test/cosign; do (cd $$dir && export CGO_ENABLED=0 && go vet ./... && go test -timeout 25m $(TESTFLAGS) ./...) || exit 1; done
	@# The services of sigstore take minutes to build the first time.
	@if [[ -e test/sigstore/go.mod ]]; then cd test/sigstore && go test -timeout 25m $(TESTFLAGS) ./...; fi
	cd kms/cloud && go vet ./... && go test -timeout 10m $(TESTFLAGS) .
	@if command -v gcc >/dev/null; then cd kms/pkcs11 && CGO_ENABLED=1 go vet ./...; fi
	@# podman's library has its own OpenPGP, or needs a C library.
	@if [[ -e test/interop/go.mod ]]; then cd test/interop && CGO_ENABLED=0 go test -timeout 25m -tags containers_image_openpgp $(TESTFLAGS) ./...; fi

test-kubernetes: ## what policy export writes, with policy-controller and Kyverno; builds them, which takes half an hour
	go vet -tags kubernetes ./internal/cli
	go test -timeout 2h -count=1 -v -tags kubernetes -run 'TestPolicyController|TestKyverno' ./internal/cli

test-vault: ## keys in Vault or OpenBao, with the server for tests that VAULT_ADDR and VAULT_TOKEN name
	cd test/interop && CGO_ENABLED=0 go test -count=1 -v -tags containers_image_openpgp,vault -run TestVault .

check: setup ## what CI checks before it tests
	@scripts/tools.sh
	@scripts/check.sh

bench: build ## against plain buildctl builds and cosign, as root; takes 25 minutes
	cd bench && go vet . && go test -count=1 . && go build -o ../bin/bench .
	cd bench && ../bin/bench $(BENCHFLAGS)
	go test -run '^$$' -bench . -benchtime 200ms ./diffoscope ./internal/inputs ./internal/apk ./internal/cli ./internal/trust ./internal/assess

rebuild: build ## every recipe again, from its sealed inputs alone, as root
	@scripts/rebuild-all.sh $(RECIPES)

clean: ## remove what make and the demo made
	chmod -R u+w .tools 2>/dev/null || true
	rm -rf .demo .tools bin dist
