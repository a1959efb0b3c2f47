# make demo: phantom, both stages, masks and report in minutes. make test: the quick tests.
PYTHON ?= python3
BIN := .venv/bin
export NO_ALBUMENTATIONS_UPDATE := 1

.PHONY: help demo test slow lint check benchmark clean

help:
	@echo "make demo       install, write a phantom, train both stages, infer, evaluate"
	@echo "make test       the quick tests (three minutes on two cores)"
	@echo "make slow       the slow tests"
	@echo "make lint       ruff, mypy, import-linter"
	@echo "make check      lint, test and slow: what CI runs"
	@echo "make benchmark  every benchmark"

$(BIN)/.demo: setup.py
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable ".[lite]"
	@touch $@

$(BIN)/.dev: setup.py
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable ".[dev]"
	@touch $@ $(BIN)/.demo

demo: $(BIN)/.demo
	$(BIN)/python tools/train_cls.py experiment=demo overwrite=true
	$(BIN)/python tools/train_seg.py experiment=demo overwrite=true
	$(BIN)/python tools/infer.py experiment=demo overwrite=true

test: $(BIN)/.dev
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m "not slow"

slow: $(BIN)/.dev
	$(BIN)/python -m pytest --numprocesses 2 --dist load --durations 5 -m slow

# setup.py lays conf/ and tools/ into the package, and there they are checked.
lint: $(BIN)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	rm -rf build
	$(BIN)/python setup.py --quiet build_py
	cd build/lib && ../../$(BIN)/mypy --config-file ../../pyproject.toml -p nerveceg
	$(BIN)/lint-imports

check: lint test slow

benchmark: $(BIN)/.dev
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

clean:
	rm -rf build dist *.egg-info .venv
