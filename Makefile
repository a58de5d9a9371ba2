# What CI does (.ci/run), target by target. `make` alone lists them.

GOLANGCI_LINT := v2.15.0
GOFUMPT       := v0.12.0
GOTOOLS       := $(shell go env GOPATH)/bin
RACE          := ./deploy ./image/... ./internal/... ./steps/...

.DEFAULT_GOAL := help
.PHONY: help build test race lint fmt fmt-check vet tools generate test-models test-boto test-moto test-aws test-buildkit test-engines bench-image bench-logs bench ci

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# Code of others is not inlined where it waits for the network, and HTTP/2, which no endpoint here needs, is left out:
# 2 MB of the binary. What packs and unpacks stays quick.
COMPACT := -gcflags='github.com/...=-l' -gcflags='go.yaml.in/...=-l' -gcflags='github.com/klauspost/...=' -gcflags='github.com/fargatectl/...='

build: ## the static, stripped binary: bin/fargatectl
	CGO_ENABLED=0 go build -trimpath -tags urfave_cli_no_docs,nethttpomithttp2 -ldflags '-s -w' $(COMPACT) -o bin/fargatectl .

test: ## every test that needs nothing but Go
	go test ./...

race: ## the same with the race detector, in another order every time
	go test -race -shuffle=on -timeout 20m $(RACE)

lint: tools ## golangci-lint, with the rules of .golangci.yml
	$(GOTOOLS)/golangci-lint run ./...

fmt: tools ## gofumpt, in place
	$(GOTOOLS)/gofumpt -w .

fmt-check: tools ## gofumpt, without changing anything
	@files=$$($(GOTOOLS)/gofumpt -l .); [ -z "$$files" ] || { echo "make fmt would change:"; echo "$$files"; exit 1; }

vet: ## go vet, with the files behind build tags
	go vet ./...
	go vet -tags boto,engine,bench ./image/... ./internal/sandbox/wire ./e2e

tools: ## the linter and the formatter, in their pinned versions
	@$(GOTOOLS)/golangci-lint version 2>/dev/null | grep -q '$(GOLANGCI_LINT:v%=%)' || go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)
	@$(GOTOOLS)/gofumpt --version 2>/dev/null | grep -q '$(GOFUMPT)' || go install mvdan.cc/gofumpt@$(GOFUMPT)

generate: ## the generated files: schema, references, names on the wire
	go generate ./...

test-models: ## every request and answer, held against AWS's published service models
	./internal/witness/run

test-boto: ## boto3 and the AWS CLI against `fargatectl sandbox`
	./e2e/boto

test-moto: ## the end-to-end suite against moto, an emulator that is not ours
	./e2e/moto

test-aws: ## the sample in a real account: asks first, says what it costs
	./e2e/aws.sh

test-buildkit: ## a real buildkitd behind buildx's remote driver (builds both: some minutes)
	./e2e/buildkit

test-engines: ## builds with real container engines (installs Docker and buildah from Debian, as root)
	./e2e/engines

bench-image: ## from a built image to the registry, by our routes and by others'
	./e2e/bench-image

bench-logs: ## lines per CPU second of logs, against the AWS CLI's
	./e2e/logs

bench: ## benchmarks
	go test -run '^$$' -bench . ./...

ci: ## all that CI does
	./.ci/run
