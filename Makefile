# Set-up, checks and the demo, for a machine that has Python 3.11 or newer (with venv) and make. Works with GNU make from
# 3.81 on (macOS) and with BSD make.
#
# The virtual environment is filled from hash-pinned lock files, by uv if it is on the PATH and by pip otherwise. Two
# stamp files inside it say what it holds: `.runtime` (enough to run) and `.dev` (enough to check, which includes it).

VENV = .venv
BIN = $(VENV)/bin
# The Python to make the environment with; empty: the newest one that is found.
PYTHON =
# More arguments for pytest, such as PYTEST_ARGS='-k embedded'.
PYTEST_ARGS =
# Test processes: one per core, but no more than this many.
TEST_PROCESSES_MAX = 4

# Examples that each fuzzer looks at in `make fuzz`, and the seconds after which one that has not ended yet fails.
EXAMPLES = 2000
SECONDS = 1800
# Seeds that `make sim` plays; SEED: one alone, with everything that happened in it.
SEEDS = 200
SEED =
# Crash points that are looked at in `make crashpoints`: all, or those of the effect with one number.
POINTS = all

# Minutes of `make chaos` and `make drift`, the seed that decides what happens (empty: another one each time), and a
# file for the figures.
MINUTES = 5
REPORT = build/$@.json

# Rows of the list that `make rows` sends through everything; ten million take some 20 GB of disk.
ROWS = 10000000

# The one mutation of `make mutations` that is tried, and the one benchmark of `make bench` that is run; empty: all.
ONLY =

.PHONY: help demo up test alerts observability fuzz sim crashpoints mutations chaos drift rows bench setup setup-dev format check-format lint types tests golden lock clean
.NOTPARALLEL:

help:
	@echo 'make demo     start everything on this machine and watch sample lists travel through it'
	@echo 'make up       run the processes with the settings of the environment (bulkverify up)'
	@echo 'make test     everything that must hold: formatting, lint, types, tests'
	@echo 'make format   format the code and fix what can be fixed'
	@echo 'make lint     ruff: formatting and rules'
	@echo 'make types    mypy, strict'
	@echo 'make tests    pytest; PYTEST_ARGS holds further arguments'
	@echo 'make alerts   when each alert fires and ends: by promtool, and with a real Prometheus on an installation'
	@echo 'make observability  the demo under a real Prometheus: targets, an alert that fires and ends, and a'
	@echo '              picture of each dashboard in build/dashboards'
	@echo 'make fuzz     the fuzzers for longer: EXAMPLES=2000 are looked at by each; one that has'
	@echo '              not ended after SECONDS=1800 fails, so more examples may need more seconds'
	@echo 'make sim      seeded simulations of several workers under faults, on all cores; SEEDS=1200 is the'
	@echo '              full run; SEED=123 plays one seed and tells everything that happens in it'
	@echo 'make crashpoints  a crash before and after each single effect, and each reply lost, in every'
	@echo '              scenario; POINTS=137 looks at that effect alone and shows its logs'
	@echo 'make mutations  one rule of the program broken at a time, and whether the tests named for it fail;'
	@echo '              ONLY=NAME breaks that one alone'
	@echo 'make chaos    faults at random moments for MINUTES=5: see docs/faults.md; SEED=N strikes with the same'
	@echo '              faults again, REPORT=FILE gets the figures'
	@echo 'make drift    differences between here and the providers, caused at random moments for MINUTES=5, each'
	@echo '              to be found and to come to its end; SEED and REPORT as above'
	@echo 'make rows     one list of ROWS=10000000 rows through everything, and each row of its result compared'
	@echo 'make bench    measure calls, lag, memory, throughput, recovery and rows anew for docs/performance.md;'
	@echo '              ONLY=NAME measures that one alone'
	@echo 'make golden   samples of all that is stored, once for each schema version; see tests/builders/golden.py'
	@echo 'make setup    the environment to run in, in $(VENV); make setup-dev: to develop in'
	@echo 'make lock     pin the newest allowed versions in the lock files (needs uv)'
	@echo 'make clean    remove the environment and everything that tools have left'
	@echo
	@echo 'PYTHON=python3.12 chooses the Python of the environment.'

demo: setup
	@$(BIN)/bulkverify demo

up: setup
	@$(BIN)/bulkverify up

test: lint types tests

lint: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup-dev
	$(BIN)/mypy

tests: setup-dev
	$(BIN)/pytest -n auto --maxprocesses $(TEST_PROCESSES_MAX) $(PYTEST_ARGS)

# Rules, alerts and the files they are in; part of `make tests` too.
alerts: setup-dev
	$(BIN)/pytest -n auto --maxprocesses $(TEST_PROCESSES_MAX) tests/unit/test_alerts.py tests/unit/test_alert_files.py \
	  tests/unit/test_recorded_series.py tests/unit/test_alert_proofs.py \
	  tests/acceptance/test_alerts.py tests/acceptance/test_alert_near_misses.py $(PYTEST_ARGS)

