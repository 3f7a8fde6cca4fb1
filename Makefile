# make setup [PIP_ARGS="--index-url ..."]   make demo   make test   make test-long   make check   make clean

PYTHON ?= python3.11
PIP_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help setup weights demo test test-long check clean

help:
	@echo "make setup      virtual environment in $(VENV); PIP_ARGS is passed to pip (an index for CUDA or CPU)"
	@echo "make demo       set up, fetch the weights, illustrate the sample talk into out/talk"
	@echo "make test       set up and run the tests"
	@echo "make test-long  kills, soak, fuzz, full grids"
	@echo "make check      lint, types, tests, docs freshness"
	@echo "make clean      remove what the tools left; the environment and out/ stay"

setup: $(STAMP)

# Installed again only when the requirements change; a broken install leaves no stamp.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e ".[dev]"
	touch $@

# Tests that need weights skip with the reason where they cannot be fetched.
weights: setup
	-@$(BIN)/broll models fetch embedded

demo: setup
	@$(BIN)/broll models fetch embedded
	@$(BIN)/broll illustrate data/samples/talk.mp4 --out out
	@echo "Gallery: $(CURDIR)/out/talk/index.html"

test: weights
	$(PYTEST)

test-long: weights
	$(PYTEST) -m long

check: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(MAKE) test

clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info build
	find flows tasks models tests data -name __pycache__ -type d -prune -exec rm -rf {} +
