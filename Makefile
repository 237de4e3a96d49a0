# gedanken's commands. `make demo` and `make test` need nothing but Python 3.11 or newer; each makes .venv when it must.
#
#   make demo      train from pixels, plan to goals, write a report   (ARGS="--seed 1" is passed on)
#   make test      the tests
#   make nightly   ten thousand malformed inputs
#   make check     lint, format, types, import order
#   make build     wheel and source archive in dist/
#   make venv      only the environment, with what tests and checks need
#   make peers     another environment, in PEERS, with the library that benchmarks/ measures beside ours (about 8 GB)
#   make clean     remove .venv and what building and testing left; runs/ stays
#
# TORCH_INDEX=<address>  takes torch from that package index (a CPU build where the usual one brings CUDA)
# PYTHON=<command>       makes .venv with that Python
# JOBS=<number>          test processes at once
# PEERS=<folder>         where `make peers` puts its environment, by default .peers

SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
TORCH_INDEX ?=
JOBS ?= 2
PEERS ?= .peers
ARGS ?=
BIN := .venv/bin
INSTALL = "$$python" scripts/install.py $(if $(TORCH_INDEX),--torch-index "$(TORCH_INDEX)")
WITH_PYTHON = python="$(PYTHON)"; test -n "$$python" || { \
	echo "gedanken: no Python 3.11 or newer was found; install one, or name it: make PYTHON=/path/to/python3." >&2; exit 1; }
INPUTS := pyproject.toml constraints.txt scripts/install.py

.PHONY: demo test nightly check build venv peers clean

demo: .venv/installed
	$(BIN)/python -m gedanken demo $(ARGS)

# One thread a process: the processes share the cores, and sums in another order would change seeded results.
test: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) $(ARGS)

nightly: .venv/installed-dev
	GEDANKEN_FUZZ=10000 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) tests/fuzz $(ARGS)

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

build: .venv/installed-dev
	rm -rf dist
	$(BIN)/python -m build

venv: .venv/installed-dev

# An environment of its own: the peer asks for another torch, and its packages are none of ours.
peers: $(PEERS)/installed
	@echo "now: export PEER_PYTHON=$(abspath $(PEERS))/bin/python"

$(PEERS)/installed: benchmarks/peers.txt
	@$(WITH_PYTHON); "$$python" -m venv "$(PEERS)"
	"$(PEERS)/bin/python" -m pip install --disable-pip-version-check --requirement benchmarks/peers.txt
	"$(PEERS)/bin/python" -c "import stable_worldmodel"
	@touch "$@"

clean:
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are written last, so an install that was interrupted starts again.
.venv/installed: $(INPUTS)
	@$(WITH_PYTHON); $(INSTALL)
	@touch $@

.venv/installed-dev: $(INPUTS)
	@$(WITH_PYTHON); $(INSTALL) --dev
	@touch .venv/installed $@
