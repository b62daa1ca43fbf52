# `make app` and `make test` are all that a newcomer needs; both prepare .venv first.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help setup app test lint format demos frontend clean distclean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PORT ?= 8501
WORKERS ?= 2

help:  ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

setup: $(STAMP)  ## make .venv with Python 3.11 or newer and install exactly what requirements.txt says

$(STAMP): requirements.txt pyproject.toml
	@if [ ! -x $(BIN)/python ]; then \
	  for python in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 python; do \
	    if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	      echo "Making $(VENV) with $$("$$python" --version)"; "$$python" -m venv $(VENV); break; \
	    fi; \
	  done; \
	  if [ ! -x $(BIN)/python ]; then \
	    echo "VirtualCell needs Python 3.11 or newer with venv and pip, and none was found." >&2; \
	    echo "What to do: install it (Debian, Ubuntu: apt-get install python3 python3-venv; Mac: brew install python@3.12)" >&2; \
	    echo "or name one: make setup PYTHON=/path/to/python3" >&2; \
	    exit 1; \
	  fi; \
	fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

app: setup  ## open the app on http://localhost:8501
	$(BIN)/python -m streamlit run app.py --server.port $(PORT) --server.address localhost --server.showEmailPrompt false \
	  --browser.gatherUsageStats false

test: setup  ## run all tests on two cores
	@start=$$SECONDS; status=0; \
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --durations 10 $(ARGS) || status=$$?; \
	echo "make test took $$(( (SECONDS - start) / 60 )) min $$(( (SECONDS - start) % 60 )) s"; exit $$status

lint: setup  ## style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup  ## put the code into the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

demos: setup  ## train the demo models again from the data in assets/data, then measure them on held-out cells
	$(BIN)/python -m virtualcell.demo
	$(BIN)/python -m virtualcell.generative.images_train
	for demo in a549 larry; do $(BIN)/python -m benchmarks.heldout_time --demo $$demo --out assets/models/$$demo/report.json; done
	for demo in simulated switch; do $(BIN)/python -m benchmarks.heldout_time --demo $$demo --seeds 0 1 --out assets/models/$$demo/report.json; done
	for demo in kang norman; do $(BIN)/python -m benchmarks.perturbation --parts $$demo --out assets/models/$$demo/report.json; done

frontend:  ## build the map in the browser again from frontend/scatter (needs Node 20 or newer)
	cd frontend/scatter && npm ci && npm run build

clean:  ## remove caches and build outputs
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean  ## remove .venv as well
	rm -rf $(VENV)
