# Each target is one line of a real tool; 'forecaster --help' has the rest.
# Needs Python 3.11, make and git; everything else is installed into .venv.

IS_311 := -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'
PYTHON ?= $(shell for p in python3.11 python3 python; do $$p $(IS_311) 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
CODE := orchestration forecasting_lib tests setup.py

.DEFAULT_GOAL := help
.PHONY: help setup demo up down test bars coverage lint format lock migration bench bench-full bench-check evaluate-model benchmark-m5 benchmark-service clean

help:  ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(INSTALLED)  ## virtual environment with the pinned dependencies

$(INSTALLED): pyproject.toml constraints.txt
	@"$(PYTHON)" $(IS_311) 2>/dev/null \
		|| { echo "Python 3.11 is needed; name it with: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on -c constraints.txt -e '.[dev,s3,sftp,zoo]'
	@touch $@

demo: setup  ## two demo clients from files to forecasts, orders and scores
	$(BIN)/forecaster demo

up: setup  ## the planner's page on http://127.0.0.1:8000/planner, the Dagster UI on http://127.0.0.1:3000
	$(BIN)/forecaster up

down: setup  ## stop the UI and the embedded PostgreSQL
	$(BIN)/forecaster down

test: setup  ## the tests, each process on a PostgreSQL of its own
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

bars: setup  ## the long tests that 'make test' leaves out
	$(BIN)/python -m pytest -m slow

coverage: setup  ## the tests, and the share of the code that they run
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --cov --cov-report term

lint: setup  ## style and types
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/sqlfluff lint dbt_project

format: setup  ## bring the code into shape
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)
	$(BIN)/sqlfluff fix dbt_project

lock: setup  ## constraints.txt anew from pyproject.toml: make lock OPTIONS='--upgrade-package polars'
	CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/pip-compile --quiet --output-file constraints.txt $(OPTIONS) pyproject.toml
	sed -i 's/^\(torch==[^+]*\)+.*/\1/' constraints.txt  # whether for a GPU or not is the machine's choice
	$(BIN)/pip-compile --quiet --no-annotate --no-header --extra ray --extra k8s --constraint constraints.txt \
		--output-file deploy/constraints.all pyproject.toml
	grep --invert-match --line-regexp --fixed-strings --file constraints.txt deploy/constraints.all \
		| grep --invert-match '^torch==' > deploy/constraints.txt
	rm deploy/constraints.all

migration: setup  ## the tables' difference as a migration: make migration MESSAGE="Returns have a reason"
	$(BIN)/python -m orchestration.warehouse.new_migration "$(MESSAGE)"

FIGURES ?= .local/bench.json
FULL_M5 ?= .local/m5_full
MEASURE = $(BIN)/python -m tests.bench --json $(FIGURES)

bench: setup  ## each stage beside the least the same work can cost, measured in the same run; figures as JSON, too
	@mkdir -p $(dir $(FIGURES))
	$(MEASURE) forecast
	$(MEASURE) landing
	$(MEASURE) demand
	$(MEASURE) forecasts
	$(MEASURE) inventory
	$(MEASURE) scoring
	$(MEASURE) retention
	$(MEASURE) stages
	$(MEASURE) large-model
	$(MEASURE) serving
	$(MEASURE) neighbours
	$(MEASURE) small-clients
	$(MEASURE) night

bench-full: setup  ## the same on a generated M5 of full size, 59 million rows: hours
	@mkdir -p $(dir $(FIGURES))
	test -d $(FULL_M5) || $(BIN)/forecaster generate m5 $(FULL_M5) --series 30490 --days 1941
	$(MEASURE) landing --data $(FULL_M5) --rounds 1 --lines 0
	$(MEASURE) demand --data $(FULL_M5) --rounds 1
	$(MEASURE) forecasts --data $(FULL_M5) --rounds 1
	$(MEASURE) inventory --data $(FULL_M5) --rounds 1

bench-check: setup  ## a minute of small sizes; fails where a stage takes twice what is usual
	$(BIN)/python -m tests.bench check

evaluate-model: setup  ## the model beside its baselines on M5-format files: make evaluate-model DATA=m5/
	$(BIN)/forecaster model evaluate --data $(DATA)

benchmark-m5: setup  ## the models by the measures of the M5 competitions: make benchmark-m5 M5_DIR=m5/
	$(BIN)/forecaster model benchmark-m5 --data $(M5_DIR) $(OPTIONS)

benchmark-service: setup  ## whether reorder points keep the service they promise: make benchmark-service M5_DIR=m5/
	$(BIN)/forecaster model benchmark-service --data $(M5_DIR) $(OPTIONS)

clean:  ## remove the environment and the caches; data and databases stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage build
