# make demo: phantom, both stages, masks and report in minutes. make test: the quick tests.
PYTHON ?= python3
BIN := .venv/bin
export NO_ALBUMENTATIONS_UPDATE := 1
LOCKED_FOR := cpython-311-linux-x86_64
TAG := import sys, sysconfig; print(sys.implementation.cache_tag, sysconfig.get_platform(), sep="-")
HERE = $(shell $(PYTHON) -c '$(TAG)')
LOCK = build/locking/bin/uv pip compile --quiet --generate-hashes --no-header --no-annotate \
  --no-emit-index-url --no-emit-find-links --python-version 3.11 \
  --python-platform x86_64-manylinux_2_28 $(UPGRADE)

.PHONY: help demo lock test offline slow soak lint check benchmark clean

help:
	@echo "make demo       install, write a phantom, train both stages, infer, evaluate"
	@echo "make test       the quick tests (three minutes on two cores)"
	@echo "make slow       the slow tests"
	@echo "make soak       the checks of docs/trust.md in full, one line and figure each (hours)"
	@echo "make lint       ruff, mypy, import-linter"
	@echo "make check      lint, test and slow: what CI runs"
	@echo "make benchmark  every benchmark"
	@echo "make offline    the quick tests with every socket but loopback blocked"
	@echo "make lock       the versions and hashes that CI installs, after a change of setup.py"

# The versions that CI runs, by their hashes, where Python and system are CI's; pip chooses elsewhere.
define install
	$(PYTHON) -m venv .venv
	if [ "$(HERE)" = "$(LOCKED_FOR)" ]; then \
	  $(BIN)/pip install --quiet --require-hashes -r requirements/build.lock && \
	  $(BIN)/pip install --quiet --require-hashes --no-build-isolation -r requirements/$(1).lock && \
	  $(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .; \
	else $(BIN)/pip install --quiet --editable ".[$(2)]"; fi
	$(BIN)/pip check
endef

$(BIN)/.demo: setup.py requirements/demo.lock
	$(call install,demo,lite)
	@touch $@

$(BIN)/.dev: setup.py requirements/ci.lock
	$(call install,ci,dev)
	@touch $@ $(BIN)/.demo

# Locked versions stay unless setup.py asks for others; make lock UPGRADE=--upgrade renews them all.
lock:
	$(PYTHON) -m venv build/locking
	build/locking/bin/pip install --quiet "uv>=0.9,<1"
	$(LOCK) setup.py --extra dev --output-file requirements/ci.lock
	$(LOCK) setup.py --extra lite --constraint requirements/ci.lock --output-file requirements/demo.lock
	$(LOCK) requirements/build.in --constraint requirements/ci.lock --output-file requirements/build.lock
	sed -i '1i # Written by make lock for $(LOCKED_FOR).\n' requirements/*.lock

demo: $(BIN)/.demo
	$(BIN)/python tools/train_cls.py experiment=demo overwrite=true
	$(BIN)/python tools/train_seg.py experiment=demo overwrite=true
	$(BIN)/python tools/infer.py experiment=demo overwrite=true

test: $(BIN)/.dev
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m "not slow and not soak"

offline: $(BIN)/.dev
	PYTHONPATH=$(CURDIR)/tests/offline $(BIN)/python -m pytest --numprocesses 2 --dist loadfile \
	  -m "not slow and not soak"

slow: $(BIN)/.dev
	$(BIN)/python -m pytest --numprocesses 2 --dist load --durations 5 -m "slow and not soak"

# In one process, so that the times in the figures mean something.
soak: $(BIN)/.dev
	$(BIN)/python -m pytest -m soak tests/soak

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
