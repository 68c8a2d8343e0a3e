# Everything a newcomer runs. Each target sets up what it needs in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
EXTRAS := torch,triton,mlir,polyhedral,algebra,llm,acp,dev
STAMP  := $(VENV)/.installed
PARALLEL := -n logical --maxprocesses 4 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all test-llm check format bench-cpu bench-suites clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(STAMP) ## make .venv and install the project with its CPU tool chain

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "Python 3.11 to 3.13 is needed; set PYTHON=python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

demo: $(STAMP) ## run the main job on the examples and print the table
	$(BIN)/kernelwright optimize examples/relu.py examples/swish.py examples/diag_matmul.py \
	  examples/softmax.py examples/layer_norm.py examples/bias_gelu_residual.py \
	  examples/row_sum_column_max.py examples/numpy_chain.py examples/mse.py \
	  --backend cpu --effort none --baselines eager --out demo-out

test: $(STAMP) ## the default test suite: no GPU, no LLM, no network
	$(BIN)/python -m pytest $(PARALLEL) -m 'not gpu and not live and not heavy'

test-all: $(STAMP) ## the default suite and the heavy sets
	$(BIN)/python -m pytest $(PARALLEL) -m 'not gpu and not live'

test-llm: $(STAMP) ## what a model supports: LLM_BASE_URL=... LLM_MODEL=... [LLM_API_KEY=...]
	$(BIN)/python -m pytest -m live -s tests/llm

check: $(STAMP) ## format, lint, types, layers
	$(BIN)/ruff format --check src tests examples bench
	$(BIN)/ruff check src tests examples bench
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## rewrite the sources in the project's format
	$(BIN)/ruff format src tests examples bench
	$(BIN)/ruff check --fix src tests examples bench

bench-cpu: $(STAMP) ## measure the demo set on this CPU and write docs/benchmarks.md
	$(BIN)/python -m kernelwright.bench.demo --backend cpu

bench-suites: $(STAMP) ## run both suites on this CPU, side by side with eager and torch.compile
	$(BIN)/kernelwright bench memory_bound algebra --backend cpu

clean: ## remove what the targets made
	rm -rf $(VENV) demo-out kernelwright-out build src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
