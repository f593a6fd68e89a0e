# From a clean clone: `make demo` replays a recorded User-mode Linux run, `make test` runs every test.
# Needs Python 3.11 or later; everything else goes into .venv. Nobody waits for a compiler to see a report: `demo`
# interprets, `test` compiles first so that both engines are compared.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DEV    := $(VENV)/.ready-dev

.PHONY: demo test bench lint types wheel clean

demo: $(READY)
	@$(BIN)/remaptrace run traces/uml-touch2000
	@echo; echo "The same for a program of this machine, where it may be recorded:"
	@-dir=$$(mktemp -d) && $(BIN)/remaptrace record -o $$dir/ls.rtset.zst -- ls -la; rm -rf $$dir

test: $(DEV)
	@$(BIN)/remaptrace warm
	$(BIN)/python -m pytest

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)
	$(BIN)/mypy

# Measured is what users of the wheel have: its machine code is made first (two minutes).
bench: $(DEV)
	$(BIN)/python -m remaptrace.machinecode.ship
	$(BIN)/python -m benchmarks

# Compiles the engine and the readers for every level of processor, and packs them into dist/. The same commit gives the
# same bytes: times of files are that of the commit.
wheel: $(READY)
	$(BIN)/python -m remaptrace.machinecode.ship
	rm -rf build
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || echo 315532800)} \
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

$(READY): pyproject.toml
	@tools/venv.sh $(PYTHON) $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@$(BIN)/python -m compileall -q remaptrace
	@touch $@

$(DEV): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache

.PHONY: fuzz
fuzz: $(DEV)  ## mutate real inputs for a minute; SECONDS and SEED change it
	$(BIN)/python -m tools.fuzz $(or $(SECONDS),60) $(or $(SEED),1)

.PHONY: faults
faults: $(DEV)  ## end every command by signals at many moments, and on full disks
	$(BIN)/python -m tools.faults

.PHONY: man
man: $(READY)  ## man pages and completions, made from the help, below share/
	$(BIN)/python -m tools.manpages share

.PHONY: help-texts
help-texts: $(READY)  ## the texts of --help that are told without click; after every change of an option
	$(BIN)/python -m tools.helptexts

# The documentation site into build/site, with the gallery; a warning is an error.
.PHONY: site
site: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	$(BIN)/python -m tools.gallery docs/gallery
	$(BIN)/mkdocs build --strict
