# The one list of commands. `make demo` and `make test` set everything up by themselves.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo app test lint check format model clean

demo: $(VENV)/.serve  ## install zhanr (serving only) and classify the demo songs
	$(BIN)/zhanr classify --timeline demo

app: $(VENV)/.app  ## install zhanr with its application, and open that in the browser
	$(BIN)/zhanr app

test: lint  ## install everything and pass the tests
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/.dev  ## bring the code into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) .
	touch $@

$(VENV)/.app: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) ".[app]"
	touch $@ $(VENV)/.serve

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) --editable ".[dev]"
	touch $@ $(VENV)/.serve $(VENV)/.app

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
