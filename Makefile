# One command each: `make demo` and `make test` set everything up by themselves.
BIN := .venv/bin
# Files of tests are shared out to processes, each of which takes about 1.5 GB.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile
# Without compiled bytecode every start would parse all libraries again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow check docs notebooks bench clean

demo: .venv/.stamp
	$(BIN)/changepoint fit data/semmelweis.csv --model models/maternal_mortality.py --out build/demo

test: .venv/.stamp
	$(BIN)/pytest $(PARALLEL) -m "not slow"

test-slow: .venv/.stamp
	$(BIN)/pytest $(PARALLEL) -m slow

check: .venv/.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest --doctest-modules changepoint
	$(BIN)/pytest --doctest-glob "*.md" README.md CONTRIBUTING.md models
	$(MAKE) docs

docs: .venv/.stamp
	rm -rf build/docs
	$(BIN)/python -m sphinx -q -W --keep-going docs build/docs

bench: .venv/.stamp
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/sampling.py
	$(BIN)/python benchmarks/batch.py

notebooks: .venv/.stamp
	$(BIN)/python tools/notebooks.py

clean:
	rm -rf .venv build dist docs/generated .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find changepoint models tests benchmarks -name __pycache__ -exec rm -rf {} +

.venv/.stamp: pyproject.toml constraints.txt tools/bootstrap.py
	python3 tools/bootstrap.py
