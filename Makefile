# `make` alone lists what there is. Nothing here is needed: every line can be typed by hand.

.DEFAULT_GOAL := help
.PHONY: help build run test race lint typecheck bench comparison microbench ci

SCRIPT ?= scripts/100users.js
BASE ?= HEAD~1
# .ci/run has the version.
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(shell sed -n "s,^golangci_version=,,p" .ci/run)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build ./k6 with the extension in it
	go build -o k6 ./cmd/k6

run: ## run a script: make run SCRIPT=examples/query.js
	go run ./cmd/k6 run $(SCRIPT)

test: ## run every test
	go test ./...

race: ## run every test with the race detector
	go test -race ./...

lint: ## vet and lint, package boundaries included
	go vet ./...
	go run $(GOLANGCI_LINT) run

typecheck: ## check index.d.ts, and the scripts against it
	npm --prefix internal/typecheck ci
	npm --prefix internal/typecheck run check

bench: ## better, same or worse than BASE? one line, about four minutes
	go run ./bench -users 100 -seconds 2 -compare $(BASE) .

comparison: ## compare with a bare pgxpool loop, pgbench and xk6-sql
	go run ./bench -users 100 -rounds 5 -seconds 3 -repeat -out docs/comparison

microbench: ## run the Go benchmarks, six times each for benchstat
	go test -run '^$$' -bench . -benchmem -count 6 ./...

ci: ## everything that must hold
	.ci/run
