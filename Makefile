# Everything a newcomer and the gate run. Only Python >= 3.11, pip and make are needed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test check secrets audit format lint types imports docs coverage bench fuzz year kills lock clean

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: install            ## the whole job on the bundled archive, offline
	$(BIN)/thesis demo

test: install            ## every test, with coverage
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder \
	  --cov --cov-report=term

check: install           ## the gate: format, lint, types, imports, docs, secrets, audit, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tests.docs --check
	$(MAKE) secrets audit
	$(MAKE) test

secrets: install         ## no key, token or password in what is committed
	$(BIN)/python -m tests.secrets_scan

audit: install           ## known vulnerabilities of what is pinned, where OSV can be asked
	$(BIN)/python -m tests.audit

format: install          ## write the formatting and the generated parts of the README
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python -m tests.docs

bench: install           ## what must be fast, against what users would pick instead
	$(BIN)/python -m benchmarks

fuzz: install            ## ten minutes of hostile input for each target; another SEED, other input
	THESISWATCH_FUZZ_SECONDS=600 THESISWATCH_FUZZ_SEED=$(or $(SEED),0) \
	  $(BIN)/python -m pytest --no-cov -s tests/fuzz

year: install            ## a year of the daemon's life by a clock of its own
	THESISWATCH_YEAR=365 $(BIN)/python -m pytest --no-cov -s tests/test_year.py

kills: install           ## the daemon, a chat and a run by hand killed two hundred times
	THESIS_DAEMON_KILLS=200 $(BIN)/python -m pytest --no-cov -s tests/test_kill_daemon.py

lock:                    ## pin anew: names, versions and hashes, and nothing of where they came from
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet -o requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .coverage
