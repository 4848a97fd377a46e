# Everything installs into .venv; nothing else on the machine is touched.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: install demo test lint lock clean

BIN := .venv/bin
STAMP := .venv/.installed
FITS := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))

# What a user's shell may say to pip about other projects must not decide where this one lands.
PIP := env -u PYTHONPATH -u PYTHONHOME -u PIP_USER -u PIP_TARGET -u PIP_PREFIX -u PIP_ROOT \
	-u PIP_CONSTRAINT -u PIP_REQUIREMENT -u PIP_NO_BINARY -u PIP_DRY_RUN \
	$(BIN)/python -m pip --disable-pip-version-check

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@if ! [ -x $(BIN)/python ] || ! $(BIN)/python -c '$(FITS)' 2>/dev/null; then \
		found=; \
		for python in $${PYTHON:-python3.11 python3.12 python3}; do \
			if "$$python" -c '$(FITS)' >/dev/null 2>&1; then found=$$python; break; fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo "make: no Python 3.11 or 3.12 with venv found: install one" \
				"(Debian: python3.11-venv) or name it with PYTHON=/path/to/python" >&2; \
			exit 1; \
		fi; \
		echo "Making .venv with $$found"; \
		"$$found" -m venv --clear .venv; \
	fi
	@echo "Installing the locked packages into .venv (a minute or two the first time)"
	@# 30,000 files need not all be compiled: the first use of each does that, here for the slowest.
	@$(PIP) install -qq --no-compile --require-hashes -r requirements.lock
	@$(PIP) install -qq --no-deps --no-build-isolation --no-index -e .
	@ENABLE_UI=false TRANSFORMERS_VERBOSITY=error $(BIN)/python -c 'import genai_bench.cli.cli'
	@touch $@

demo: $(STAMP)
	@$(BIN)/autotuner-tui demo

test: $(STAMP)
	@$(BIN)/python -m pytest -n 3

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# The lock is written anew with uv, for both Python versions and any Linux machine.
lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-emit-index-url \
		--no-emit-find-links --output-file requirements.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		build dist *.egg-info
