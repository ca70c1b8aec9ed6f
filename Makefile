# make dataset: set everything up, build the data set from the bundled corpus, show it loading
# make test:    set everything up, run all tests
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.done

.PHONY: dataset test lint docs bench soak clean
dataset: $(SETUP)
	$(BIN)/bio-paws build
	HF_HUB_OFFLINE=1 $(BIN)/python -c 'from datasets import load_dataset; print(load_dataset("bioPAWS", "dna150"))'

test: $(SETUP) lint docs
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(SETUP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(SETUP)
	$(BIN)/python -m sphinx -q -W --keep-going -j 2 docs docs/_build

bench: $(SETUP)
	$(BIN)/python -m benchmarks.build
	$(BIN)/python -m benchmarks.groups
	$(BIN)/python -m benchmarks.leaks
	$(BIN)/python -m benchmarks.engines
	$(BIN)/python -m benchmarks.recall
	$(BIN)/python -m benchmarks.scale
	$(BIN)/python -m benchmarks.evaluation
	$(BIN)/python -m benchmarks.audit
	$(BIN)/python -m benchmarks.pretraining
	$(BIN)/python -m benchmarks.vector_memory

soak: $(SETUP)
	$(BIN)/python -m pytest -m soak

$(SETUP): pyproject.toml constraints.txt setup.sh
	PYTHON=$(PYTHON) sh setup.sh $(VENV)
	touch $@

clean:
	rm -rf $(VENV) .bio-paws-work docs/_build docs/reference/api docs/reference/generated
