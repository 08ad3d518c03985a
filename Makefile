# make site: everything, then the site at 127.0.0.1:8000.  make test: the tests.  make docs: the site, into site/.
PYTHON ?= python3
BIN := .venv/bin
# The acceptance run takes all cores; PROCESSES=0 keeps it in one process.
PROCESSES ?= auto

.PHONY: setup lock
setup: .venv/ready

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# Needs uv. Hashes only: a lock that names download addresses does not belong here.
lock:
	uv pip compile pyproject.toml --universal --python-version 3.11 --group test --group docs --group checks \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --output-file requirements.lock --quiet
