# Everything a person runs. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The project's own Node 24 first, so that an older system Node is enough.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

DEPS := node_modules/.installed

$(DEPS): package-lock.json package.json $(wildcard packages/*/package.json */package.json) hack/install-dependencies.sh
	@hack/install-dependencies.sh
	@touch $@

# What the tests run besides our own: OpenSSH and other clients. Looked for once, so that check works offline.
PROGRAMS := node_modules/.test-programs
CLIENTS := $(addprefix test/interop/matrix/,requirements.txt $(addprefix go-client/,main.go go.mod go.sum))

$(PROGRAMS): $(DEPS) hack/test-programs.ts hack/matrix-clients.ts $(CLIENTS)
	@node hack/test-programs.ts
	@touch $@

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(DEPS) ## everything from nothing to a revoked session; leaves the system running
	@node --conditions=source hack/demo.ts

.PHONY: demo-down
demo-down: $(DEPS) ## ends what `make demo` left running
	@node --conditions=source hack/demo-down.ts

.PHONY: images
images: $(DEPS) ## the image archives, without a Docker daemon, into .local/images
	@hack/images

.PHONY: key-helper
key-helper: $(DEPS) ## the key-helper as one file for people's machines (Node 20 or newer)
	@node hack/bundle.ts keyhelper
	@echo .local/bundle/keyhelper/teleport-key-helper.mjs

.PHONY: check
check: $(PROGRAMS) ## format, lint, types, layers, CRD drift, unit tests: offline, under a minute
	@hack/check.sh

.PHONY: test
test: $(PROGRAMS) ## everything that can fail: check, interop with OpenSSH, a round of chaos, end to end on Kubernetes
	@hack/check.sh
	@npm run --silent advisories
	@npm run --silent interop
	@npm run --silent chaos-smoke
	@npm run --silent e2e

.PHONY: interop e2e
interop: $(PROGRAMS) ## our proxy and agent against stock OpenSSH
	@npm run --silent interop
e2e: $(PROGRAMS) ## the whole product on a local Kubernetes of its own
	@npm run --silent e2e

.PHONY: bench
bench: $(PROGRAMS) ## the benchmarks, peers in the same run; NAME=b1 for one, QUICK=1 for a short look
	@node --conditions=source bench/main.ts $(NAME)

.PHONY: advisories mutants
advisories: $(DEPS) ## what broke in other people's SSH, tried on ours
	@npm run --silent advisories
mutants: $(DEPS) ## puts each of those bugs back, in a copy, and expects its test to fail
	@npm run --silent mutants

.PHONY: chaos
chaos: $(PROGRAMS) ## real programs struck by kill -9, SIGSTOP, resets and silence; prints a table, some ten minutes (CHAOS="--rounds 3 --seed 1")
	@node --conditions=source test/chaos/main.ts $(CHAOS)

.PHONY: fuzz
fuzz: $(PROGRAMS) ## a million executions of each fuzz target, 5,000 certificates before sshd and us, 1,000 jumps; FUZZ="--target key" chooses
	@node --conditions=source test/fuzz/main.ts $(FUZZ)
	@DIFFERENTIAL_CASES=5000 JUMP_CASES=1000 node --conditions=source --test test/interop/certificate-differential.test.ts test/interop/jump-rule.test.ts

.PHONY: matrix
matrix: $(PROGRAMS) ## client x feature x form as a table (CLIENT= ROW= FORM= for some of it; UPDATE=1 writes docs/interop.md)
	@node --conditions=source test/interop/matrix/main.ts

.PHONY: format
format: $(DEPS) ## writes the format that `make check` asks for
	@prettier --log-level warn --write .

.PHONY: clean
clean: ## ends the local clusters of this checkout and removes what was built (caches in your home stay)
	@[[ ! -d node_modules ]] || [[ ! -e .local/demo.env ]] || node --conditions=source hack/demo-down.ts
	@shopt -s nullglob; for c in .local/kubernetes/*/; do CLUSTER_NAME=$$(basename "$$c") hack/kubernetes purge; done
	@rm -rf .local node_modules packages/*/dist operator/dist proxy/dist cluster-agent/dist keyhelper/dist
