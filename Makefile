# acrlocal: `make help` lists the targets. `make demo` and `make test` need nothing but Go and make.

GO        ?= go
BIN       := bin
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS   := -s -w -X main.version=$(VERSION)
GOLANGCI  := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME  ?= 30s

.DEFAULT_GOAL := help
.PHONY: help build demo demo-tasks compose-demo test ordinary race lint fmt fuzz bench cover mutate clients docs up clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the one static binary, bin/acrlocal
	@mkdir -p $(BIN)
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/acrlocal ./cmd/acrlocal

demo: build ## watch the article's story with real images: who gets in, who stays out, and why
	@$(BIN)/acrlocal demo

demo-tasks: build ## the article's worked example: a task passes the firewall, typed by the unmodified az
	@e2e/tasks/demo

compose-demo: $(BIN)/docker-credential-acr-env ## the same with Docker engines on real networks, and no proxy
	@GOOS=linux $(MAKE) --no-print-directory build
	@e2e/compose/demo

$(BIN)/docker-credential-acr-env: e2e/compose/client/go.mod
	@mkdir -p $(BIN)
	cd e2e/compose/client && GOOS=linux CGO_ENABLED=0 $(GO) build -ldflags '-s -w' -o $(CURDIR)/$@ github.com/chrismellard/docker-credential-acr-env

up: build ## start the emulator with the sample environment
	@$(BIN)/acrlocal up

test: ## all tests that need Go alone; lint does the vetting
	$(GO) test -vet=off -shuffle=on ./...

ordinary: ## the tests of containers again as an ordinary account, which takes root
	@GO=$(GO) sh .ci/ordinary

race: ## the same under the race detector
	$(GO) test -race -short -shuffle=on ./...

lint: ## vet, linters, formatting
	$(GO) vet ./...
	$(GO) run $(GOLANGCI) run ./...

fmt: ## format the code
	$(GO) run $(GOLANGCI) fmt ./...

fuzz: ## run each fuzzer for FUZZTIME (30s)
	@FUZZTIME=$(FUZZTIME) GO=$(GO) sh .ci/fuzz

cover: ## gate and identity must be covered in full
	@GO=$(GO) sh .ci/cover

mutate: ## change gate in listed ways; a row must fail each time
	$(GO) test -count=1 -run TestMutations -timeout 20m ./gate -mutations

clients: build $(BIN)/docker-credential-acr-env ## real clients: az, docker, docker-compose, containerd, skopeo, curl; an absent one is skipped by name, unless CI=true
	ACRLOCAL=$(CURDIR)/$(BIN)/acrlocal $(GO) test -count=1 -timeout 30m -tags clients ./e2e/...

bench: build ## start, first token, memory and the cost of the gate, beside bare distribution
	@ACRLOCAL=$(CURDIR)/$(BIN)/acrlocal $(GO) test -count=1 -timeout 30m -tags bench -run TestBench -v ./e2e/bench

docs: ## write the generated pages again
	$(GO) test ./gate -run TestDecisionsPage -update

clean: ## remove what make built
	rm -rf $(BIN)
