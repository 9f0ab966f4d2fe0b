# make dashboard   the workbench in the browser (Voila, on this machine only)
# make lab         JupyterLab on the notebooks
# make test        every check and every test, with all that they need
# make setup       .venv alone, for developing; lint, pins, clean: see below
# make peers       the workbench beside its peers, each in its own environment
#
# PYTHON=python3.12 chooses the Python; otherwise the newest that fits is taken.

find_python = $(shell \
	for name in python3.13 python3.12 python3.11 python3 python; do \
	    $$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	        2>/dev/null && { command -v $$name; break; }; \
	done)
PYTHON ?= $(find_python)

bin := .venv/bin
install = $(bin)/uv pip install --quiet --compile-bytecode --python $(bin)/python

.PHONY: dashboard lab test setup lint peers pins clean
.NOTPARALLEL:

dashboard: .venv/run.stamp
	@$(bin)/workbench dashboard

lab: .venv/run.stamp
	@$(bin)/workbench lab

setup: .venv/dev.stamp

# A failed check hides nothing: the checks run beside the tests and are told after them.
test: .venv/dev.stamp
	@CHROMIUM=$$(.ci/browser $(bin)/python) || exit 1; export CHROMIUM; \
	status=0; \
	$(MAKE) --no-print-directory lint > .venv/lint.log 2>&1 & checks=$$!; \
	$(bin)/python -m pytest --numprocesses auto --maxprocesses 4 \
	    --dist loadgroup --no-loadscope-reorder || status=1; \
	wait $$checks || { status=1; cat .venv/lint.log; }; \
	exit $$status

# Ten gigabytes of environments and an hour. make peers ARGS="--only tfmot --models cnn
# --parts files" takes pieces; PEERS_CACHE says where all that lies.
peers: .venv/run.stamp
	@$(bin)/python -m benchmarks.peers $(ARGS)

notebooks = $(wildcard notebooks/*.ipynb)

lint: .venv/dev.stamp
	@status=0; \
	$(bin)/ruff check || status=1; \
	$(bin)/ruff format --check || status=1; \
	$(bin)/pyright || status=1; \
	$(bin)/lint-imports || status=1; \
	$(if $(notebooks),$(bin)/nbstripout --verify --keep-id $(notebooks) || status=1;) \
	exit $$status

# Each stamp is the time at which its requirements were last installed.
.venv/uv.stamp: requirements/build.txt .ci/venv
	@echo "Setting up .venv (the first time takes a minute or two)"
	@.ci/venv .venv "$(PYTHON)"
	@touch $@

.venv/run.stamp: .venv/uv.stamp requirements/run.txt pyproject.toml
	@$(install) --require-hashes --requirement requirements/run.txt
	@$(install) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.stamp: .venv/run.stamp requirements/dev.txt
	@$(install) --require-hashes --requirement requirements/dev.txt
	@touch $@

# Pins follow pyproject.toml; make pins UPGRADE=--upgrade takes newer releases.
compile = $(bin)/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 \
	--fork-strategy fewest --no-emit-index-url --no-annotate \
	--custom-compile-command "make pins" --constraint requirements/limits.in

pins: .venv/uv.stamp
	$(compile) --generate-hashes pyproject.toml --extra dev --group build \
	    --output-file requirements/dev.txt
	$(compile) --generate-hashes --constraint requirements/dev.txt pyproject.toml \
	    --output-file requirements/run.txt
	$(compile) --generate-hashes --constraint requirements/dev.txt --group build \
	    --output-file requirements/build.txt
	$(compile) --constraint requirements/dev.txt pyproject.toml \
	    --output-file requirements/conda.txt
	for peers in benchmarks/peers/requirements/*.in; do \
	    $(compile) --generate-hashes $$peers --output-file $${peers%.in}.txt || exit 1; \
	done

clean:
	rm -rf .venv .hypothesis .import_linter_cache .pytest_cache .ruff_cache build dist \
	    benchmarks/.cache
