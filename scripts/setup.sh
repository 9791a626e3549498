#!/bin/sh
# Makes .venv with the pinned requirements: `scripts/setup.sh run` or `scripts/setup.sh dev`.
#
# Needs only a Python 3.11 or newer. PYTHON=… picks one; otherwise an existing .venv is kept, or
# the first suitable of python3.13, python3.12, python3.11 and python3 is taken. A stamp of the
# lock and the interpreter says whether anything must be installed.
set -eu

cd "$(dirname "$0")/.."
kind=${1:?"say run or dev"}
case $kind in
    run) lock=requirements.txt ;;
    dev) lock=requirements-dev.txt ;;
    *) echo "setup.sh: say run or dev, not '$kind'." >&2; exit 2 ;;
esac
venv=.venv
stamps=$venv/.installed

# Prints "3.12.1" for a Python that is new enough, nothing otherwise. A name in PATH may be a
# shim for a version that is not there, so it is run.
version_of() {
    "$1" -c 'import sys
if sys.version_info >= (3, 11):
    print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null </dev/null || true
}

can_make_venv() {
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1 </dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        if [ -z "$(version_of "$PYTHON")" ]; then
            echo "PYTHON=$PYTHON is not a Python 3.11 or newer." >&2
            exit 1
        fi
        echo "$PYTHON"
        return
    fi
    fallback=
    for name in python3.13 python3.12 python3.11 python3; do
        [ -n "$(version_of "$name")" ] || continue
        if can_make_venv "$name"; then
            echo "$name"
            return
        fi
        [ -n "$fallback" ] || fallback=$name
    done
    if [ -z "$fallback" ]; then
        echo "SigmaTrader needs Python 3.11 or newer: install it, or say PYTHON=/path/to/python." >&2
        exit 1
    fi
    echo "$fallback"
}

# Debian and Ubuntu keep venv and ensurepip in a package of their own.
install_venv_package() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        minor=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        echo "Installing python3-venv ..."
        export DEBIAN_FRONTEND=noninteractive
        apt-get -qq update </dev/null || true
        apt-get -y -qq install "python$minor-venv" </dev/null >/dev/null 2>&1 ||
            apt-get -y -qq install python3-venv </dev/null >/dev/null || true
    fi
    if ! can_make_venv "$1"; then
        echo "$1 can't make a virtual environment (no ensurepip)." >&2
        echo "Run: sudo apt-get install python3-venv    (or what your system calls it)" >&2
        exit 1
    fi
}

stamp_of() {
    "$venv/bin/python" - "$1" <<'EOF'
import hashlib, pathlib, platform, sys
lock = hashlib.sha256(pathlib.Path(sys.argv[1]).read_bytes()).hexdigest()
print(lock, platform.python_implementation(), platform.python_version(), sys.prefix)
EOF
}

# A lock that holds is in the stamps. requirements-dev.txt repeats every pin of
# requirements.txt, so what installed it also serves `run`.
is_installed() {
    [ -f "$stamps" ] && grep -qxF "$(stamp_of "$lock")" "$stamps"
}

current=
[ ! -x $venv/bin/python ] || current=$(version_of $venv/bin/python)
if [ -n "$current" ] && [ -n "${PYTHON:-}" ] && [ "$(version_of "$PYTHON")" != "$current" ]; then
    current=
fi
if [ -n "$current" ]; then
    if is_installed; then
        exit 0
    fi
    # A set-up that was interrupted leaves a .venv without pip.
    $venv/bin/python -c 'import pip' 2>/dev/null || current=
fi
if [ -z "$current" ]; then
    python=$(find_python)
    can_make_venv "$python" || install_venv_package "$python"
    echo "Creating $venv with $python ($(version_of "$python")) ..."
    "$python" -m venv --clear $venv
fi

echo "Installing $lock ..."
rm -f "$stamps"
PIP_DISABLE_PIP_VERSION_CHECK=1 $venv/bin/python -m pip install \
    -qq --no-input --require-hashes --requirement "$lock" </dev/null
{
    stamp_of "$lock"
    [ "$kind" = run ] || stamp_of requirements.txt
} >"$stamps"
