# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
#
# Needs make and Python 3.10 or newer, nothing else; everything is installed into .venv.

PYTHON ?= python3
VENV ?= .venv
# More arguments for pip, for example an index with another build of torch: make venv PIP_ARGS="--index-url ..."
PIP_ARGS ?=
# More arguments for pytest, for example: make test PYTEST_ARGS="-k gate"
PYTEST_ARGS ?=
# A folder of posed images for the demo; without it the demo renders its own world.
DATA ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help venv demo test lint format clean

help:  ## show this help
	@echo 'usage: make TARGET [VARIABLE=value]'
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo 'variables: PYTHON ($(PYTHON)), VENV ($(VENV)), PIP_ARGS, PYTEST_ARGS, DATA (posed images for make demo)'

venv: $(STAMP)  ## install everything into .venv

$(STAMP): setup.py pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "neumap_ros needs Python 3.10 or newer, found $$($(PYTHON) --version 2>&1); run make PYTHON=python3.11" >&2; exit 1; }
	@# Debian ships Python without ensurepip; there a pip outside can fill an environment that has none.
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) >/dev/null 2>&1 \
	  || { $(PYTHON) -m venv --clear --without-pip $(VENV) && $(PYTHON) -m pip -q --python $(BIN)/python install pip; } \
	  || { echo 'cannot create $(VENV): the Python module venv is incomplete; on Debian and Ubuntu run: apt install python3-venv' >&2; exit 1; }
	@echo 'installing neumap_ros and what it needs into $(VENV), the first time this takes some minutes'
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[test,demo]' -c constraints.txt $(PIP_ARGS)
	@touch $@

demo: $(STAMP)  ## build a map and localize in it, start to finish
	$(BIN)/python -m neumap_ros.demo $(if $(DATA),--data '$(DATA)')

lint: $(STAMP)  ## check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

test: lint  ## check style and types, then run all tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

format: $(STAMP)  ## repair style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:  ## remove .venv and everything built
	rm -rf $(VENV) build dist demo_output *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
