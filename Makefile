.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with everything in it

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing torch (the largest part) ..."
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt torch==2.13.0
	@echo "Installing the rest ..."
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[web,grading,dev]'
	@touch $@

# The pages can not be served yet, so their browser tests would have nothing to open.
test: setup ## Everything that CI runs
	tools/system_packages.sh
	$(BIN)/pytest --ignore=tests/browser --cov --cov-report=term:skip-covered
	$(BIN)/python manage.py check_exercises clip-loss --seeds 2

test-fast: setup ## The daily loop: under a minute
	$(BIN)/pytest -q --ignore=tests/browser -m "not slow and not docker and not browser"

check: setup ## Lint, types, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy platform/grading platform/config platform/curriculum/manifest.py sandbox tools
	PYTHONPATH=platform:. $(BIN)/lint-imports

fix: setup ## Format, and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

prove: setup ## Prove all exercises with twenty seeds (only="slug slug")
	$(BIN)/python manage.py check_exercises $(only)

bench: setup ## Grading against pytest by hand; writes build/bench.json
	$(BIN)/python -m tools.bench

.PHONY: help setup test test-fast check fix prove bench
