# make site: the site at 127.0.0.1:8000, then the results on it.   make test: the tests.   make docs: the site, into site/.
PYTHON ?= python3
BIN := .venv/bin
# Processes of the test runs, one more than there are processors, as tests also wait; PROCESSES=0 runs all in one.
PROCESSES ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
PYTEST := $(BIN)/pytest --numprocesses $(PROCESSES) --dist worksteal
# Runs a command as a stage of the time table, which `.ci/run` prints in the end.
STAGE := $(PYTHON) tests/timetable.py run
# The tests start thousands of processes: let Python compile each module once, also where the environment forbids it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: site docs test test-fast checks evidence shipped defects mutation trust builders bench setup lock clean

site: setup
	PYTHONPATH=tools $(BIN)/python -m guide
	$(BIN)/living-spec feed
	@$(BIN)/living-spec serve --address 127.0.0.1:8000 --numprocesses $(PROCESSES) --dist worksteal

docs: evidence
	$(STAGE) site $(BIN)/living-spec pictures
	$(STAGE) site $(BIN)/living-spec feed
	PYTHONPATH=tools $(STAGE) site $(BIN)/python -m guide
	NO_MKDOCS_2_WARNING=1 PYTHONPATH=tools $(STAGE) site $(BIN)/python -m site_builds
	$(STAGE) "tests of the site" $(PYTEST) tests/docs --quiet

# The tests that prove what the pages say and the acceptance run, where their last results do not hold any more; of the
# edition with known bugs only the surfaces that they are on.
evidence: setup
	$(BIN)/living-spec facts || $(STAGE) facts $(PYTEST) -m proves
	$(BIN)/living-spec check || $(STAGE) evidence $(PYTEST) tests/acceptance
	$(BIN)/living-spec check --edition shipped || $(STAGE) "evidence, shipped" $(PYTEST) tests/acceptance --edition shipped \
		$$($(BIN)/living-spec surfaces --edition shipped | sed 's/^/--surface /')

# That in the edition with known bugs exactly the open issues fail, on every surface.
shipped: setup
	$(PYTEST) tests/acceptance --edition shipped

test: checks
	$(STAGE) tests $(PYTEST)

# The unit tests, and every scenario on the fastest of its surfaces. Leaves the evidence of the site alone.
test-fast: setup
	$(PYTEST) tests/unit tests/acceptance --one-surface --evidence build/fast --quiet

checks: setup
	$(STAGE) checks $(BIN)/ruff check .
	$(STAGE) checks $(BIN)/ruff format --check .
	$(STAGE) checks $(BIN)/mypy
	$(STAGE) checks $(BIN)/lint-imports
	PYTHONPATH=tools $(STAGE) checks $(BIN)/python -m guide.values
	$(STAGE) checks $(BIN)/living-spec lint
	$(STAGE) checks $(BIN)/python tools/words.py
	PYTHONPATH=tools $(STAGE) checks $(BIN)/python tools/names.py

# Would the spec notice? A defect at a time, on the scenarios of its rule; takes about half an hour.
defects: setup
	cd tests && ../$(BIN)/python -m defects.run $(DEFECTS)

# Would it notice any small change? A sample of them on the scenarios over the API; takes half an hour, and can go on later.
mutation: setup
	$(PYTHON) -m venv build/mutation/venv
	build/mutation/venv/bin/python -m pip install --quiet cosmic-ray==8.7.0
	build/mutation/venv/bin/python tools/mutation.py

# The same pages, built by ProperDocs and by Zensical, compared with the site.
builders: docs
	$(PYTHON) -m venv build/builders/venv
	build/builders/venv/bin/python -m pip install --quiet properdocs==1.6.7 zensical==0.0.73
	PYTHONPATH=src:$(wildcard .venv/lib/python3*/site-packages) build/builders/venv/bin/python tools/builders.py

setup: .venv/ready .venv/browser .venv/nginx .venv/faketime

# The browser of the web UI's tests: found, downloaded or installed; says which. BROWSER=no does without one.
.venv/browser: .venv/ready tests/browser.py tests/debian.py
	$(BIN)/python tests/browser.py
	@[ "$(BROWSER)" = no ] || touch $@

# The proxy that servers stand behind in the tests; the same way.
.venv/nginx: .venv/ready tests/nginx.py tests/debian.py
	$(BIN)/python tests/nginx.py
	@touch $@

# The library that steps the clock of a process in the tests; the same way.
.venv/faketime: .venv/ready tests/faketime.py tests/debian.py
	$(BIN)/python tests/faketime.py
	@touch $@

.venv/ready: requirements.lock pyproject.toml tools/install.py
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python tools/install.py
	@touch $@

# Attacks with the long budget; writes their figures for the page "How it is tested". Can be interrupted and go on later.
trust: setup
	cd tests && PYTHONPATH=.:../tools ../$(BIN)/python -m trust $(ATTACKS) $(if $(BUDGET),--budget $(BUDGET)) $(if $(SEED),--seed $(SEED)) $(if $(PLANTED),--planted)

# Speed, as ratios to peers; wants a quiet machine, restic and borg. ROWS="create" measures some rows only.
bench: setup
	$(BIN)/python tests/benchmarks/run.py $(ROWS)

# Hashes only: a lock that names download addresses does not belong here.
lock: setup
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 \
		--group setup --group test --group docs --group checks \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --output-file requirements.lock --quiet

clean:
	rm -rf .venv build site
