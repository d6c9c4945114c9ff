.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## Start the site, its worker and a Redis of its own (PORT=8000)
	@$(BIN)/python -m tools.run

setup: $(STAMP) ## Make .venv with everything in it

$(STAMP): pyproject.toml constraints.txt tools/bundled.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: PYTHON=python3.11 make setup")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "1/3 Installing torch (the largest part) ..."
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt torch==2.13.0
	@echo "2/3 Installing the rest ..."
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[web,grading,dev]'
	@echo "3/3 Looking for bubblewrap and Redis ..."
	@tools/bundled.sh
	@touch $@

test: setup ## Everything that CI runs
	tools/system_packages.sh
	$(BIN)/pytest -m "not release" --cov --cov-report=term:skip-covered
	$(BIN)/python manage.py check_exercises clip-loss --seeds 2

test-fast: setup ## The daily loop, without sandboxes and browsers: under a minute
	$(BIN)/pytest -q -m "not slow and not sandbox and not docker and not browser and not postgres"

check: setup ## Lint, types, import directions, templates, missing migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djlint --lint --quiet --profile=django platform/templates
	$(BIN)/mypy platform sandbox tools
	PYTHONPATH=platform:. $(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

fix: setup ## Format, and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

prove: setup ## Prove all exercises with twenty seeds (only="slug slug"); needed before they are published
	$(BIN)/python manage.py check_exercises --record $(only)

bench: setup ## Grading against pytest by hand; writes build/bench.json
	$(BIN)/python -m tools.bench

bench-speed: setup ## How often the speed protocol errs; writes build/bench-speed.json
	$(BIN)/python -m tools.bench_speed

bench-web: setup ## Leaderboards with a million submissions in PostgreSQL; writes build/bench-web.json
	$(BIN)/python -m tools.bench_web

attacks: setup ## All that hostile code tries, on every runtime; writes build/attacks.json
	$(BIN)/pytest -q tests/attacks

fuzz: setup ## Hostile frames against the wire (FRAMES=1000000)
	$(BIN)/python -m tools.fuzz_wire

messages: setup ## Extract the site's texts and compile their translations (needs gettext)
	cd platform && ../$(BIN)/django-admin makemessages --locale zh_Hans --add-location file --ignore 'static/*'
	cd platform && ../$(BIN)/django-admin compilemessages --locale zh_Hans

sandbox-image: setup ## Build the image of Docker sandboxes (BASE=debootstrap where no registry can be reached)
	$(BIN)/python -m tools.sandbox_image $(BASE)

worker-image: setup ## Build the image of workers and graders (BASE=debootstrap likewise)
	$(BIN)/python -m tools.worker_image $(BASE)

.PHONY: help run setup test test-fast check fix prove bench bench-speed bench-web attacks fuzz messages sandbox-image worker-image
