# The commands of README.md. They need Python 3.11 (to 3.13) with its venv module and a
# package index, nothing else, and work from any folder: `make -C DIR`, `make -f FILE`.
#
#   make demo PYTHON=/path/to/python3.11    use this interpreter for the environment
#   make test PYTEST="tests/unit -x"        give pytest other arguments

.DEFAULT_GOAL := help
.PHONY: help demo test check docs accuracy bench mutants environment constraints clean
MAKEFLAGS += --no-print-directory

# Recipes run in the Makefile's own folder. Its path may hold spaces, so it is never a
# target nor a word of a list: a shell takes it apart, and `setup_env.sh` keeps the stamp.
quoted = '$(subst ','\'',$(1))'
hash := \#
export ROOT := $(shell file=$(call quoted,$(MAKEFILE_LIST)); cd "$$(dirname "$${file$(hash) }")" && pwd)
HERE := cd "$$ROOT" &&

# The virtual environment, relative to ROOT; made on first use.
UNIFIEDML_VENV ?= .venv
PYTHON ?=
RUN := "$(UNIFIEDML_VENV)/bin/python"

DEMO := examples/digits.py --compare
PYTEST := --numprocesses=2 --dist=loadgroup --cov --cov-report=term

# $(call phase,name,command) runs the command and prints how long it took.
phase = @$(HERE) printf '== %s: %s\n' '$(1)' '$(subst ",,$(2))' && start=$$(date +%s) && \
	$(2) && printf '== %s: %d s\n\n' '$(1)' "$$(($$(date +%s) - start))"

help: ## list the targets
	@$(HERE) sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | \
		while IFS='|' read -r target text; do printf '%-20s %s\n' "$$target" "$$text"; done

demo: environment ## train one model on both backends and compare
	@$(HERE) $(RUN) $(DEMO)

test: check ## everything that CI runs: lint, types, all tests with coverage
	$(call phase,tests,$(RUN) -m pytest $(PYTEST))

check: environment ## lint and types only
	$(call phase,lint,$(RUN) -m ruff check .)
	$(call phase,format,$(RUN) -m ruff format --check .)
	$(call phase,types,$(RUN) -m mypy)

docs: environment ## write the generated pages of docs/ anew
	@$(HERE) $(RUN) -m unifiedml.contract > docs/semantics.md

accuracy: environment ## measure every operation, write docs/accuracy.md
	@$(HERE) $(RUN) scripts/accuracy.py

bench: environment ## race native PyTorch and TensorFlow and Keras, write docs/benchmarks.md
	@$(HERE) $(RUN) -m benchmarks

mutants: environment ## plant 250 faults, see which ones the tests catch
	@$(HERE) $(RUN) scripts/mutants.py

environment: ## make the virtual environment, once
	@PYTHON="$(PYTHON)" sh "$$ROOT/scripts/setup_env.sh" "$(UNIFIEDML_VENV)"

constraints: ## resolve anew and write constraints.txt
	@PYTHON="$(PYTHON)" sh "$$ROOT/scripts/update_constraints.sh"

clean: ## remove the environment, builds and caches
	@$(HERE) rm -rf .venv build dist ./*.egg-info .coverage .coverage.* htmlcov \
		.mypy_cache .pytest_cache .ruff_cache .hypothesis
	@$(HERE) find unifiedml backends tests examples -name __pycache__ -type d -prune -exec rm -rf {} +
