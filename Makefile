# The commands of this checkout; `make help` lists them. Each sets up what it needs first.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec

PYTHON ?= python3
BIN := .venv/bin
FOUND := command -v $(PYTHON) >/dev/null || { echo "setup: there is no $(PYTHON) here: apt install python3 python3-venv" >&2; exit 1; }
SETUP := @$(FOUND); $(PYTHON) -m deploy.bootstrap
# forge names every passing test; what it says of a failing one is kept.
QUIETLY := | (grep -v '^\[PASS\]' || true)
# Set-up leaves it to Python to compile what is used; whose environment forbids that pays for it at every start of every process.
unexport PYTHONDONTWRITEBYTECODE
ON_FRESH_SQLITE := @fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && export EARNEST_DATABASE_URL="sqlite:///$$fresh/earnest.db" &&

# forge and slither as set-up installed them; Node is the machine's, or else that of .venv-node, which exists only then.
check artifacts bench: export PATH := $(CURDIR)/node_modules/@foundry-rs/forge-linux-amd64/bin:$(CURDIR)/.venv-audit/bin:$(PATH):$(CURDIR)/.venv-node/bin

.PHONY: help setup run demo test torture check check-contracts check-code bench reset migrate artifacts fmt

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install everything into this folder (again: seconds; PYTHON=python3.12 picks another Python)
	$(SETUP)

run: ## Run the whole local system until Ctrl-C; its world is kept in .data (or EARNEST_DATA)
	$(SETUP)
	@exec $(BIN)/earnest run

demo: ## Play the stories on the real components; STORY=knock, content, gift, rules, rewards or lists plays one
	$(SETUP) --stage demo
	@$(BIN)/earnest demo $(STORY)

test: ## Run the whole test suite; ARGS="-k stake" goes to pytest
	$(SETUP) --stage test
	@$(BIN)/pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder $(ARGS)

torture: ## Do to the ledger for long what may happen to it; SEED=7 DATABASE=sqlite STEPS=file play a part or again; NODES=2 for two
	$(SETUP) --stage test
	@$(BIN)/python -m tests.torture.long $(if $(SEED),--seed $(SEED)) $(if $(DATABASE),--database $(DATABASE)) \
	    $(if $(STEPS),--steps $(STEPS)) $(if $(NODES),--nodes $(NODES))

check: ## Format, lint, types, arrows, contracts and migrations: what every change must pass
	$(SETUP) --stage check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=line check-contracts check-code
	@echo "check: all is well"

# Two lanes side by side, a core for each: compiling the contracts' tests and playing them takes as long as all the rest.
check-contracts:
	cd contracts/solidity && forge fmt --check
	cd contracts/solidity && forge test $(QUIETLY)
	cd contracts/solidity && forge snapshot --check --no-match-test '^(testFuzz|invariant)' $(QUIETLY)
	cd contracts/solidity && FOUNDRY_PROFILE=gas FORGE_SNAPSHOT_CHECK=true forge test --match-contract GasTest $(QUIETLY)

check-code:
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m contracts.compiler --check
	cd contracts/solidity && FOUNDRY_PROFILE=audit slither .
	$(ON_FRESH_SQLITE) $(BIN)/alembic upgrade head && $(BIN)/alembic check

bench: ## Measure; ONLY=key1,key2 measures a part
	$(SETUP) --stage bench
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

reset: ## Clear the data folder; asks first unless YES=1
	$(SETUP)
	@$(BIN)/earnest reset $(if $(YES),--yes)

migrate: ## Bring the database that the settings name to the newest shape
	$(SETUP)
	@$(BIN)/alembic upgrade head

artifacts: ## Compile the contracts anew into contracts/artifacts
	$(SETUP) --stage check
	@$(BIN)/python -m contracts.compiler

fmt: ## Format the code and mend what can be mended by itself
	$(SETUP)
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .
