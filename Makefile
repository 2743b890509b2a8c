# The commands of the house. Each makes its own set-up in .venv first, and none touches the system.
#
#   make demo      fifty orders through a saga, one of whose services is killed on the way
#   make test      all tests; those that start servers come last
#   make check     format, lint, import rules, types
#   make format    put the code into the house's format
#   make errors    write docs/errors.md from the code
#   make lock      pin the dependencies again (LOCK_FLAGS=--upgrade for newer ones)
#
# Needed: make, and Python 3.11 or newer with venv. uv is used where it is on the PATH.
# PYTHON=/path/to/python chooses the interpreter; PYTEST_FLAGS="-x -q" go to pytest.

.DEFAULT_GOAL := help
.PHONY: help demo test check format errors lock

BIN := .venv/bin
COMPILE := pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(LOCK_FLAGS)

help:
	@sed -n 's/^#   make/make/p' Makefile

demo: .venv/.ready
	@$(BIN)/penstock demo

# Three runs, because pytest-randomly shuffles within one: a slip in a core is told before a server starts.
# The first needs no server. The second has what needs a Kafka on the embedded broker, except the command
# line, which one broker is enough for; the third all of it on Apache Kafka, with a Docker engine and its
# images, where there is a way to them (.ci/docker): three files at a time, for they mostly wait, and then
# what is killed, with the machine for itself.
test: .venv/.ready
	$(BIN)/python -m pytest --numprocesses=logical --dist=worksteal $(PYTEST_FLAGS) -m "not served" tests
	PENSTOCK_TEST_KAFKA=embedded $(BIN)/python -m pytest --numprocesses=3 --dist=load --maxschedchunk=1 \
		$(PYTEST_FLAGS) -m "kafka and not commands" tests/integration tests/faults
	.ci/docker sh -c '\
		$(BIN)/python -m pytest --numprocesses=3 --dist=loadfile --no-loadscope-reorder \
			$(PYTEST_FLAGS) -m served \
			tests/conformance tests/integration && \
		$(BIN)/python -m pytest $(PYTEST_FLAGS) -m served tests/faults'

check: .venv/.ready
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/mypy

format: .venv/.ready
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

errors: .venv/.ready
	$(BIN)/python -m tests.repository.errors_table docs/errors.md

# The second lock holds the first to its versions, so that what is tested is what is shipped.
lock:
	@uv=$$(command -v uv) || { \
		python=$$(.ci/python) && "$$python" -m venv .cache/uv && \
		.cache/uv/bin/python -m pip install --quiet --disable-pip-version-check uv && \
		uv=.cache/uv/bin/uv; \
	} && \
	"$$uv" $(COMPILE) pyproject.toml --output-file requirements.lock && \
	"$$uv" $(COMPILE) pyproject.toml --output-file requirements-dev.lock \
		--extra dev --extra testing --group dev --constraints requirements.lock

# Two stamps: a change of pyproject.toml costs a second, a change of the lock begins anew, so that
# nothing is left over from before.
.venv/.locked: requirements-dev.lock
	@python=$$(.ci/python) && rm -rf .venv && \
	if command -v uv >/dev/null; then \
		echo "Setting up .venv with uv and $$python" && \
		uv venv --quiet --python "$$python" .venv && \
		uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock; \
	else \
		echo "Setting up .venv with pip and $$python; a minute or so, this once" && \
		"$$python" -m venv .venv && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock; \
	fi && touch $@

# Without build isolation nothing is fetched: setuptools is in the lock.
.venv/.ready: .venv/.locked pyproject.toml
	@if [ -x $(BIN)/pip ]; then \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .; \
	else \
		uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .; \
	fi && touch $@
