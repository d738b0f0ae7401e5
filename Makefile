# make run    serve on http://127.0.0.1:8000 (installs into .venv first)
# make test   the whole suite (installs what it needs first)
# make check  linters, types, import rules, compose and Dockerfile

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
WEB := $(shell find web -type f -not -path "*/node_modules/*" 2>/dev/null)
RECIPE := pyproject.toml constraints.txt hatch_build.py $(WEB)

.PHONY: run test check bench clean system-packages
.DELETE_ON_ERROR:

run: $(VENV)/.installed
	@exec $(BIN)/doumi serve

test: system-packages $(VENV)/.installed-dev
	@DOUMI_DATA=.pytest_cache/d HF_HUB_OFFLINE=1 $(BIN)/doumi prepare
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/hadolint Dockerfile
	PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix web run --silent check
	PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix web run --silent test

# Every bench, half an hour at most; the tables go to bench/results as well.
bench: $(VENV)/.installed-dev
	@test -n "$(DATA)" || { echo "Say where the data sets are (see bench/README.md): make bench DATA=PATH"; exit 2; }
	HF_HUB_OFFLINE=1 $(BIN)/python -m bench --data $(DATA)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Doumi needs Python 3.11 or newer. Say which: make run PYTHON=python3.12"; exit 1; }
	@echo "Making $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python $(RECIPE)
	@echo "Installing (the first time takes some minutes) …"
	@$(PIP) install --quiet --constraint constraints.txt --editable .
	@$(BIN)/doumi prepare
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(PIP) install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

# The browser journey drives a real Chromium, Korean needs a font, and scans are read by Tesseract.
system-packages:
	@{ command -v chromium || command -v google-chrome; } >/dev/null && command -v tesseract >/dev/null \
		|| sh .ci/debian-packages

clean:
	rm -rf $(VENV) service/web web/node_modules
