# Every target sets itself up in .venv; only Python 3.11 or newer and a package index are needed.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install reproduce probe demo test check tables

install: .venv/installed

# Exactly the locked versions, each checked against its hash.
.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	touch $@

# The main job: a sweep over the ladder, two rows beside it, then the table, the ladder plot and the maps, under runs/reproduce.
reproduce: install
	$(BIN)/awcu train experiment=reproduce
	$(BIN)/awcu train experiment=reproduce weighting=step weighting.delta=0.5 weighting.ratio=inf
	$(BIN)/awcu train experiment=reproduce hydra.sweeper.params=null weighting=power seed=0,1,2
	$(BIN)/awcu table experiments/reproduce --runs runs/reproduce --out runs/reproduce
	$(BIN)/awcu maps runs/reproduce/seed=0,weighting.delta=1,weighting.ratio=4,weighting=step --out runs/reproduce/maps.png
	@echo "table.md, results.csv, ladder.png and maps.png are in runs/reproduce"

# The ladder by heads on a frozen network, under runs/probe_ladder.
probe: install
	$(BIN)/awcu probe experiment=probe_ladder
	$(BIN)/awcu table experiments/probe_ladder --runs runs/probe_ladder --out runs/probe_ladder
	@echo "table.md, results.csv and ladder.png are in runs/probe_ladder"

# The web page on this machine, with the small models that come with the package.
demo: install
	$(BIN)/awcu demo

test: install
	$(BIN)/python -m pytest

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Tables and plots anew from the committed results; a table's block in every README that has one.
tables: install
	for spec in $$(find experiments -name table.yaml | sort); do \
		folder=$${spec%/table.yaml}; block="<!-- table:$${folder#experiments/} -->"; \
		readmes=$$(grep -rlF --include=README.md "$$block" README.md experiments | sed 's/^/--readme /'); \
		$(BIN)/awcu table $$folder $$readmes || exit 1; done
