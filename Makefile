# Two commands do everything on a machine that has Python 3.11+ and make:
#   make gameday   plays the three experiments on the embedded lab and names the report
#   make test      runs the tests
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# tests start hundreds of short processes: without its cache Python would compile everything anew in each of them
unexport PYTHONDONTWRITEBYTECODE

.PHONY: gameday test check lock docs clean

gameday: $(STAMP)
	$(BIN)/gameday run experiments/ecs/stop-one-task.yaml experiments/rds/reboot-with-failover.yaml \
	  experiments/latency/backend-to-database.yaml

# the machine is full meanwhile: what fails beside others is named, and has to hold alone
test: $(STAMP)
	$(BIN)/python -m pytest -n 6 --dist loadfile --no-loadscope-reorder $(LEAVE_OUT) || { code=$$?; [ $$code = 1 ] || exit $$code; \
	  echo "== once more, alone: what failed beside others"; \
	  $(BIN)/python -m pytest --last-failed --last-failed-no-failures none --maxfail 10 -v; }

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m docs.reference --check
	.ci/workflows $(VENV)

docs: $(STAMP)
	$(BIN)/python -m docs.reference

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than Python 3.11; run: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $(STAMP)

lock:  ## for maintainers: the versions that the repository's own runs use, for every supported Python
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --extra lab --extra notify --extra dev --no-header --no-annotate \
	  --quiet -o requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) dist build *.egg-info .mypy_cache .ruff_cache .pytest_cache
