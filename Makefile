# Everything runs from a fresh checkout: `make run` to use SigmaTrader, `make test` to test it.

# An unset variable on the command line must not send tools of another environment here.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME DJANGO_SETTINGS_MODULE
export PYTHON

PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help run test check demo faults bench lock docs pictures format venv venv-dev

help:
	@echo "make run     start SigmaTrader (sets up on the first run; Ctrl-C stops it)"
	@echo "make test    the whole suite: SQLite, PostgreSQL, browser"
	@echo "make check   formatting, types, import contracts, migrations, templates, docs, locks"
	@echo "make demo    a sample trading day on a simulated broker (own data, own ports)"
	@echo "make faults  a campaign of faults and kill -9 against the dispatcher (SEED=1 N=500)"
	@echo "make bench   what risk, a claim and a report cost as history grows (OPTIONS=--database=postgres)"
	@echo "make lock    compile requirements.txt and requirements-dev.txt from pyproject.toml"
	@echo "make docs    rewrite the generated parts of docs/"
	@echo "make pictures  take the pictures of README and docs from the demo anew"
	@echo "make format  format the code"

venv:
	@sh scripts/setup.sh run

venv-dev:
	@sh scripts/setup.sh dev

run: venv
	@exec $(PY) manage.py up

test: venv-dev
	@exec $(PY) -m scripts.suite

check: venv-dev
	@exec $(PY) -m scripts.check

demo: venv
	@exec $(PY) manage.py demo $(OPTIONS)

faults: venv-dev
	@exec $(PY) -m scripts.faults --seed $(or $(SEED),1) --orders $(or $(N),500)

bench: venv-dev
	@exec $(PY) -m scripts.bench $(OPTIONS)

lock: venv-dev
	@sh scripts/lock.sh

pictures: venv-dev
	@exec $(PY) -m scripts.pictures

docs: venv-dev
	@exec $(PY) -m scripts.docs

format: venv-dev
	@$(PY) -m ruff check --quiet --fix .
	@$(PY) -m ruff format --quiet .
	@.venv/bin/djade --target-version 5.2 $$(find templates -name '*.html')
