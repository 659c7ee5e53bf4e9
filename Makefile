# make demo   an exchange inside the package: no account, no key, no network
# make test   everything, on both engines
# make peers  other projects' clients, as they are, against that exchange; needs a package index; ARGS="--only ccxt"
# make bench  how fast it is on this machine, against a floor in C; ARGS="engine memory" for some of it, ARGS="--json FILE"
# make bench-peers  the same work by other libraries, beside ours; needs a package index
# make fuzz   the native engine's fuzzers, a minute of each; make bench-guard: its instructions against their budgets
# make docs   docs/venues.md, what venues can do, from their declarations; docs/checklist.md, from its tests
# make build | lint | types | rust-lint | clean
# Set-up happens by itself, once: an environment in .venv, logs in .build. Nothing outside of this folder is changed.

VENV  := .venv
BIN   := $(VENV)/bin
LOGS  := .build
STEP  := .ci/step
# On two cores: tests over sockets wait for more than half of their time.
JOBS  ?= 4
ARGS  ?=

# The first interpreter that starts and is new enough (a version manager's shim may exist and not start).
PYTHON ?= $(shell for name in python3.11 python3 python3.12 python3.13; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)

MAKEFLAGS += --no-print-directory
# Two steps at once: most of them keep one core busy, or wait for an index. A make that was started by one has its jobs.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += --jobs=2
endif
# Bytecode is kept: without it each worker and each of the tests' processes compiles the package anew.
unexport PYTHONPATH PYTHONHOME PYTHONWARNINGS PYTHONDONTWRITEBYTECODE VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# A cargo that came, went or changed means building again.
CARGO := $(shell mkdir -p $(LOGS); have=$$(cargo --version 2>/dev/null || echo none); \
	[ "$$(cat $(LOGS)/cargo 2>/dev/null)" = "$$have" ] || echo "$$have" >$(LOGS)/cargo; cat $(LOGS)/cargo)
PROJECT = $(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]
RUST  := $(shell find rust -name target -prune -o -name fuzz -prune -o -name examples -prune -o -type f \
	\( -name '*.rs' -o -name '*.toml' -o -name Cargo.lock \) -print 2>/dev/null)

.PHONY: help demo test peers bench bench-peers bench-guard fuzz docs build dev lint types mypy basedpyright rust-lint clean
.DELETE_ON_ERROR:

help:
	@sed -n '1,8s/^# //p' Makefile

demo: build
	@$(BIN)/python -m tidebook demo $(ARGS)

test: dev lint types rust-lint
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal $(ARGS)

