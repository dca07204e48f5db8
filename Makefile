# Everything that a person does to this project. `make` alone lists it.
#
# Needs `make`, `python3` (3.11 or newer) and its `venv`; all else is installed from the lock files into .venv.

SHELL  := /bin/bash
PYTHON ?= python3
# Test processes. One more than two cores: some tests wait for a broker or a clock, and leave their core to another.
JOBS   ?= 3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --require-virtualenv
# Check files whose sections are all in force; name others with make check CHECKS="a.yaml b.yaml".
CHECKS ?= $(shell grep -ls '^tests:' docs/examples/*.yaml tests/checks/*.yaml ../shared/checks/*.yaml)

COMPILED_TESTS := tests/compiled tests/checks/test_checks.py tests/golden tests/properties/test_state_machine.py

.DEFAULT_GOAL := help
.PHONY: help install demo test test-quick seeded-bugs check lint types format kafka kafka-stop kafka-test chaos returns compile compiled-test wheel bench golden-update manifests picture lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# -- set-up: a stamp for each lock; a change of lock or pyproject installs again ---------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "pointstream needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>&1). Name another: make PYTHON=python3.12 …" >&2; exit 2; }
	@echo "Creating $(VENV) with $$($(PYTHON) -V)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what pointstream runs on (requirements.lock)"
	@$(PIP) install --quiet --require-hashes -r requirements.lock
	@PYTHONWARNINGS=ignore $(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@echo "Installing what it is tested with (requirements-dev.lock)"
	@$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

install: $(VENV)/.installed-dev ## set up .venv with everything in the lock files

# -- use ---------------------------------------------------------------------------------------------------------------

demo: $(VENV)/.installed ## a till feed, a worker and its ledger in one terminal; ends by itself
	@$(BIN)/pointstream demo $(ARGS)

check: $(VENV)/.installed ## run all check files, which are unit tests for programs
	@$(BIN)/pointstream check $(CHECKS)

kafka: $(VENV)/.installed ## start a real Apache Kafka here (Java 17; Maven fetches it once)
	deploy/kafka/kafka start

kafka-stop: ## stop it
	deploy/kafka/kafka stop

# -- faster, where there is a C compiler: nothing needs this --------------------------------------------------------------

compile: $(VENV)/.installed-dev ## the core compiled to C, in a tree of its own: build/compiled/pointstream (needs gcc, python3-dev)
	@$(BIN)/python deploy/compiled/build.py

wheel: $(VENV)/.installed-dev ## likewise as a wheel in dist/, for an image of one's own
	@$(BIN)/python deploy/compiled/build.py --wheel

# -- test --------------------------------------------------------------------------------------------------------------

test: $(VENV)/.installed-dev ## all tests but the real-Kafka suite and the seeded bugs, lint and types included
	@$(BIN)/python -m pytest -m "not kafka and not seeded" -n $(JOBS) --dist worksteal $(ARGS)

test-quick: $(VENV)/.installed-dev ## likewise without the slow ones
	@$(BIN)/python -m pytest -m "not kafka and not seeded and not slow" -n $(JOBS) --dist worksteal $(ARGS)

seeded-bugs: $(VENV)/.installed-dev ## the tests of the tests: a product that is slightly wrong must be found out
	@$(BIN)/python -m pytest -m seeded -n $(JOBS) --dist worksteal $(ARGS)

kafka-test: $(VENV)/.installed-dev ## the real-Kafka suite: kills, freezes, rebalances, exact counts
	@$(BIN)/python -m pytest -m kafka $(ARGS)

# Sizes and numbers of faults: RECORDS, PROFILES, WORKERS, KILLS, FREEZES, LOSSES, BROKER_RESTARTS, SECONDS; see `python -m tests.chaos --help`.
CHAOS = $(foreach name,RECORDS PROFILES PARTITIONS WORKERS KILLS FREEZES LOSSES BROKER_RESTARTS AHEAD SECONDS,$(if $($(name)),--$(subst _,-,$(name)) $($(name))))
chaos: $(VENV)/.installed-dev ## make chaos SEED=n: three workers killed, frozen and robbed on a real Kafka, and the books afterwards
	@$(BIN)/python -m tests.chaos --seed $(or $(SEED),$$((RANDOM * 32768 + RANDOM))) $(shell echo "$(CHAOS)" | tr A-Z a-z)

returns: $(VENV)/.installed-dev ## a shop's 2,618 real returns under each policy, against an independent reckoning
	@$(BIN)/python -m pytest tests/online_retail/test_returns.py tests/unit/audit -n 0 $(ARGS)

compiled-test: compile ## the compiled core against the sources: check files, golden records, the state machine, byte for byte
	@PYTHONSAFEPATH=1 PYTHONPATH=$(CURDIR)/build/compiled:$(CURDIR) STATE_MACHINE_STEPS=4000 \
	  $(BIN)/python -m pytest -o "pythonpath=build/compiled ." -m "not kafka" -n $(JOBS) --dist worksteal $(COMPILED_TESTS) $(ARGS)

lint: $(VENV)/.installed-dev ## ruff: rules and format
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/.installed-dev ## mypy, strict
	@$(BIN)/mypy

format: $(VENV)/.installed-dev ## let ruff put the code into shape
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: $(VENV)/.installed-dev ## the benchmarks: medians and ratios as a table
	@$(BIN)/python -m benchmarks $(ARGS)

# -- keep in step ------------------------------------------------------------------------------------------------------

golden-update: $(VENV)/.installed-dev ## write the golden records and published schemas anew (then read the diff)
	@$(BIN)/python -m schemas.json_schema > .program.json.new && mv .program.json.new schemas/published/program.json
	@$(BIN)/python -m streams.cli.asyncapi > .asyncapi.json.new && mv .asyncapi.json.new schemas/published/asyncapi.json
	@POINTSTREAM_GOLDEN_UPDATE=1 $(BIN)/python -m pytest -m "not kafka" tests/golden $(ARGS)

manifests: $(VENV)/.installed ## what Strimzi and the Prometheus Operator are to have anew, from the registry of topics and the rules
	@$(BIN)/python deploy/kubernetes/strimzi/generate.py
	@$(BIN)/python deploy/kubernetes/components/prometheus-operator/generate.py

picture: $(VENV)/.installed ## docs/demo.svg from a real run of the demo
	@$(BIN)/pointstream demo --svg docs/demo.svg

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'
lock: ## resolve the lock files anew (needs uv)
	$(LOCK) pyproject.toml --group build --output-file requirements.lock
	$(LOCK) pyproject.toml --group build --group dev --constraint requirements.lock --output-file requirements-dev.lock
	$(LOCK) benchmarks/quix.in --output-file benchmarks/quix.lock

clean: ## remove what was built; keeps .venv
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
