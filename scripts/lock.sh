#!/bin/sh
# Compiles the locks from pyproject.toml: exact pins with hashes, for every platform and Python
# from 3.11 on. Arguments go to uv, for example: scripts/lock.sh --upgrade-package django
set -eu
cd "$(dirname "$0")/.."

compile() {
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header "$@"
}

compile "$@" pyproject.toml --output-file requirements.txt
compile "$@" --group dev pyproject.toml --constraints requirements.txt \
    --output-file requirements-dev.txt