# What an operator sees, on this machine alone; docs/dashboards.md has pictures of it.
observability: setup-dev
	@$(BIN)/python -m tests.builders.dashboards.observability

# The fuzzers alone, for longer, with other examples each time; `make tests` has a few of theirs.
fuzz: setup-dev
	FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -n auto --maxprocesses $(TEST_PROCESSES_MAX) --timeout $(SECONDS) \
	  tests/*/test_fuzz_*.py $(PYTEST_ARGS)

# Many seeds; `make tests` has a few of them.
sim: setup-dev
	@$(BIN)/python -m tests.builders.simulation.command --seeds $(SEEDS) $(if $(SEED),--seed $(SEED))

# A crash at every point of every scenario; `make tests` has a share of them.
crashpoints: setup-dev
	CRASH_POINTS=$(POINTS) $(BIN)/pytest -n auto --maxprocesses $(TEST_PROCESSES_MAX) --timeout $(SECONDS) \
	  tests/simulation/test_crash_points.py $(PYTEST_ARGS)

# One rule broken at a time, in a copy of the program.
mutations: setup-dev
	@$(BIN)/python -m tests.builders.mutations.run $(ONLY:%=--only %)

# Real processes, Redis and disk, and every fault of docs/faults.md, again and again.
chaos: setup-dev
	@$(BIN)/python -m tests.builders.chaos.run --minutes $(MINUTES) $(SEED:%=--seed %) --report $(REPORT)

# Drift under a real installation, class by class, until every finding has come to its end.
drift: setup-dev
	@$(BIN)/python -m tests.builders.injection.run --minutes $(MINUTES) $(SEED:%=--seed %) --report $(REPORT)

# One long list from end to end, each row compared; `make tests` has a short one.
rows: setup-dev
	@$(BIN)/python -m tests.builders.rows.run --rows $(ROWS)

# Every benchmark, one after the other; best with nothing else to do for the machine.
bench: setup-dev
	@$(BIN)/python -m tests.benchmarks.run $(ONLY:%=--only %)

golden: setup-dev
	@$(BIN)/python -m tests.builders.golden

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: $(VENV)/.runtime

setup-dev: $(VENV)/.dev

$(VENV)/.runtime: $(BIN)/python requirements.lock pyproject.toml
	@lock=requirements.lock; $(INSTALL)
	@touch $(VENV)/.runtime

# The runtime stamp is renewed too, so that a demo after the tests has nothing to do.
$(VENV)/.dev: $(BIN)/python requirements-dev.lock requirements.lock pyproject.toml
	@lock=requirements-dev.lock; $(INSTALL)
	@touch $(VENV)/.runtime $(VENV)/.dev

# Installs $lock, then the project itself as it lies here, so that its command works; fetches nothing without a hash.
INSTALL = set -e; \
	echo "Installing $$lock into $(VENV) …"; \
	if command -v uv >/dev/null 2>&1; then \
	  VIRTUAL_ENV=$(VENV) uv pip install --quiet --require-hashes -r $$lock; \
	  VIRTUAL_ENV=$(VENV) uv pip install --quiet --no-index --no-deps --no-build-isolation -e .; \
	else \
	  $(BIN)/python -c 'import pip' 2>/dev/null || $(BIN)/python -m ensurepip >/dev/null; \
	  pip="$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-input"; \
	  $$pip --require-hashes -r $$lock; \
	  $$pip --no-index --no-deps --no-build-isolation -e .; \
	fi

$(BIN)/python:
	@candidates="$(PYTHON)"; \
	found=; \
	for candidate in $${candidates:-python3.14 python3.13 python3.12 python3.11 python3}; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "No Python of version 3.11 or newer found (looked for: $${candidates:-python3.14 to python3.11, python3})." >&2; \
	  echo "Install one (Debian: apt-get install python3 python3-venv; macOS: brew install python), or name it: make PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi; \
	if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --clear --python "$$found" $(VENV); \
	elif "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	  "$$found" -m venv --clear $(VENV); \
	else \
	  echo "$$found cannot make virtual environments. Debian: apt-get install $$("$$found" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" >&2; \
	  exit 1; \
	fi

lock:
	@command -v uv >/dev/null 2>&1 || { echo 'make lock needs uv on the PATH.' >&2; exit 1; }
	$(COMPILE) --upgrade --extra embedded --extra build pyproject.toml -o requirements.lock
	$(COMPILE) --upgrade --extra embedded --extra build --extra otel --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

# No header and no index: the files name packages, versions and hashes, and nothing about the machine that made them.
COMPILE = uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11

clean:
	rm -rf $(VENV) .demo build dist .mypy_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
