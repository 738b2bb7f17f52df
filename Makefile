# Every target sets itself up in .venv; only Python 3.11 or newer and a package index are needed.
PYTHON ?= python3
BIN := .venv/bin
# One worker per core and one thread per worker, so that workers do not compete for the same cores.
PYTEST := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal

# The theme's announcement of its successor is no fault of the pages.
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

.PHONY: install lock sbom audit reproduce probe demo test slow check docs tables

install: .venv/installed

$(BIN)/uv:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv

# Exactly the locked versions, each checked against its hash.
.venv/installed: pylock.toml pyproject.toml .ci/lock.py | $(BIN)/uv
	$(BIN)/python .ci/lock.py requirements pylock.toml > .venv/requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r .venv/requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	touch $@

# The lock anew from pyproject.toml. What is locked stays where it can; `make lock UPGRADE=--upgrade` takes the newest.
lock: | $(BIN)/uv
	mkdir -p .venv/lock && cp pylock.toml .venv/lock
	$(BIN)/uv pip compile --quiet --python $(BIN)/python --universal --all-extras --group dev --group docs \
		--group compared $(UPGRADE) --output-file .venv/lock/pylock.toml pyproject.toml
	$(BIN)/python .ci/lock.py slim .venv/lock/pylock.toml > pylock.toml

# All that is locked, as a bill of materials (CycloneDX), under dist.
sbom: install
	mkdir -p dist
	$(BIN)/uv tool run --from cyclonedx-bom==7.5.0 cyclonedx-py requirements .venv/requirements.txt --pyproject pyproject.toml \
		--mc-type library --output-reproducible --output-file dist/awcu.cdx.json

# Known vulnerabilities of what is locked; needs the internet, and fails where it cannot ask.
audit: install
	$(BIN)/uv tool run pip-audit==2.10.1 --requirement .venv/requirements.txt --require-hashes --disable-pip --strict

# The main job: the ladder of weightings, then its table, plot and maps, under runs/reproduce.
reproduce: install
	$(BIN)/awcu train experiment=reproduce
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
	$(PYTEST)

# The tests marked slow, such as those that start and kill processes; those that need more than this machine stay out.
slow: install
	$(PYTEST) -m "slow and not gpu and not network and not browser and not slurm and not exiftool and not nginx"

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/licences.py
	$(MKDOCS) --site-dir .venv/site  # not --quiet: it hides the warnings that --strict counts

# The documentation, under site.
docs: install
	$(MKDOCS) --site-dir site

# Tables and plots anew from the committed results; a table's block in every README that has one.
tables: install
	for results in $$(find experiments -name results.csv | sort); do \
		folder=$${results%/results.csv}; block="<!-- table:$${folder#experiments/} -->"; \
		readmes=$$(grep -rlF --include=README.md "$$block" README.md experiments | sed 's/^/--readme /'); \
		$(BIN)/awcu table $$folder $$readmes || exit 1; done