# Other projects' clients, each in its own environment at the versions of its file; the report is all that is printed.
PEERS := $(patsubst tests/peers/requirements/%.txt,$(LOGS)/peers/%/.made,$(wildcard tests/peers/requirements/*.txt))

# One that cannot be installed is told of in the report, and the others are run.
peers: dev
	@$(MAKE) --keep-going $(PEERS) || true
	@$(BIN)/python -m tests.peers $(ARGS)

# No figure fails it; a contender that does not do the work does.
bench: build
	@$(BIN)/python -m benchmarks $(ARGS)

# The same work by other libraries, at the versions of a file of ours; nothing of it leaves the loopback interface.
bench-peers: build $(LOGS)/peers-bench/.made
	@$(BIN)/python -m benchmarks peers peers-path peers-memory $(ARGS)

# Stable Rust is enough; rust/README.md has the sanitized ways.
fuzz:
	@cargo run --quiet --release --manifest-path rust/fuzz/Cargo.toml --bin fuzz -- \
		$(or $(ARGS),all --seconds 180 --corpus tests/venues)

# Skipped, with the reason, where there is no cargo or no valgrind. It builds where the package is built: after that.
bench-guard: build
	@$(BIN)/python benchmarks/guard.py $(ARGS)

# A test compares it with what it would be now.
docs: build
	@$(BIN)/python -m tests.conformance.page --write
	@$(BIN)/python -m tests.checklist.page --write

# ---- set-up

$(LOGS)/cargo:
	@mkdir -p $(LOGS) && echo '$(CARGO)' >$@

$(VENV)/.environment:
	@[ -n "$(PYTHON)" ] || { echo 'Tidebook needs Python 3.11 or newer; none was found. Name one: make PYTHON=…' >&2; exit 1; }
	@$(STEP) $(LOGS)/environment.log 'environment ($(PYTHON))' .ci/environment $(PYTHON) $(VENV)
	@$(STEP) $(LOGS)/backend.log 'build tools' $(BIN)/python -m pip install 'setuptools>=77' 'setuptools-rust>=1.13'
	@touch $@

# An engine left over from an earlier build must not outlive its source. What the package needs comes beside it.
$(VENV)/.package: $(VENV)/.environment pyproject.toml $(LOGS)/cargo $(RUST)
	@rm -f src/tidebook/engine/_native*.so
	@$(STEP) $(LOGS)/package.log 'tidebook' $(BIN)/python -m pip install -v --no-build-isolation --no-deps -e .
	@.ci/native $(LOGS)/package.log
	@touch $@

# Two that install others' packages must not do so at once.
$(VENV)/.needs: $(VENV)/.environment pyproject.toml
	@$(PROJECT)["dependencies"], sep="\n")' >$(LOGS)/needs.txt
	@$(STEP) $(LOGS)/needs.log 'what it needs' $(BIN)/python -m pip install -r $(LOGS)/needs.txt
	@touch $@

$(VENV)/.checks: $(VENV)/.needs pyproject.toml
	@$(PROJECT)["optional-dependencies"]["dev"], sep="\n")' >$(LOGS)/dev.txt
	@$(STEP) $(LOGS)/checks.log 'test tools' $(BIN)/python -m pip install -r $(LOGS)/dev.txt
	@touch $@

$(LOGS)/peers/%/.made: tests/peers/requirements/%.txt
	@mkdir -p $(LOGS)/peers
	@$(STEP) $(LOGS)/peers/$*.log 'environment of $*' .ci/environment $(PYTHON) $(LOGS)/peers/$*
	@$(STEP) $(LOGS)/peers/$*.log '$*' $(LOGS)/peers/$*/bin/python -m pip install --no-deps -r $<
	@touch $@

$(LOGS)/peers-bench/.made: benchmarks/peers/requirements.txt
	@$(STEP) $(LOGS)/peers-bench.log 'environment of the other libraries' .ci/environment $(PYTHON) $(LOGS)/peers-bench
	@$(STEP) $(LOGS)/peers-bench.log 'the other libraries' $(LOGS)/peers-bench/bin/python -m pip install --no-deps -r $<
	@touch $@

build: $(VENV)/.needs $(VENV)/.package

dev: build $(VENV)/.checks

# ---- checks

lint: $(VENV)/.checks
	@$(STEP) $(LOGS)/ruff.log 'ruff check' $(BIN)/ruff check --output-format concise
	@$(STEP) $(LOGS)/format.log 'ruff format --check' $(BIN)/ruff format --check

types: mypy basedpyright

mypy: dev
	@$(STEP) $(LOGS)/mypy.log 'mypy' $(BIN)/python -m mypy

basedpyright: dev
	@$(STEP) $(LOGS)/basedpyright.log 'basedpyright' $(BIN)/basedpyright --pythonpath $(BIN)/python

# As the package's build has it, so that clippy compiles none of what that has compiled.
AS_BUILT := --release --features pyo3/extension-module

# Needs the crates that the build has fetched: without a native engine there is nothing to check.
rust-lint: build
	@.ci/native $(LOGS)/package.log --strict
	@if [ -f rust/Cargo.toml ] && cargo fmt --version >/dev/null 2>&1; then \
		$(STEP) $(LOGS)/rustfmt.log 'cargo fmt --check' cargo fmt --check --manifest-path rust/Cargo.toml && \
		$(STEP) $(LOGS)/rustfmt-fuzz.log 'cargo fmt --check, fuzzers' cargo fmt --check --manifest-path rust/fuzz/Cargo.toml; fi
	@if ls src/tidebook/engine/_native*.so >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1; then \
		$(STEP) $(LOGS)/clippy.log 'cargo clippy' cargo clippy --quiet $(AS_BUILT) --manifest-path rust/Cargo.toml -- -D warnings; fi

clean:
	@rm -rf $(VENV) $(LOGS) build dist rust/target rust/fuzz/target src/*.egg-info src/tidebook/engine/_native*.so \
		.mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
